/* SPDX-License-Identifier: BSD-3-Clause
 *
 * clock: the time stamps of a measurement, in nanoseconds of CLOCK_MONOTONIC.
 *
 * Each event needs one, and a reading of the system's clock takes 23 ns, which was a third of what a recorded
 * call cost. Where the system itself reckons its clock from the processor's time stamp counter (its clock
 * source is "tsc": it has found the counter to run evenly, and in step on all processors), the counter is
 * read here, for 8 ns, and reckoned with the rate that the system's clock has shown since this was loaded. */
#ifndef TRACER_RECORD_CLOCK_H
#define TRACER_RECORD_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_TICKS_PER_SECOND 1000000000u

/* How the counter is turned into a time. rate 0: the system's clock is read instead. */
struct clock_scale {
    uint64_t rate;      /* nanoseconds of a tick, times 2^32 */
    uint64_t ticks, ns; /* they were at the same time */
};

extern struct clock_scale clock_scale;

/* Begin to learn the counter's rate, once, when this is loaded. */
void clock_learn(void);

/* Put the counter in step with the system's clock, before a measurement begins and while nothing is measured.
 */
void clock_set(void);

static inline uint64_t clock_read_ns(clockid_t which)
{
    struct timespec now;
    /* Fails only for clocks that do not exist; those that are asked for do on every Linux. */
    (void)clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * CLOCK_TICKS_PER_SECOND + (uint64_t)now.tv_nsec;
}

#ifdef __x86_64__
static inline uint64_t clock_now_ns(void)
{
    if (!clock_scale.rate)
        return clock_read_ns(CLOCK_MONOTONIC);
    uint64_t passed = __builtin_ia32_rdtsc() - clock_scale.ticks;
    __extension__ unsigned __int128 ns = (unsigned __int128)passed * clock_scale.rate >> 32;
    return clock_scale.ns + (uint64_t)ns;
}
#else
static inline uint64_t clock_now_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}
#endif

#endif
