/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call_paths: the call tree of a trace, in memory that depends on how many different calls there are and not
 * on how many events. What a trace says is not believed: enters without a leave, leaves without an enter and
 * clocks that go back do no harm. Pure. */
#ifndef TRACER_READING_CALL_PATHS_H
#define TRACER_READING_CALL_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#define CALL_PATHS_MAX (1u << 18) /* further ones count as those that called them */
#define CALL_PATHS_DEPTH_MAX (1u << 20)
#define CALL_PATH_NONE UINT32_MAX

/* A region as it was called by the path that is its parent. Times are in ticks of the trace's clock. */
struct call_path {
    uint32_t parent; /* less than its own number; CALL_PATH_NONE: it is a root */
    uint32_t region; /* of a root, what it stands for */
    uint32_t recent; /* the child that was entered last; CALL_PATH_NONE: none */
    uint64_t visits, inclusive, exclusive;
};

struct call_paths {
    struct call_path *items;
    uint32_t count, capacity;
    uint32_t *slots; /* numbers of paths, by hash; a power of two, at most half full */
    uint32_t slot_count;
    bool is_full;      /* paths are missing, as there were too many, or no memory for more */
    uint64_t unpaired; /* enters and leaves that had no counterpart */
};

/* The calls that are open on one location. Zero, but for root and first, at first. */
struct call_stack {
    struct open_call *calls;
    uint32_t depth, capacity;
    uint32_t beyond; /* how many are open above those, for which there is no room */
    uint32_t root;
    uint64_t first, last; /* the times of its first event and of its last; UINT64_MAX and 0 at first */
};

/* The root that stands for something; CALL_PATH_NONE: there is no memory for it. */
uint32_t call_paths_root(struct call_paths *paths, uint32_t what);

void call_paths_enter(struct call_paths *paths, struct call_stack *stack, uint32_t region, uint64_t time);
void call_paths_leave(struct call_paths *paths, struct call_stack *stack, uint32_t region, uint64_t time);

/* There are no more events on the location: what is open ends with the last of them, and the stack is freed.
 */
void call_paths_end(struct call_paths *paths, struct call_stack *stack);

/* The sums of a region over all of its paths; of calls within its own, only the outermost counts as
 * inclusive. */
struct call_sum {
    uint64_t visits, inclusive, exclusive;
};
/* sums: one for each of so many regions, zero at first. */
void call_paths_sum(const struct call_paths *paths, struct call_sum *sums, uint32_t region_count);

void call_paths_finish(struct call_paths *paths);

#endif
