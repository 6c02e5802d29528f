/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_order.c - puts a worker's two pipes and its frames back into the order in which they were written,
 * by the marks described in wire/worker_protocol.h. Owns the bytes that wait for their turn; reads no
 * descriptor.
 *
 * Numbers only go up, so one that was missed (a thread killed between two writes, a user who closed our
 * descriptors) holds nothing up for longer than until the next frame.
 */
#include "process/output_order.h"

#include <errno.h>

struct buffer *output_order_unread(struct output_order *output, uint32_t which)
{
    return &output->pipes[which - SPK_STDOUT].bytes;
}

/* Whether all text before the mark of this number has left the pipe. */
static int pipe_at(const struct output_pipe *output_pipe, uint64_t number)
{
    return output_pipe->passed >= number || output_pipe->facing >= number;
}

/* Whether the text behind this mark may be shown. */
static int may_pass(const struct output_order *output, const struct output_pipe *other,
                    const struct output_item *item)
{
    if (item->mark == MARK_PARENT || item->number <= output->frames_done)
        return 1;
    return item->mark == MARK_SWITCH && pipe_at(other, item->number);
}

/* Give the pipe's text to the stream, as far as its marks allow. 1: something moved; 0: nothing did; -ENOMEM.
 */
static int pump_pipe(struct output_order *output, uint32_t which, int final)
{
    struct output_pipe *output_pipe = &output->pipes[which - SPK_STDOUT];
    const struct output_pipe *other = &output->pipes[SPK_STDERR - which];
    int moved = 0;
    for (;;) {
        struct output_item item = output_marks_first(&output_pipe->bytes, output->token, final);
        if (item.kind == OUTPUT_ITEM_NOTHING)
            return moved;
        if (item.kind == OUTPUT_ITEM_TEXT) {
            int result = output_pace_add(&output->stream, output_pipe->parent, which, item.text);
            if (result != 0)
                return result;
        } else if (!final && !may_pass(output, other, &item)) {
            moved |= output_pipe->facing != item.number;
            output_pipe->facing = item.number;
            return moved;
        } else if (item.mark == MARK_PARENT) {
            output_pipe->parent = item.number;
        } else {
            output_pipe->passed = item.number;
            output_pipe->facing = 0;
        }
        buffer_consume(&output_pipe->bytes, item.len);
        moved = 1;
    }
}

int output_order_pump(struct output_order *output, int final)
{
    int first, second;
    do {
        first = pump_pipe(output, SPK_STDOUT, final);
        second = pump_pipe(output, SPK_STDERR, final);
        if (first < 0 || second < 0)
            return -ENOMEM;
    } while (first || second);
    return 0;
}

int output_order_reached(const struct output_order *output, uint64_t barrier)
{
    return pipe_at(&output->pipes[0], barrier) && pipe_at(&output->pipes[1], barrier);
}

void output_order_frame_done(struct output_order *output, uint64_t barrier)
{
    if (barrier > output->frames_done)
        output->frames_done = barrier;
}

void output_order_finish(struct output_order *output)
{
    buffer_finish(&output->pipes[0].bytes);
    buffer_finish(&output->pipes[1].bytes);
    output_pace_finish(&output->stream);
}
