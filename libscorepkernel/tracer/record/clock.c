/* SPDX-License-Identifier: BSD-3-Clause
 *
 * clock: see clock.h. */
#include "tracer/record/clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct clock_scale clock_scale;

#ifdef __x86_64__

#define SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
/* A rate that was learned for less would be off by more than a millionth. */
#define LEARNED_NS UINT64_C(20000000)
#define TRIES 8
/* The two clocks are not read at the same moment: so much between them is no sleep. */
#define SLEPT_NS UINT64_C(100000000)

/* The counter and the system's clock at the same time. */
struct instant {
    uint64_t ticks, ns;
};

static struct instant learned_from;
static uint64_t slept_ns; /* how long the machine had slept by then: the counter may have gone on meanwhile */

static uint64_t slept_until_now(void)
{
    uint64_t awake_ns = clock_read_ns(CLOCK_MONOTONIC);
    return clock_read_ns(CLOCK_BOOTTIME) - awake_ns;
}

/* Between the readings of the counter that lie closest together, so that nothing came in between. */
static struct instant look(void)
{
    struct instant best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = __builtin_ia32_rdtsc(), ns = clock_read_ns(CLOCK_MONOTONIC);
        uint64_t took = __builtin_ia32_rdtsc() - before;
        if (took < least) {
            least = took;
            best = (struct instant){before + took / 2, ns};
        }
    }
    return best;
}

static bool is_counter_trusted(void)
{
    char name[16] = "";
    int fd = open(SOURCE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, name, sizeof name - 1);
    close(fd);
    return len > 0 && strcmp(name, "tsc\n") == 0;
}

static void begin_to_learn(void)
{
    slept_ns = slept_until_now();
    learned_from = look();
}

void clock_learn(void)
{
    learned_from = (struct instant){0, 0};
    if (is_counter_trusted())
        begin_to_learn();
}

void clock_set(void)
{
    clock_scale.rate = 0;
    if (!learned_from.ns)
        return; /* the counter is not trusted */
    if (slept_until_now() - slept_ns > SLEPT_NS) {
        begin_to_learn(); /* the next measurement will have a rate again */
        return;
    }
    struct instant now = look();
    if (now.ticks <= learned_from.ticks || now.ns - learned_from.ns < LEARNED_NS)
        return;
    uint64_t ns = now.ns - learned_from.ns, ticks = now.ticks - learned_from.ticks;
    __extension__ unsigned __int128 rate = ((unsigned __int128)ns << 32) / ticks;
    if (rate >> 40) /* less than four ticks in a microsecond: no counter is so slow */
        return;
    clock_scale = (struct clock_scale){(uint64_t)rate, now.ticks, now.ns};
}

#else

void clock_learn(void) {}

void clock_set(void) {}

#endif
