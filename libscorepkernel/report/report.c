/* SPDX-License-Identifier: BSD-3-Clause
 *
 * report.c - what is shown under a measured cell: where the experiment is, how long the cell took, and where
 * the time went. Pure: JSON in, JSON out. Everything that comes from users' code is escaped.
 */
#include "report/report.h"

#include "base/print.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 512 /* bytes of a name that is shown, as are those of a place */
#define NUMBER_MAX 32

/* A region as it came: name, file, line, visits, inclusive and exclusive time in ns. */
struct region {
    const char *name;
    const char *file;
    long long line;
    long long visits;
    double inclusive_s;
    double exclusive_s;
    double percent;         /* of the exclusive time of all regions */
    double least_s, most_s; /* exclusive, where there were several runs; most_s is negative otherwise */
};

static const char *text_or(const struct json *value, const char *fallback)
{
    const char *text = json_text(value, NULL);
    return text ? text : fallback;
}

static struct region region_of(const struct json *row, double total_ns)
{
    double exclusive_ns = json_number(json_at(row, 5), 0);
    double percent = total_ns > 0 ? 100 * exclusive_ns / total_ns : 0;
    return (struct region){
        .name = text_or(json_at(row, 0), "?"),
        .file = text_or(json_at(row, 1), ""),
        .line = json_integer(json_at(row, 2), 0),
        .visits = json_integer(json_at(row, 3), 0),
        .inclusive_s = json_number(json_at(row, 4), 0) / 1e9,
        .exclusive_s = exclusive_ns / 1e9,
        .least_s = json_number(json_at(row, 6), 0) / 1e9,
        .most_s = json_number(json_at(row, 7), -1) / 1e9,
        .percent = percent < 0     ? 0
                   : percent > 100 ? 100
                                   : percent, /* the JSON comes from another process and may be wrong */
    };
}

static const char cell_file[] = "<ipython-input-";

static int is_in_cell(const struct region *region)
{
    return strncmp(region->file, cell_file, sizeof cell_file - 1) == 0;
}

static int is_cell_itself(const struct region *region)
{
    static const char module[] = "__main__:<module>", line[] = "__main__:<cell line: ";
    return is_in_cell(region) &&
           (strcmp(region->name, module) == 0 || strncmp(region->name, line, sizeof line - 1) == 0);
}

/* The notebook's own functions go by the name that Python gives them: Thing.method, outer.inner. The full
 * name (module.Class:function, as Score-P has it) is in the trace. */
static void name_region(const struct region *region, char text[TEXT_MAX])
{
    static const char own[] = "__main__", locals[] = ".<locals>";
    size_t len = sizeof own - 1, at = 0;
    const char *name = region->name;
    if (strncmp(name, own, len) != 0 || (name[len] != ':' && name[len] != '.')) {
        utf8_format(text, TEXT_MAX, "%s", name);
        return;
    }
    name += len + 1;
    if (is_cell_itself(region))
        name = "(the cell itself)";
    while (*name && at + 1 < TEXT_MAX) {
        if (strncmp(name, locals, sizeof locals - 1) == 0) {
            name += sizeof locals - 1;
            continue;
        }
        text[at] = *name++;
        if (text[at] == ':')
            text[at] = '.';
        at++;
    }
    text[*name ? utf8_whole(text, at) : at] = 0;
}

/* IPython runs a cell statement by statement; to the user it ran once. */
static void print_visits(struct buffer *out, const struct region *region)
{
    static const char one_of_many[] =
        "cell "; /* as worker/measure/cell.py names the regions of cells that are measured together */
    int is_cell = is_cell_itself(region) ||
                  (is_in_cell(region) && strncmp(region->name, one_of_many, sizeof one_of_many - 1) == 0);
    print_count(out, is_cell ? 1 : region->visits);
}

/* Where a region is, as the user knows it: "In [3]:7" for a cell, the file's name without its folders
 * otherwise. */
static void name_place(const struct region *region, char place[TEXT_MAX])
{
    const char *file = region->file;
    if (is_in_cell(region)) {
        const char *number = file + sizeof cell_file - 1;
        size_t len = strcspn(number, "-");
        utf8_format(place, TEXT_MAX, "In [%.*s]:%lld", (int)utf8_cut(number, len, NUMBER_MAX), number,
                    region->line);
        return;
    }
    const char *slash = strrchr(file, '/');
    const char *name = slash && slash[1] ? slash + 1 : file;
    if (region->line > 0)
        utf8_format(place, TEXT_MAX, "%.*s:%lld", (int)utf8_cut(name, strlen(name), TEXT_MAX - NUMBER_MAX),
                    name, region->line);
    else
        utf8_format(place, TEXT_MAX, "%s", name[0] ? name : "by the measurement system");
}

