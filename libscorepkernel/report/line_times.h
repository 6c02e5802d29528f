/* SPDX-License-Identifier: BSD-3-Clause
 *
 * line_times.h - the time of each line of the user's code, with what it called. Pure.
 */
#ifndef REPORT_LINE_TIMES_H
#define REPORT_LINE_TIMES_H

#include "report/samples.h"

struct line_time {
    int32_t function; /* one of those that the line is in; its file is the line's */
    int32_t line;
    double spent_s[SPENT_KINDS]; /* of all threads, added up */
    double waited_s[WAITED_KINDS];
    double grown; /* bytes by which the process grew while the line itself ran */
};

struct line_times {
    struct line_time *lines; /* owned; by files, the cell's own first, and by lines */
    uint32_t count;
    double outside_s; /* that the thread of the cell spent on nothing of the user's */
};

/** 0 or -ENOMEM. A line that is on the stack several times counts once. */
int line_times_make(struct line_times *times, const struct samples *samples);

void line_times_finish(struct line_times *times);

/** All that a line took. */
double line_time_total(const struct line_time *line);

#endif
