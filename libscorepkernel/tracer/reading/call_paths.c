/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call_paths: see call_paths.h. */
#include "tracer/reading/call_paths.h"

#include <stdlib.h>

#define CAPACITY_FIRST 256u
#define SLOTS_FIRST 1024u

struct open_call {
    uint32_t path, region;
    bool is_own; /* it has a path of its own, and is no part of its caller's */
    uint64_t begin, children;
};

/* --- finding a path --------------------------------------------------------------------------------------
 */

static uint32_t hash(uint32_t parent, uint32_t region)
{
    uint64_t both = (uint64_t)parent << 32 | region;
    return (uint32_t)(both * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

static uint32_t *find_slot(const struct call_paths *paths, uint32_t parent, uint32_t region)
{
    uint32_t mask = paths->slot_count - 1;
    for (uint32_t at = hash(parent, region) & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &paths->slots[at];
        if (*slot == CALL_PATH_NONE ||
            (paths->items[*slot].parent == parent && paths->items[*slot].region == region))
            return slot;
    }
}

static bool grow_items(struct call_paths *paths)
{
    uint32_t capacity = paths->capacity ? 2 * paths->capacity : CAPACITY_FIRST;
    struct call_path *items = realloc(paths->items, capacity * sizeof *items);
    if (!items)
        return false;
    paths->items = items;
    paths->capacity = capacity;
    return true;
}

static bool grow_slots(struct call_paths *paths)
{
    uint32_t count = paths->slot_count ? 2 * paths->slot_count : SLOTS_FIRST;
    uint32_t *slots = malloc(count * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < count; i++)
        slots[i] = CALL_PATH_NONE;
    free(paths->slots);
    paths->slots = slots;
    paths->slot_count = count;
    for (uint32_t i = 0; i < paths->count; i++)
        *find_slot(paths, paths->items[i].parent, paths->items[i].region) = i;
    return true;
}

/* The path of a region below another one, made if it is not there. CALL_PATH_NONE: there is no room for it.
 */
static uint32_t find(struct call_paths *paths, uint32_t parent, uint32_t region)
{
    uint32_t *slot = paths->slot_count ? find_slot(paths, parent, region) : NULL;
    if (slot && *slot != CALL_PATH_NONE)
        return *slot;
    if (paths->count == CALL_PATHS_MAX || (paths->count == paths->capacity && !grow_items(paths)) ||
        (2 * paths->count >= paths->slot_count && !grow_slots(paths))) {
        paths->is_full = true;
        return CALL_PATH_NONE;
    }
    uint32_t made = paths->count++;
    paths->items[made] = (struct call_path){parent, region, CALL_PATH_NONE, 0, 0, 0};
    *find_slot(paths, parent, region) = made;
    return made;
}

uint32_t call_paths_root(struct call_paths *paths, uint32_t what)
{
    return find(paths, CALL_PATH_NONE, what);
}

/* Most calls are the same as the one before. */
static uint32_t find_child(struct call_paths *paths, uint32_t parent, uint32_t region)
{
    uint32_t recent = paths->items[parent].recent;
    if (recent != CALL_PATH_NONE && paths->items[recent].region == region)
        return recent;
    uint32_t found = find(paths, parent, region);
    if (found != CALL_PATH_NONE)
        paths->items[parent].recent = found;
    return found;
}

/* --- events ----------------------------------------------------------------------------------------------
 */

static bool has_room(struct call_stack *stack)
{
    if (stack->depth < stack->capacity)
        return true;
    if (stack->depth == CALL_PATHS_DEPTH_MAX)
        return false;
    uint32_t capacity = stack->capacity ? 2 * stack->capacity : CAPACITY_FIRST;
    struct open_call *calls = realloc(stack->calls, capacity * sizeof *calls);
    if (!calls)
        return false;
    stack->calls = calls;
    stack->capacity = capacity;
    return true;
}

/* The clock as it is seen from now on: it never goes back. */
static uint64_t tick(struct call_stack *stack, uint64_t time)
{
    if (time < stack->first)
        stack->first = time;
    if (time > stack->last)
        stack->last = time;
    return stack->last;
}

void call_paths_enter(struct call_paths *paths, struct call_stack *stack, uint32_t region, uint64_t time)
{
    uint64_t now = tick(stack, time);
    if (!has_room(stack)) {
        stack->beyond++;
        paths->is_full = true;
        return;
    }
    uint32_t above = stack->depth ? stack->calls[stack->depth - 1].path : stack->root;
    uint32_t own = find_child(paths, above, region);
    bool is_own = own != CALL_PATH_NONE;
    stack->calls[stack->depth++] = (struct open_call){is_own ? own : above, region, is_own, now, 0};
}

/* The innermost call ends. */
static void end_call(struct call_paths *paths, struct call_stack *stack, uint64_t now)
{
    const struct open_call *call = &stack->calls[--stack->depth];
    struct call_path *path = &paths->items[call->path];
    uint64_t took = now - call->begin;
    if (!call->is_own)
        return; /* its time is its caller's, and so is that of what it called */
    path->visits++;
    path->inclusive += took;
    path->exclusive += took > call->children ? took - call->children : 0;
    if (stack->depth > 0)
        stack->calls[stack->depth - 1].children += took;
}

/* How many calls are open down to the innermost of that region, and with it; 0: none is. */
static uint32_t calls_to(const struct call_stack *stack, uint32_t region)
{
    for (uint32_t at = stack->depth; at-- > 0;)
        if (stack->calls[at].region == region)
            return stack->depth - at;
    return 0;
}

void call_paths_leave(struct call_paths *paths, struct call_stack *stack, uint32_t region, uint64_t time)
{
    uint64_t now = tick(stack, time);
    if (stack->beyond > 0) {
        stack->beyond--;
        return;
    }
    uint32_t ends =
        stack->depth && stack->calls[stack->depth - 1].region == region ? 1 : calls_to(stack, region);
    paths->unpaired += ends == 0 ? 1 : ends - 1;
    for (; ends > 0; ends--)
        end_call(paths, stack, now);
}

void call_paths_end(struct call_paths *paths, struct call_stack *stack)
{
    paths->unpaired += stack->depth;
    while (stack->depth > 0)
        end_call(paths, stack, stack->last);
    free(stack->calls);
    *stack = (struct call_stack){.root = stack->root};
}

/* --- sums ------------------------------------------------------------------------------------------------
 */

static bool is_within_itself(const struct call_paths *paths, uint32_t number)
{
    uint32_t region = paths->items[number].region;
    for (uint32_t at = paths->items[number].parent; at != CALL_PATH_NONE; at = paths->items[at].parent)
        if (paths->items[at].region == region && paths->items[at].parent != CALL_PATH_NONE)
            return true;
    return false;
}

void call_paths_sum(const struct call_paths *paths, struct call_sum *sums, uint32_t region_count)
{
    for (uint32_t i = 0; i < paths->count; i++) {
        const struct call_path *path = &paths->items[i];
        if (path->parent == CALL_PATH_NONE || path->region >= region_count)
            continue;
        sums[path->region].visits += path->visits;
        sums[path->region].exclusive += path->exclusive;
        if (!is_within_itself(paths, i))
            sums[path->region].inclusive += path->inclusive;
    }
}

void call_paths_finish(struct call_paths *paths)
{
    free(paths->items);
    free(paths->slots);
    *paths = (struct call_paths){0};
}