static int print_plain(struct buffer *out, const char *text)
{
    return print_visible(out, text, strlen(text));
}

/* How the times spread, for a cell that was measured several times. */
static void spread(struct buffer *out, const struct json *measured)
{
    long long runs = json_integer(json_get(measured, "runs"), 1);
    if (runs < 2)
        return;
    print_text(out, " (the median of %lld, from ", runs);
    print_seconds(out, json_number(json_get(measured, "seconds_least"), 0));
    print_text(out, " to ");
    print_seconds(out, json_number(json_get(measured, "seconds_most"), 0));
    print_text(out, ")");
}

static void summary(struct buffer *out, const struct json *measured,
                    int (*print)(struct buffer *, const char *))
{
    long long locations = json_integer(json_get(measured, "locations"), 0);
    print_text(out, "Measured in ");
    print_seconds(out, json_number(json_get(measured, "seconds"), 0));
    spread(out, measured);
    print_text(out, " by ");
    print(out, text_or(json_get(measured, "measurement"), "measurement"));
    print_text(out, ": ");
    print_count(out, json_integer(json_get(measured, "events"), 0));
    print_text(out, " events in %lld %s", locations, locations == 1 ? "location" : "locations");
}

/* Where the cell ran, and what that cost it. */
static void circumstances(struct buffer *out, const struct json *measured,
                          int (*print)(struct buffer *, const char *))
{
    static const double worth_telling_s = 1e-4;
    double seconds = json_number(json_get(measured, "page_faults_seconds"), 0);
    print_text(out, "Ran ");
    print(out, text_or(json_get(measured, "way"), "somewhere"));
    if (seconds < worth_telling_s)
        return;
    print_text(out, "; ");
    print_count(out, json_integer(json_get(measured, "page_faults"), 0));
    print_text(out, " page faults, which took about ");
    print_seconds(out, seconds);
}

static void remaining(struct buffer *out, const struct json *measured)
{
    long long all = json_integer(json_get(measured, "region_count"), 0);
    long long shown = (long long)json_count(json_get(measured, "regions"));
    long long more = all > shown ? all - shown : 0;
    if (more)
        print_text(out, "and %lld more %s", more, more == 1 ? "region" : "regions");
}

static void padded(struct buffer *out, struct buffer *cell, size_t width)
{
    size_t columns = 0; /* not bytes: the micro sign has two */
    for (size_t i = 0; i < cell->len; i++)
        columns += (buffer_bytes(cell)[i] & 0xC0) != 0x80;
    print_text(out, "%*s", (int)(width > columns ? width - columns : 0), "");
    buffer_append(out, buffer_bytes(cell), cell->len);
    buffer_consume(cell, cell->len);
}

static void print_range(struct buffer *out, const struct region *region)
{
    print_seconds(out, region->least_s);
    print_text(out, " to ");
    print_seconds(out, region->most_s);
}

static void plain_row(struct buffer *out, const struct region *region)
{
    struct buffer cell = {0};
    char name[TEXT_MAX], place[TEXT_MAX];
    print_seconds(&cell, region->exclusive_s);
    padded(out, &cell, 10);
    print_text(&cell, "%d %%", (int)(region->percent + 0.5));
    padded(out, &cell, 7);
    print_seconds(&cell, region->inclusive_s);
    padded(out, &cell, 11);
    print_visits(&cell, region);
    padded(out, &cell, 11);
    name_region(region, name);
    name_place(region, place);
    print_text(out, "  ");
    print_name(out, name);
    print_text(out, "  (");
    print_name(out, place);
    print_text(out, ")");
    if (region->most_s >= 0) {
        print_text(out, "  exclusive ");
        print_range(out, region);
    }
    print_text(out, "\n");
    buffer_finish(&cell);
}

static void plain(struct buffer *out, const struct json *measured)
{
    const struct json *regions = json_get(measured, "regions"), *warnings = json_get(measured, "warnings");
    const char *messages = text_or(json_get(measured, "messages"), "");
    double total_ns = json_number(json_get(measured, "exclusive_ns"), 0);
    summary(out, measured, print_plain);
    print_text(out, "\nExperiment: ");
    print_name(out, text_or(json_get(measured, "directory"), "?"));
    print_text(out, "\n");
    circumstances(out, measured, print_plain);
    print_text(out, "\n");
    for (size_t i = 0; i < json_count(warnings); i++) {
        print_text(out, "Warning: ");
        print_plain(out, text_or(json_at(warnings, i), ""));
        print_text(out, "\n");
    }
    if (messages[0]) {
        print_text(out, "The measurement system says:\n");
        print_plain(out, messages);
        print_text(out, "\n");
    }
    if (!json_count(regions)) {
        print_text(out, "No region was timed.\n");
        return;
    }
    print_text(out, "\n%10s%7s%11s%11s  region\n", "exclusive", "", "inclusive", "visits");
    for (size_t i = 0; i < json_count(regions); i++) {
        struct region region = region_of(json_at(regions, i), total_ns);
        plain_row(out, &region);
    }
    remaining(out, measured);
}

