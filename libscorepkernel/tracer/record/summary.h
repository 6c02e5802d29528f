/* SPDX-License-Identifier: BSD-3-Clause
 *
 * summary: visits, inclusive and exclusive time of each region, over all threads. Pure. */
#ifndef TRACER_RECORD_SUMMARY_H
#define TRACER_RECORD_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
    uint64_t visits;
    uint64_t inclusive_ns; /* a recursive visit is inside its outermost one and adds nothing */
    uint64_t exclusive_ns;
};

struct summary {
    struct tally *tallies; /* by region number */
    uint32_t capacity;
};

void summary_init(struct summary *summary);
void summary_finish(struct summary *summary);

/* Room for this region; false without memory. To be called before its first visit. */
bool summary_admit(struct summary *summary, uint32_t region);

static inline void summary_add(struct summary *summary, uint32_t region, uint64_t duration_ns,
                               uint64_t children_ns, bool outermost)
{
    struct tally *tally = &summary->tallies[region];
    tally->visits++;
    tally->exclusive_ns += duration_ns - children_ns;
    if (outermost)
        tally->inclusive_ns += duration_ns;
}

/* Fills order[0..count-1] with the numbers of the first count regions, most exclusive time first. */
void summary_order(const struct summary *summary, uint32_t *order, uint32_t count);

#endif
