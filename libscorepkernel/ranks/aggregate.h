/* SPDX-License-Identifier: BSD-3-Clause
 *
 * aggregate.h - the output of many ranks as one: in lines that say whose they are, and once what several
 * ranks say at the same time. Pure.
 */
#ifndef RANKS_AGGREGATE_H
#define RANKS_AGGREGATE_H

#include "scorepkernel.h"

#include <stdint.h>

/* A rank's output beyond this is shown without waiting for other ranks that may say the same. */
#define AGGREGATE_MAX_HELD ((size_t)8 << 20)

struct aggregate;

struct aggregate_calls {
    /* Text for one of the streams. */
    void (*text)(void *owner, uint32_t which, struct spk_text text);
    /* What is not text. all: every rank said it; first: rank 0 did. */
    void (*frame)(void *owner, uint16_t type, struct spk_text payload, int all, int first);
};

/** For so many ranks. NULL: no memory. */
struct aggregate *aggregate_new(uint32_t ranks, const struct aggregate_calls *calls, void *owner);

/** A rank says text on SPK_STDOUT or SPK_STDERR, or sends a frame. 0 or -ENOMEM: it was not taken. */
int aggregate_text(struct aggregate *aggregate, uint32_t rank, uint32_t which, struct spk_text text);
int aggregate_frame(struct aggregate *aggregate, uint32_t rank, uint16_t type, struct spk_text payload);

/** Whether output waits for other ranks that may say the same. */
int aggregate_holds(const struct aggregate *aggregate);

/** Show what waits. final: incomplete lines, too. */
void aggregate_flush(struct aggregate *aggregate, int final);

void aggregate_free(struct aggregate *aggregate);

#endif
