/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cost: what recording an event takes, from a look at some of them. Pure but for the clock. */
#ifndef TRACER_RECORD_COST_H
#define TRACER_RECORD_COST_H

#include <stdint.h>

#include "tracer/record/clock.h"

#define COST_EVERY 61u /* times that something may be recorded, of which one is looked at */

struct cost {
    uint64_t took_ns, events; /* of those that were looked at */
    uint32_t calls;
};

/* Before something that may record events: when it begins, or 0, which it mostly is. */
static inline uint64_t cost_begin(struct cost *cost)
{
    return ++cost->calls % COST_EVERY ? 0 : clock_now_ns();
}

/* After it, unless it began at 0. events: how many were recorded. */
void cost_end(struct cost *cost, uint64_t begin_ns, uint64_t events);

/* What an event took on average, in ns; 0: too few were looked at. */
uint32_t cost_of_event(const struct cost *cost);

#endif
