/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output.c - puts a worker's two pipes and its frames back into the order in which they were written, by the
 * marks described in worker_wire.h. Owns the bytes that wait for their turn; reads no descriptor.
 *
 * Numbers only go up, so one that was missed (a thread killed between two writes, a user who closed our
 * descriptors) holds nothing up for longer than until the next frame.
 */
#include "process/output_order.h"

#include <errno.h>

int output_feed(struct output *output, uint32_t which, const void *bytes, size_t len)
{
    return buffer_append(&output->lanes[which - SPK_STDOUT].bytes, bytes, len);
}

/* Whether the lane has come as far as the mark of this number. */
static int lane_at(const struct lane *lane, uint64_t number)
{
    return lane->passed >= number || lane->facing >= number;
}

/* Whether what stands behind this mark may be handed on. */
static int may_pass(const struct output *output, const struct lane *other, const struct lane_item *item)
{
    if (item->mark == MARK_PARENT || item->number <= output->frames_done)
        return 1;
    return item->mark == MARK_SWITCH && lane_at(other, item->number);
}

/* Hand on what the lane may. 1: something moved; 0: nothing did; -ENOMEM. */
static int pump_lane(struct output *output, uint32_t which, int final)
{
    struct lane *lane = &output->lanes[which - SPK_STDOUT];
    const struct lane *other = &output->lanes[SPK_STDERR - which];
    int moved = 0;
    for (;;) {
        struct lane_item item = lane_first(&lane->bytes, output->token, final);
        if (item.kind == LANE_NOTHING)
            return moved;
        if (item.kind == LANE_TEXT) {
            int result = stream_add(&output->stream, lane->parent, which, item.text);
            if (result != 0)
                return result;
        } else if (!final && !may_pass(output, other, &item)) {
            moved |= lane->facing != item.number;
            lane->facing = item.number;
            return moved;
        } else if (item.mark == MARK_PARENT) {
            lane->parent = item.number;
        } else {
            lane->passed = item.number;
            lane->facing = 0;
        }
        buffer_consume(&lane->bytes, item.len);
        moved = 1;
    }
}

int output_pump(struct output *output, int final)
{
    int first, second;
    do {
        first = pump_lane(output, SPK_STDOUT, final);
        second = pump_lane(output, SPK_STDERR, final);
        if (first < 0 || second < 0)
            return -ENOMEM;
    } while (first || second);
    return 0;
}

int output_reached(const struct output *output, uint64_t barrier)
{
    return lane_at(&output->lanes[0], barrier) && lane_at(&output->lanes[1], barrier);
}

void output_frame_done(struct output *output, uint64_t barrier)
{
    if (barrier > output->frames_done)
        output->frames_done = barrier;
}

void output_finish(struct output *output)
{
    buffer_finish(&output->lanes[0].bytes);
    buffer_finish(&output->lanes[1].bytes);
    stream_finish(&output->stream);
}
