/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_call_paths.c - the call tree of a trace: what its events say, and what is made of events that cannot be.
 */
#include "tracer/reading/call_paths.h"

#include "test.h"

enum { MAIN, STEP, FIB };

static struct call_paths paths;
static struct call_stack stack;

static void begin(void)
{
    paths = (struct call_paths){0};
    stack = (struct call_stack){.root = call_paths_root(&paths, 0), .first = UINT64_MAX};
    CHECK(stack.root == 0);
}

static void end(void)
{
    call_paths_end(&paths, &stack);
    call_paths_finish(&paths);
}

static void enter(uint32_t region, uint64_t time)
{
    call_paths_enter(&paths, &stack, region, time);
}

static void leave(uint32_t region, uint64_t time)
{
    call_paths_leave(&paths, &stack, region, time);
}

static void is(uint32_t number, uint32_t parent, uint32_t region, uint64_t visits, uint64_t inclusive,
               uint64_t exclusive)
{
    const struct call_path *path = &paths.items[number];
    CHECK(number < paths.count && path->parent == parent && path->region == region);
    CHECK(path->visits == visits && path->inclusive == inclusive && path->exclusive == exclusive);
}

/* main calls step twice, and step fib, which calls itself once. */
static void well_formed(void)
{
    begin();
    enter(MAIN, 100);
    for (uint64_t at = 110; at <= 150; at += 40) {
        enter(STEP, at);
        enter(FIB, at + 5);
        enter(FIB, at + 10);
        leave(FIB, at + 20);
        leave(FIB, at + 25);
        leave(STEP, at + 30);
    }
    leave(MAIN, 200);
    CHECK(paths.count == 5 && paths.unpaired == 0 && !paths.is_full);
    is(1, 0, MAIN, 1, 100, 40);
    is(2, 1, STEP, 2, 60, 20);
    is(3, 2, FIB, 2, 40, 20);
    is(4, 3, FIB, 2, 20, 20);
    struct call_sum sums[3] = {{0}};
    call_paths_sum(&paths, sums, 3);
    CHECK(sums[FIB].visits == 4 && sums[FIB].inclusive == 40 && sums[FIB].exclusive == 40);
    CHECK(sums[MAIN].inclusive == 100 && sums[STEP].inclusive == 60);
    CHECK(stack.first == 100 && stack.last == 200 && stack.depth == 0);
    end();
}

static void roots(void)
{
    begin();
    CHECK(call_paths_root(&paths, 0) == 0 && call_paths_root(&paths, 7) == 1 && call_paths_root(&paths, 7) == 1);
    enter(MAIN, 1);
    leave(MAIN, 3);
    call_paths_end(&paths, &stack);
    stack = (struct call_stack){.root = 1, .first = UINT64_MAX};
    enter(MAIN, 2);
    leave(MAIN, 7);
    is(2, 0, MAIN, 1, 2, 2);
    is(3, 1, MAIN, 1, 5, 5);
    end();
}

static void malformed(void)
{
    begin();
    leave(FIB, 5); /* was never entered */
    enter(MAIN, 10);
    enter(STEP, 8); /* the clock goes back */
    enter(FIB, 12);
    leave(STEP, 20); /* ends what lies above it, too */
    leave(STEP, 21);
    enter(STEP, 25);
    CHECK(paths.unpaired == 3);
    call_paths_end(&paths, &stack); /* main and step are open: they end with the last event */
    CHECK(paths.unpaired == 5);
    is(1, 0, MAIN, 1, 15, 5);
    is(2, 1, STEP, 2, 10, 2);
    is(3, 2, FIB, 1, 8, 8);
    end();
}

static void deep_calls(void)
{
    begin();
    for (uint32_t i = 0; i < CALL_PATHS_DEPTH_MAX + 10; i++)
        enter(FIB, i);
    CHECK(paths.is_full && paths.count == CALL_PATHS_MAX && stack.depth == CALL_PATHS_DEPTH_MAX && stack.beyond == 10);
    for (uint32_t i = 0; i < CALL_PATHS_DEPTH_MAX + 10; i++)
        leave(FIB, CALL_PATHS_DEPTH_MAX + i);
    CHECK(stack.depth == 0 && stack.beyond == 0 && paths.unpaired == 0);
    end();
}

/* Further ones count as their callers. */
static void many_paths(void)
{
    begin();
    for (uint32_t i = 0; i < CALL_PATHS_MAX + 5; i++) {
        enter(i, 2 * (uint64_t)i);
        leave(i, 2 * (uint64_t)i + 1);
    }
    CHECK(paths.is_full && paths.count == CALL_PATHS_MAX && paths.unpaired == 0);
    is(CALL_PATHS_MAX - 1, 0, CALL_PATHS_MAX - 2, 1, 1, 1);
    CHECK(paths.items[0].inclusive == 0 && paths.items[0].visits == 0); /* a root is no call */
    end();
}

int main(void)
{
    test_limit(60);
    well_formed();
    roots();
    malformed();
    deep_calls();
    many_paths();
    return 0;
}
