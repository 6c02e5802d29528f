/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output.h - a worker's two pipes and its frames, put back into the order in which they were written.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "process/output_marks.h"
#include "process/output_pace.h"

struct output {
    char token[MARK_TOKEN_LEN];
    struct lane {
        struct buffer bytes;
        uint64_t parent; /* the request that causes what comes */
        uint64_t passed; /* the number of the last barrier or switch mark behind us */
        uint64_t facing; /* the number of the one that stands first in bytes; 0: none is in sight */
    } lanes[2];
    uint64_t frames_done; /* the highest barrier whose frame has been dealt with */
    struct stream stream;
};

/** Bytes read from the pipe of which, SPK_STDOUT or SPK_STDERR. 0 or -ENOMEM. */
int output_feed(struct output *output, uint32_t which, const void *bytes, size_t len);

/** Hand on to the stream what may be. final: nothing more will come, so nothing is waited for. 0 or -ENOMEM.
 */
int output_pump(struct output *output, int final);

/** Whether all that was written before the frame with this barrier has been handed on. */
int output_reached(const struct output *output, uint64_t barrier);

/** The frame with this barrier has been dealt with: what was written after it may be handed on. */
void output_frame_done(struct output *output, uint64_t barrier);

void output_finish(struct output *output);

#endif
