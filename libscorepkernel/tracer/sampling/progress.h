/* SPDX-License-Identifier: BSD-3-Clause
 *
 * progress: lets the library see how far the measured cell has come, in a file in memory (wire/progress.h).
 * There is one for each process and its forked copies. Written by one thread at a time. */
#ifndef TRACER_SAMPLING_PROGRESS_H
#define TRACER_SAMPLING_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* How often a sampler has something new to tell. */
#define PROGRESS_PERIOD_NS UINT64_C(300000000)

/* Make the file. Its descriptor, the caller's, or a negative errno; -EALREADY: there is one. */
int progress_open(void);
bool progress_is_open(void);

/* A cell is measured from now on. Without a file nothing happens, as in what follows. */
void progress_begin(uint64_t request, bool is_traced);
/* Its statements have ended. */
void progress_ends(void);
void progress_end(void);

/* What has been found of it so far. */
struct progress_found {
    uint64_t events;
    uint32_t line; /* 0: it is not known */
    uint64_t line_ns, whole_ns;
};
void progress_note(const struct progress_found *found);

#endif
