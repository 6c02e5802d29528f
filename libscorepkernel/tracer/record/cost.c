/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cost: see cost.h. */
#include "tracer/record/cost.h"

#define EVENTS_MIN 8u
/* What takes longer was interrupted: somebody else had the processor. */
#define LONGEST_NS 50000u

void cost_end(struct cost *cost, uint64_t begin_ns, uint64_t events)
{
    uint64_t end_ns = clock_now_ns(), clock_ns = clock_now_ns() - end_ns; /* a reading is in each */
    uint64_t took_ns = end_ns - begin_ns;
    if (events == 0 || took_ns > LONGEST_NS)
        return;
    cost->took_ns += took_ns > clock_ns ? took_ns - clock_ns : 0;
    cost->events += events;
}

uint32_t cost_of_event(const struct cost *cost)
{
    return cost->events < EVENTS_MIN ? 0 : (uint32_t)(cost->took_ns / cost->events);
}
