/* SPDX-License-Identifier: BSD-3-Clause
 *
 * hottest_line: the line of a cell's own code that has taken the most time so far. Pure. */
#ifndef TRACER_SAMPLING_HOTTEST_LINE_H
#define TRACER_SAMPLING_HOTTEST_LINE_H

#include "tracer/sampling/functions.h"
#include "tracer/sampling/progress.h"
#include "tracer/sampling/sample_tree.h"

/* Room for the work; zero at first. */
struct hottest_line {
    uint64_t *whole_ns; /* by node of the tree: with what it called */
    uint32_t capacity;
};

/* Find the line in the cell's file, its time, and that of the thread with the first node, which is the
 * cell's. found->line is 0 where there is none, or no memory. */
void hottest_line_find(struct hottest_line *work, const struct sample_tree *tree,
                       const struct functions *functions, const char *cell, struct progress_found *found);

void hottest_line_finish(struct hottest_line *work);

#endif
