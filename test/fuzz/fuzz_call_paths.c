/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_call_paths.c - any events of a trace, in any order and with any times: a tree whose times add up, and
 * are no longer than the trace.
 *
 * Three bytes are an event: whether it is an enter, its region, and how far the clock goes, or goes back.
 */
#include "tracer/reading/call_paths.h"

#include "fuzz.h"

#define REGIONS 256

static void check(const struct call_paths *paths, uint64_t length, uint64_t enters)
{
    uint64_t exclusive = 0, visits = 0;
    for (uint32_t i = 0; i < paths->count; i++) {
        const struct call_path *path = &paths->items[i];
        MUST(path->parent == CALL_PATH_NONE || path->parent < i);
        MUST(path->exclusive <= path->inclusive && path->inclusive <= length);
        exclusive += path->exclusive;
        visits += path->visits;
    }
    MUST(exclusive <= length && visits == enters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct call_paths paths = {0};
    struct call_stack stack = {.first = UINT64_MAX};
    struct call_sum sums[REGIONS] = {{0}};
    uint64_t now = 1 << 20, enters = 0;
    stack.root = call_paths_root(&paths, 0);
    for (; size >= 3; data += 3, size -= 3) {
        now += (uint64_t)(int64_t)(int8_t)data[2];
        if (data[0] % 2)
            call_paths_enter(&paths, &stack, data[1], now);
        else
            call_paths_leave(&paths, &stack, data[1], now);
        enters += data[0] % 2;
    }
    uint64_t length = stack.last > stack.first ? stack.last - stack.first : 0;
    call_paths_end(&paths, &stack);
    check(&paths, length, enters);
    call_paths_sum(&paths, sums, REGIONS);
    for (int i = 0; i < REGIONS; i++)
        MUST(sums[i].exclusive <= length && sums[i].inclusive <= length);
    call_paths_finish(&paths);
    return 0;
}
