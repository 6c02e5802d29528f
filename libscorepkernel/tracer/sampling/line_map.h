/* SPDX-License-Identifier: BSD-3-Clause
 *
 * line_map: which line each instruction of a code object is in. Pure: the bytes of CPython's table in, lines
 * out. Tables come from memory that may change while it is copied, so that anything can be in them.
 *
 * Sources: CPython's Objects/lnotab_notes.txt (3.9, 3.10), Objects/locations.md (3.11 and later). */
#ifndef TRACER_SAMPLING_LINE_MAP_H
#define TRACER_SAMPLING_LINE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define LINE_MAP_TABLE_MAX (1u << 18)        /* bytes of a table */
#define LINE_MAP_INSTRUCTIONS_MAX (1u << 18) /* two bytes each */

enum line_format {
    LINE_FORMAT_LNOTAB,   /* 3.9 */
    LINE_FORMAT_RANGES,   /* 3.10 */
    LINE_FORMAT_LOCATIONS /* 3.11 and later */
};

struct line_map {
    int32_t *lines; /* by instruction, from 1 on; 0: in no line. Owned */
    uint32_t count;
};

/* Understands a table as far as it is understandable: what follows a mistake is in no line. first: the code
 * object's first line. -ENOMEM; -E2BIG: it has more than LINE_MAP_INSTRUCTIONS_MAX instructions. */
int line_map_make(struct line_map *map, enum line_format format, const uint8_t *table, size_t len,
                  int32_t first);

/* The line of the instruction at a distance in bytes from the first one; 0: it has none. */
int32_t line_map_at(const struct line_map *map, uint64_t offset);

void line_map_finish(struct line_map *map);

#endif
