/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_marks.h - text and marks in what came out of a worker's pipe (wire/worker_protocol.h). Pure.
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

/** The text or mark that stands first in buffer. token: MARK_TOKEN_LEN bytes. final: nothing more will come,
 * so an incomplete mark is text. */
struct output_item output_marks_first(const struct buffer *buffer, const char *token, int final);

/** Append the text in bytes, without its marks and NULs, as UTF-8. The bytes are the last of their pipe. 0 or
 * -ENOMEM. */
int output_marks_text(struct buffer *out, const void *bytes, size_t len, const char *token);

#endif
