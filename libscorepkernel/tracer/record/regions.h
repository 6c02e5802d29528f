/* SPDX-License-Identifier: BSD-3-Clause
 *
 * regions: what can be entered and left, each name, file and line once, numbered from 0 as in the trace.
 * Pure: strings in, numbers out. */
#ifndef TRACER_RECORD_REGIONS_H
#define TRACER_RECORD_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#define REGION_NONE UINT32_MAX
/* A cell that makes functions without end must not make definitions without end. */
#define REGIONS_MAX 262144u
#define REGION_TEXT_MAX 4096u /* bytes of a name or a file; longer ones are cut */

struct region {
    char *name; /* owned, NUL-terminated UTF-8, and so is file */
    char *file;
    uint32_t line;
};

struct regions {
    struct region *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t *index; /* open addressing; REGION_NONE is a free place */
    uint32_t index_len;
};

void regions_init(struct regions *regions);
void regions_finish(struct regions *regions);

/* How many bytes of a name or file name are kept. */
size_t regions_kept(const char *text);

/* The number of that region, new or old; REGION_NONE without memory or beyond REGIONS_MAX. */
uint32_t regions_number(struct regions *regions, const char *name, const char *file, uint32_t line);

#endif
