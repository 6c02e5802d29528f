/* SPDX-License-Identifier: BSD-3-Clause
 *
 * region.h - a region of a measured cell, and the words for it. Pure.
 */
#ifndef REPORT_REGION_H
#define REPORT_REGION_H

#include "base/buffer.h"
#include "base/json_bridge.h"

#define REGION_TEXT_MAX 512 /* bytes of a name that is shown, as are those of a place; with its NUL */

/* What a region is of its cell. */
enum region_kind {
    REGION_PLAIN,       /* a function */
    REGION_CELL,        /* the cell's own code */
    REGION_MARKED_CELL, /* one of several cells that were measured as one */
};

/* A region as the worker reports it. Texts are borrowed from its JSON. */
struct region {
    const char *name;
    const char *file;
    long long line;
    long long visits;
    double inclusive_s;
    double exclusive_s;
    double percent;   /* of the exclusive time of all regions, 0 to 100 */
    const char *cell; /* the number of the cell that it is in; NULL: it is in none */
    enum region_kind kind;
    double least_s, most_s; /* exclusive, where there were several runs; most_s is negative otherwise */
};

/** The region of a row: [name, file, line, visits, inclusive ns, exclusive ns, least ns, most ns, cell or
 * null, enum region_kind]. total_ns: the exclusive time of all regions. What is missing or of another type is
 * empty or 0. */
struct region region_read(const struct json *row, double total_ns);

/** The name as Python gives it: Thing.method, outer.inner. The full name (module.Class:function, as Score-P
 * has it) is in the trace. Not escaped. */
void region_name(const struct region *region, char text[REGION_TEXT_MAX]);

/** Where the region is, as the user knows it: "In [3]:7" for a cell, the file's name without its folders
 * otherwise. Not escaped. */
void region_place(const struct region *region, char place[REGION_TEXT_MAX]);

/** Append how often it ran. IPython runs a cell statement by statement; to the user it ran once. */
void region_print_visits(struct buffer *out, const struct region *region);

#endif
