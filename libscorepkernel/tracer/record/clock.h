/* SPDX-License-Identifier: BSD-3-Clause
 *
 * clock: the time stamps of a measurement.
 *
 * CLOCK_MONOTONIC in nanoseconds, through the vDSO: 23 ns a reading where the kernel trusts the time stamp
 * counter, and right where it does not. Reading the counter ourselves would save 10 ns a reading and owe a
 * calibration, and an answer for machines that suspend or change their frequency. */
#ifndef TRACER_RECORD_CLOCK_H
#define TRACER_RECORD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_TICKS_PER_SECOND 1000000000u

static inline uint64_t clock_read_ns(clockid_t which)
{
    struct timespec now;
    /* Fails only for clocks that do not exist; these two do on every Linux. */
    (void)clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * CLOCK_TICKS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

#endif
