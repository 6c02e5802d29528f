/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fold.h - the output of many ranks as one: in lines that say whose they are, and once what several ranks say
 * at the same time. Pure.
 */
#ifndef FOLD_H
#define FOLD_H

#include "scorepkernel.h"

#include <stdint.h>

/* More than this is not held back for others that may say the same. */
#define FOLD_MAX_HELD ((size_t)8 << 20)

struct fold;

struct fold_calls {
    /* Text for one of the streams. */
    void (*text)(void *owner, uint32_t which, struct spk_text text);
    /* What is not text. all: every rank said it; first: rank 0 did. */
    void (*frame)(void *owner, uint16_t type, struct spk_text payload, int all, int first);
};

/** For so many ranks. NULL: no memory. */
struct fold *fold_new(uint32_t ranks, const struct fold_calls *calls, void *owner);

/** A rank says text on SPK_STDOUT or SPK_STDERR, or sends a frame. 0 or -ENOMEM: it was not taken. */
int fold_text(struct fold *fold, uint32_t rank, uint32_t which, struct spk_text text);
int fold_frame(struct fold *fold, uint32_t rank, uint16_t type, struct spk_text payload);

/** Whether there is something that waits for other ranks. */
int fold_holds(const struct fold *fold);

/** Hand on what waits. final: lines that have no end yet, too. */
void fold_flush(struct fold *fold, int final);

void fold_free(struct fold *fold);

#endif