static void html_row(struct buffer *out, const struct region *region)
{
    int percent = (int)(region->percent + 0.5);
    char name[TEXT_MAX], place[TEXT_MAX];
    print_text(out, "<tr><td style=\"text-align:right\">");
    print_seconds(out, region->exclusive_s);
    if (region->most_s >= 0) {
        print_text(out, "<br><small style=\"opacity:0.6\">");
        print_range(out, region);
        print_text(out, "</small>");
    }
    print_text(
        out,
        "</td><td style=\"text-align:left;min-width:8em\"><span style=\"display:inline-block;height:0.7em;"
        "width:%d.%02dem;min-width:1px;background:#e4572e\"></span> %d&nbsp;%%</td>"
        "<td style=\"text-align:right\">",
        percent * 5 / 100, percent * 5 % 100, percent);
    print_seconds(out, region->inclusive_s);
    print_text(out, "</td><td style=\"text-align:right\">");
    print_visits(out, region);
    print_text(out, "</td><td style=\"text-align:left\" title=\"");
    print_html(out, region->name);
    print_text(out, "&#10;");
    print_html(out, region->file);
    print_text(out, ":%lld\"><code>", region->line);
    name_region(region, name);
    print_html(out, name);
    print_text(out, "</code> <small style=\"opacity:0.6\">");
    name_place(region, place);
    print_html(out, place);
    print_text(out, "</small></td></tr>");
}

static void html(struct buffer *out, const struct json *measured)
{
    const struct json *regions = json_get(measured, "regions"), *warnings = json_get(measured, "warnings");
    const char *messages = text_or(json_get(measured, "messages"), "");
    double total_ns = json_number(json_get(measured, "exclusive_ns"), 0);
    print_text(out, "<div style=\"border-left:3px solid #e4572e;padding-left:0.8em\"><div>");
    summary(out, measured, print_html);
    print_text(out, "</div><div><small>Experiment: <code>");
    print_html(out, text_or(json_get(measured, "directory"), "?"));
    print_text(out, "</code></small></div><div><small>");
    circumstances(out, measured, print_html);
    print_text(out, "</small></div>");
    for (size_t i = 0; i < json_count(warnings); i++) {
        print_text(out, "<div><b>Warning:</b> ");
        print_html(out, text_or(json_at(warnings, i), ""));
        print_text(out, "</div>");
    }
    if (messages[0]) {
        print_text(out, "<details><summary>The measurement system says</summary><pre>");
        print_html(out, messages);
        print_text(out, "</pre></details>");
    }
    if (!json_count(regions)) {
        print_text(out, "<div>No region was timed.</div></div>");
        return;
    }
    print_text(out, "<table style=\"margin:0.5em 0\"><thead><tr><th>exclusive</th><th></th><th>inclusive</th>"
                    "<th>visits</th><th style=\"text-align:left\">region</th></tr></thead><tbody>");
    for (size_t i = 0; i < json_count(regions); i++) {
        struct region region = region_of(json_at(regions, i), total_ns);
        html_row(out, &region);
    }
    print_text(out, "</tbody></table><small>");
    remaining(out, measured);
    print_text(out, "</small></div>");
}

struct json *report_content(struct spk_text measurement)
{
    struct json *measured = json_parse(measurement.data, measurement.len);
    struct json *content = json_object(), *data = json_object();
    struct buffer text = {0}, page = {0};
    int result = measured ? 0 : -1;
    if (result == 0) {
        plain(&text, measured);
        html(&page, measured);
        /* A buffer that memory ran out for is empty or short, which only shortens the report. */
        if (text.len)
            result = json_set_text(data, "text/plain", (const char *)buffer_bytes(&text), text.len);
        if (page.len && result == 0)
            result = json_set_text(data, "text/html", (const char *)buffer_bytes(&page), page.len);
    }
    if (result == 0)
        result = json_set(content, "metadata", json_object());
    if (result == 0)
        result = json_set(content, "transient", json_object());
    if (result == 0) {
        result = json_set(content, "data", data);
        data = NULL;
    }
    buffer_finish(&text);
    buffer_finish(&page);
    json_free(measured);
    json_free(data);
    if (result == 0)
        return content;
    json_free(content);
    return NULL;
}
