/* SPDX-License-Identifier: BSD-3-Clause
 *
 * chunks: the memory that events are written to before they go to the disk.
 *
 * Chunks of one size, mapped from the kernel so that all of it goes back at the end, counted against a limit.
 * A chunk that was given back is handed out again: its pages are there already. */
#ifndef TRACER_OTF2_CHUNKS_H
#define TRACER_OTF2_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk {
    struct chunk *next;
    void *memory;
};

struct chunks {
    size_t chunk_len;
    uint64_t limit;  /* bytes that may be in use */
    uint64_t in_use; /* bytes */
    struct chunk *idle;
};

void chunks_init(struct chunks *chunks, size_t chunk_len, uint64_t limit);

/* Puts a chunk in front of *list and returns its memory. NULL: the limit is reached, unless `beyond`, or
 * there is no memory. */
void *chunks_take(struct chunks *chunks, struct chunk **list, bool beyond);

/* Takes all of *list back. */
void chunks_give_back(struct chunks *chunks, struct chunk **list);

/* Unmaps what is idle. Chunks still in somebody's list stay that list's. */
void chunks_finish(struct chunks *chunks);

#endif
