/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_regions.c - the regions of a measured cell, those first that took most time themselves. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/region.h"
#include "report/view.h"

/* How many regions are not shown, behind which comes end. */
static void remaining(struct buffer *out, const struct json *measured, const char *end)
{
    long long all = json_integer(json_get(measured, "region_count"), 0);
    long long shown = (long long)json_count(json_get(measured, "regions"));
    long long more = all > shown ? all - shown : 0;
    if (more)
        print_text(out, "and %lld more %s%s", more, more == 1 ? "region" : "regions", end);
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
    char name[REGION_TEXT_MAX], place[REGION_TEXT_MAX];
    print_seconds(&cell, region->exclusive_s);
    draw_right(out, &cell, 10);
    print_text(&cell, "%d %%", (int)(region->percent + 0.5));
    draw_right(out, &cell, 7);
    print_seconds(&cell, region->inclusive_s);
    draw_right(out, &cell, 11);
    region_print_visits(&cell, region);
    draw_right(out, &cell, 11);
    region_name(region, name);
    region_place(region, place);
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

static void text(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    const struct json *regions = json_get(measured, "regions");
    double total_ns = json_number(json_get(measured, "exclusive_ns"), 0);
    if (!json_count(regions)) {
        print_text(out, "No region was timed.\n");
        return;
    }
    print_text(out, "\n%10s%7s%11s%11s  region\n", "exclusive", "", "inclusive", "visits");
    for (size_t i = 0; i < json_count(regions); i++) {
        struct region region = region_read(json_at(regions, i), total_ns);
        plain_row(out, &region);
    }
    remaining(out, measured, "\n");
}

static void html_row(struct buffer *out, const struct region *region)
{
    int percent = (int)(region->percent + 0.5);
    char name[REGION_TEXT_MAX], place[REGION_TEXT_MAX];
    print_text(out, "<tr><td style=\"text-align:right\">");
    print_seconds(out, region->exclusive_s);
    if (region->most_s >= 0) {
        print_text(out, "<br><small style=\"" DRAW_FAINT "\">");
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
    region_print_visits(out, region);
    print_text(out, "</td><td style=\"text-align:left\" title=\"");
    print_html(out, region->name);
    print_text(out, "&#10;");
    print_html(out, region->file);
    print_text(out, ":%lld\"><code>", region->line);
    region_name(region, name);
    print_html(out, name);
    print_text(out, "</code> <small style=\"" DRAW_FAINT "\">");
    region_place(region, place);
    print_html(out, place);
    print_text(out, "</small></td></tr>");
}

static void html(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    const struct json *regions = json_get(measured, "regions");
    double total_ns = json_number(json_get(measured, "exclusive_ns"), 0);
    if (!json_count(regions)) {
        print_text(out, "<div>No region was timed.</div>");
        return;
    }
    if (findings_are_sampled(findings))
        draw_details(out, findings, "Regions");
    print_text(out, "<div style=\"overflow-x:auto\"><table style=\"margin:0.5em "
                    "0\"><thead><tr><th>exclusive</th><th></th><th>inclusive</th>"
                    "<th>visits</th><th style=\"text-align:left\">region</th></tr></thead><tbody>");
    for (size_t i = 0; i < json_count(regions); i++) {
        struct region region = region_read(json_at(regions, i), total_ns);
        html_row(out, &region);
    }
    print_text(out, "</tbody></table></div><small>");
    remaining(out, measured, "");
    print_text(out, "</small>%s", findings_are_sampled(findings) ? "</details>" : "");
}

const struct report_view view_regions = {"regions", text, html};
