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
    long long kind = json_integer(json_at(row, 9), REGION_PLAIN);
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
        .cell = json_text(json_at(row, 8), NULL),
        .kind = kind == REGION_CELL || kind == REGION_MARKED_CELL ? (enum region_kind)kind : REGION_PLAIN,
        .percent = percent < 0     ? 0
                   : percent > 100 ? 100
                                   : percent, /* of another's JSON, which may be wrong */
    };
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
    if (region->kind == REGION_CELL)
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
    if (region->cell) {
        utf8_format(place, REGION_TEXT_MAX, "In [%.*s]:%lld",
                    (int)utf8_cut(region->cell, strlen(region->cell), NUMBER_MAX), region->cell,
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
    print_count(out, region->kind == REGION_PLAIN ? region->visits : 1);
}
