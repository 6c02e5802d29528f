/* SPDX-License-Identifier: BSD-3-Clause
 *
 * progress.h - how far a measured cell has come: a file in memory that the worker writes and the library
 * reads now and then, since a cell that holds the GIL sends no frames. WORKER_PROGRESS takes it to the
 * library.
 *
 * The file is a row of numbers. The first is odd while the others are being written and changes with them, so
 * that a reader who finds it even and the same, before and after, has numbers that belong together.
 */
#ifndef WIRE_PROGRESS_H
#define WIRE_PROGRESS_H

#include <stdint.h>

enum progress_number {
    PROGRESS_SEQUENCE,
    PROGRESS_REQUEST,  /* whose cell is measured now; 0: none that is to be shown */
    PROGRESS_EVENTS,   /* recorded so far */
    PROGRESS_TRACED,   /* 1: they go into a trace */
    PROGRESS_LINE,     /* the cell's line that took most of the time so far; 0: it is not known */
    PROGRESS_LINE_NS,  /* how much that is */
    PROGRESS_WHOLE_NS, /* of how much of the cell's own thread */
    PROGRESS_ENDS,     /* 1: its statements have ended, and what was recorded is being written */
    PROGRESS_NUMBERS
};

#define PROGRESS_LEN (PROGRESS_NUMBERS * sizeof(uint64_t))

#endif
