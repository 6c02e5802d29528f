/* SPDX-License-Identifier: BSD-3-Clause
 *
 * region.c - a region of a measured cell, and the words for it. Pure.
 */
#include "report/region.h"

#include "base/print.h"
#include "base/utf8.h"

#include <string.h>

#define NUMBER_MAX 32

static const char *text_or(const struct json *value, const char *fallback)
{
    const char *text = json_text(value, NULL);
    return text ? text : fallback;
}

struct region region_read(const struct json *row, double total_ns)
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
                                   : percent, /* of another's JSON, which may be wrong */
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

void region_name(const struct region *region, char text[REGION_TEXT_MAX])
{
    static const char own[] = "__main__", locals[] = ".<locals>";
    size_t len = sizeof own - 1, at = 0;
    const char *name = region->name;
    if (strncmp(name, own, len) != 0 || (name[len] != ':' && name[len] != '.')) {
        utf8_format(text, REGION_TEXT_MAX, "%s", name);
        return;
    }
    name += len + 1;
    if (is_cell_itself(region))
        name = "(the cell itself)";
    while (*name && at + 1 < REGION_TEXT_MAX) {
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

void region_place(const struct region *region, char place[REGION_TEXT_MAX])
{
    const char *file = region->file;
    if (is_in_cell(region)) {
        const char *number = file + sizeof cell_file - 1;
        size_t len = strcspn(number, "-");
        utf8_format(place, REGION_TEXT_MAX, "In [%.*s]:%lld", (int)utf8_cut(number, len, NUMBER_MAX), number,
                    region->line);
        return;
    }
    const char *slash = strrchr(file, '/');
    const char *name = slash && slash[1] ? slash + 1 : file;
    if (region->line > 0)
        utf8_format(place, REGION_TEXT_MAX, "%.*s:%lld",
                    (int)utf8_cut(name, strlen(name), REGION_TEXT_MAX - NUMBER_MAX), name, region->line);
    else
        utf8_format(place, REGION_TEXT_MAX, "%s", name[0] ? name : "by the measurement system");
}

void region_print_visits(struct buffer *out, const struct region *region)
{
    static const char one_of_many[] = "cell "; /* as measure/cell.py names them */
    int is_cell = is_cell_itself(region) ||
                  (is_in_cell(region) && strncmp(region->name, one_of_many, sizeof one_of_many - 1) == 0);
    print_count(out, is_cell ? 1 : region->visits);
}
