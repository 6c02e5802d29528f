/* SPDX-License-Identifier: BSD-3-Clause
 *
 * summary: see summary.h. */
#include "tracer/record/summary.h"

#include <stdlib.h>
#include <string.h>

void summary_init(struct summary *summary)
{
    *summary = (struct summary){0};
}

void summary_finish(struct summary *summary)
{
    free(summary->tallies);
    summary_init(summary);
}

bool summary_admit(struct summary *summary, uint32_t region)
{
    if (region < summary->capacity)
        return true;
    uint32_t capacity = summary->capacity ? summary->capacity : 64;
    while (capacity <= region)
        capacity *= 2;
    struct tally *tallies = realloc(summary->tallies, capacity * sizeof *tallies);
    if (!tallies)
        return false;
    memset(tallies + summary->capacity, 0, (capacity - summary->capacity) * sizeof *tallies);
    summary->tallies = tallies;
    summary->capacity = capacity;
    return true;
}

static int by_exclusive_time(const void *left, const void *right, void *context)
{
    const struct tally *tallies = context;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    if (tallies[a].exclusive_ns != tallies[b].exclusive_ns)
        return tallies[a].exclusive_ns < tallies[b].exclusive_ns ? 1 : -1;
    return a < b ? -1 : a > b; /* equal times: first seen first, so that reports do not flicker */
}

void summary_order(const struct summary *summary, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    if (count > 1)
        qsort_r(order, count, sizeof *order, by_exclusive_time, summary->tallies);
}
