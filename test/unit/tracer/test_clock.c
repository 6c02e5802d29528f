/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_clock.c - the clock of a measurement agrees with the system's, and never goes back.
 */
#include "tracer/record/clock.h"

#include "test.h"

#include <time.h>

#define MILLISECOND UINT64_C(1000000)
#define READINGS 200000

static void pass(uint64_t ns)
{
    struct timespec rest = {.tv_nsec = (long)ns};
    CHECK(nanosleep(&rest, NULL) == 0);
}

/* How far the clock is from the system's, of the best of some looks: this machine may be busy. */
static uint64_t deviation(void)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 100; i++) {
        uint64_t before = clock_read_ns(CLOCK_MONOTONIC), now = clock_now_ns();
        uint64_t after = clock_read_ns(CLOCK_MONOTONIC), off = 0;
        if (now < before)
            off = before - now;
        else if (now > after)
            off = now - after;
        best = off < best ? off : best;
    }
    return best;
}

/* A rate that is wrong by a ten-thousandth would show. */
static void agrees(void)
{
    for (int i = 0; i < 3; i++) {
        clock_set();
        CHECK(deviation() < MILLISECOND / 100);
        pass(200 * MILLISECOND);
        CHECK(deviation() < MILLISECOND / 50);
    }
}

static void never_goes_back(void)
{
    uint64_t last = clock_now_ns();
    for (int i = 0; i < READINGS; i++) {
        uint64_t now = clock_now_ns();
        CHECK(now >= last);
        last = now;
    }
}

int main(void)
{
    test_limit(60);
    clock_set(); /* nothing has been learned: the system's clock is read */
    CHECK(clock_scale.rate == 0 && deviation() == 0);
    clock_learn();
    clock_set(); /* and too little */
    CHECK(clock_scale.rate == 0);
    pass(30 * MILLISECOND);
    agrees();
    never_goes_back();
    return 0;
}
