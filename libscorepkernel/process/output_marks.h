/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_marks.h - text and marks in what came out of a worker's pipe (worker_wire.h). Pure.
 */
#ifndef PROCESS_OUTPUT_MARKS_H
#define PROCESS_OUTPUT_MARKS_H

#include "base/buffer.h"
#include "scorepkernel.h"
#include "wire/worker_protocol.h"

enum output_item_kind { OUTPUT_ITEM_NOTHING, OUTPUT_ITEM_TEXT, OUTPUT_ITEM_MARK };

struct output_item {
    enum output_item_kind kind;
    char mark;            /* MARK_* */
    uint64_t number;      /* the mark's */
    struct spk_text text; /* borrowed from the buffer */
    size_t len;           /* how much to consume when the item has been dealt with */
};

/** What stands first in buffer. token: MARK_TOKEN_LEN bytes. final: nothing more will come, so that a torn
 * mark is text. */
struct output_item output_marks_first(const struct buffer *buffer, const char *token, int final);

/** Append what is text in bytes of which nothing more will come, as UTF-8 and without NULs. 0 or -ENOMEM. */
int output_marks_text(struct buffer *out, const void *bytes, size_t len, const char *token);

#endif
