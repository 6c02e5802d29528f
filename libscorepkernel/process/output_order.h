/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_order.h - a worker's two pipes and its frames, put back into the order in which they were written.
 */
#ifndef PROCESS_OUTPUT_ORDER_H
#define PROCESS_OUTPUT_ORDER_H

#include "process/output_marks.h"
#include "process/output_pace.h"

struct output_order {
    char token[MARK_TOKEN_LEN];
    struct output_pipe {
        struct buffer bytes;
        uint64_t parent; /* the request that caused the text which comes next */
        uint64_t passed; /* the number of the last barrier or switch mark that was passed */
        uint64_t facing; /* the number of the mark that stands first in bytes; 0: text stands there */
    } pipes[2];
    uint64_t frames_done; /* the highest barrier whose frame has been dealt with */
    struct output_pace stream;
};

/** Where the bytes are appended that come from the pipe of which, SPK_STDOUT or SPK_STDERR. Borrowed. */
struct buffer *output_order_unread(struct output_order *output, uint32_t which);

/** Give the text that may be shown to the stream. final: nothing more will come, so no mark is waited for. 0
 * or -ENOMEM. */
int output_order_pump(struct output_order *output, int final);

/** Whether all text that was written before the frame with this barrier has been given to the stream. */
int output_order_reached(const struct output_order *output, uint64_t barrier);

/** The frame with this barrier has been handled: text that was written after it may be shown. */
void output_order_frame_done(struct output_order *output, uint64_t barrier);

void output_order_finish(struct output_order *output);

#endif
