/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorder: see recorder.h. */
#include "tracer/record/recorder_private.h"

#include <stdlib.h>
#include <string.h>

void recorder_init(struct recorder *recorder, struct sink *sink)
{
    *recorder = (struct recorder){.sink = sink};
    regions_init(&recorder->regions);
    summary_init(&recorder->summary);
}

void recorder_finish(struct recorder *recorder)
{
    regions_finish(&recorder->regions);
    summary_finish(&recorder->summary);
    *recorder = (struct recorder){0};
}

uint32_t recorder_region(struct recorder *recorder, const char *name, const char *file, uint32_t line)
{
    uint32_t known = recorder->regions.count;
    uint32_t region = regions_number(&recorder->regions, name, file, line);
    if (region == REGION_NONE || !summary_admit(&recorder->summary, region))
        return REGION_NONE;
    struct sink *sink = recorder->sink;
    if (region == known && !sink->calls->announce_region(sink, region, &recorder->regions.items[region]))
        return REGION_NONE;
    return region;
}

/* --- what one event costs: these run for every call ---------------------------------------------------- */

static bool grow_frames(struct thread *thread)
{
    if (thread->capacity >= RECORDER_DEPTH_MAX)
        return false;
    uint32_t capacity = thread->capacity ? thread->capacity * 2 : 256;
    struct frame *frames = realloc(thread->frames, capacity * sizeof *frames);
    if (!frames)
        return false;
    thread->frames = frames;
    thread->capacity = capacity;
    return true;
}

static bool grow_active(struct thread *thread, uint32_t region)
{
    uint32_t len = thread->active_len ? thread->active_len : 64;
    while (len <= region)
        len *= 2;
    uint32_t *active = realloc(thread->active, len * sizeof *active);
    if (!active)
        return false;
    memset(active + thread->active_len, 0, (len - thread->active_len) * sizeof *active);
    thread->active = active;
    thread->active_len = len;
    return true;
}

struct location *recorder_locate(struct recorder *recorder, struct thread *thread)
{
    if (thread->location)
        return thread->location;
    struct location *spare = recorder->spare_locations;
    if (!spare || recorder->sink->location_count < RECORDER_FRESH_LOCATIONS) {
        thread->location = recorder->sink->calls->add_location(recorder->sink);
    } else {
        recorder->spare_locations = spare->next_spare;
        thread->location = spare;
    }
    return thread->location;
}

void recorder_open(struct recorder *recorder, struct thread *thread, struct frame *frame, uint32_t region)
{
    struct location *location = recorder_locate(recorder, thread);
    uint64_t now = recorder_now_ns(recorder);
    if (region == REGION_NONE || !location ||
        (region >= thread->active_len && !grow_active(thread, region)) ||
        !recorder->sink->calls->enter(location, now, region)) {
        recorder->lost += 2; /* the enter is not recorded, and neither is its leave */
        recorder->incomplete = true;
        return;
    }
    recorder->events++;
    location->events++;
    thread->open++;
    frame->region = region;
    frame->entered_ns = now;
    frame->outermost = thread->active[region]++ == 0;
    frame->siblings_ns = thread->children_ns;
    thread->children_ns = 0;
}

static void close_frame(struct recorder *recorder, struct thread *thread, struct frame *frame, uint64_t now)
{
    bool muted =
        recorder->muted; /* its leave is recorded all the same: without it the trace would not nest */
    if (muted)
        recorder_switch(recorder, thread, now, false);
    if (recorder->sink->calls->leave(thread->location, now, frame->region)) {
        recorder->events++;
        thread->location->events++;
    } else {
        recorder->lost++;
    }
    uint64_t duration_ns = now - frame->entered_ns;
    summary_add(&recorder->summary, frame->region, duration_ns, thread->children_ns, frame->outermost);
    thread->children_ns = frame->siblings_ns + duration_ns;
    thread->active[frame->region]--;
    thread->ended -= frame->ended;
    thread->open--;
    if (thread->rewinds)
        recorder_cross_rewinds(thread);
    if (muted)
        recorder_switch(recorder, thread, now, true);
}

struct frame *recorder_push(struct thread *thread, const void *key)
{
    if (thread->depth == thread->capacity && !grow_frames(thread))
        return NULL;
    struct frame *frame = &thread->frames[thread->depth++];
    frame->key = key;
    frame->region = REGION_NONE;
    frame->door = (uint8_t)thread->door;
    frame->ended = false;
    frame->is_cell = frame->is_statement = false;
    return frame;
}

bool recorder_open_region(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    struct frame *frame = recorder_push(thread, NULL);
    if (!frame) {
        recorder->lost += 2;
        return false;
    }
    recorder_open(recorder, thread, frame, region);
    if (frame->region != REGION_NONE)
        return true;
    thread->depth--; /* a frame that is neither a function nor recorded would never be removed */
    return false;
}

static void remove_frame(struct thread *thread, uint32_t at)
{
    memmove(&thread->frames[at], &thread->frames[at + 1], (--thread->depth - at) * sizeof thread->frames[0]);
}

/* Leaves the region of the cell that was before, with what is recorded above it. The functions of the kernel
 * that are running stay on the stack. */
static void leave_cell(struct recorder *recorder, struct thread *thread, uint32_t cell)
{
    uint64_t now = recorder_now_ns(recorder);
    for (uint32_t i = thread->depth; i-- > cell;) {
        struct frame *frame = &thread->frames[i];
        if (frame->region == REGION_NONE)
            continue;
        close_frame(recorder, thread, frame, now);
        remove_frame(thread, i);
    }
}

void recorder_carry_on(struct recorder *recorder, struct thread *thread)
{
    for (uint32_t i = 0; i < thread->carried_count; i++)
        (void)recorder_open_region(recorder, thread, thread->carried[i]);
    thread->carried_count = 0;
}

/* A statement of the cell's module-level code begins: the first one enters the region of them all, which is
 * left when the recording stops, or another cell's begins. */
static void enter_cell(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    uint32_t cell = thread->depth;
    for (uint32_t i = thread->depth; i-- > 0 && cell == thread->depth;)
        if (thread->frames[i].is_cell)
            cell = i;
    if (cell < thread->depth && thread->frames[cell].region == region)
        return;
    if (cell < thread->depth)
        leave_cell(recorder, thread, cell);
    if (!recorder_open_region(recorder, thread, region))
        return;
    thread->frames[thread->depth - 1].is_cell = true;
    recorder_carry_on(recorder, thread);
}

/* Sets what may be recorded of the calls that a function of this kind makes. */
static void pass_door(struct thread *thread, enum kind kind)
{
    if (kind == KIND_ROOT || (kind == KIND_USER && thread->door != DOOR_LOCKED))
        thread->door = DOOR_OPEN;
    else if (kind == KIND_OWN && thread->door == DOOR_OPEN)
        thread->door = DOOR_CLOSED;
}

bool recorder_is_in_cell(const struct thread *thread)
{
    for (uint32_t i = thread->depth; i-- > 0;)
        if (thread->frames[i].is_statement)
            return true;
    return false;
}

void recorder_seed(struct thread *thread, const struct unseen *functions, uint32_t count)
{
    uint32_t regions = thread->depth;
    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!recorder_push(thread, NULL)) { /* there is no memory: all is as it was */
            thread->depth = regions;
            return;
        }
    }
    memmove(&thread->frames[count], &thread->frames[0], regions * sizeof thread->frames[0]);
    thread->door = thread->is_master ? DOOR_LOCKED : DOOR_OPEN;
    for (uint32_t i = 0; i < count; i++) {
        const struct unseen *function = &functions[count - 1 - i];
        thread->frames[i] = (struct frame){.key = function->key,
                                           .region = REGION_NONE,
                                           .door = (uint8_t)thread->door,
                                           .is_statement = function->kind == KIND_ROOT};
        pass_door(thread, function->kind);
    }
}

void recorder_enter(struct recorder *recorder, struct thread *thread, const void *key, struct visit visit)
{
    bool wanted = recorder_wants(recorder, thread, visit.kind);
    bool is_statement = visit.kind == KIND_ROOT;
    if (is_statement) {
        bool is_nested = recorder_is_in_cell(thread); /* %%time runs the cell's code within the cell's code */
        if (wanted && thread->cell_counts && !is_nested)
            enter_cell(recorder, thread, visit.region);
        thread->awaits = visit.coroutine || (is_nested && thread->awaits);
        wanted = false;
    }
    struct frame *frame = recorder_push(thread, key);
    if (!frame) {
        thread->overflow++;
        recorder->lost += wanted ? 2 : 0;
        return;
    }
    frame->is_statement = is_statement;
    pass_door(thread, visit.kind);
    if (wanted)
        recorder_open(recorder, thread, frame, visit.region);
}

/* Leaves what was recorded in frames[from..], innermost first, and drops these frames. */
static void close_from(struct recorder *recorder, struct thread *thread, uint32_t from)
{
    uint64_t now = recorder_now_ns(recorder);
    while (thread->depth > from) {
        struct frame *frame = &thread->frames[--thread->depth];
        if (frame->region != REGION_NONE)
            close_frame(recorder, thread, frame, now);
    }
}

void recorder_settle(struct recorder *recorder, struct thread *thread)
{
    for (uint32_t i = thread->depth; i-- > 0 && thread->ended > 0;) {
        struct frame *frame = &thread->frames[i];
        if (frame->region == REGION_NONE)
            continue;
        if (!frame->ended)
            return;
        close_frame(recorder, thread, frame, recorder_now_ns(recorder));
        remove_frame(thread, i);
    }
}

/* A frame that was not recorded takes along the functions above it, whose leave was not seen, but not the
 * user's regions: they belong to the recorded function further down. `with region(...)` is such a case,
 * where __enter__ is ours and begins the region. */
static void drop_hidden(struct recorder *recorder, struct thread *thread, uint32_t at)
{
    for (uint32_t i = at + 1; i < thread->depth; i++) {
        if (thread->frames[i].key) {
            close_from(recorder, thread, i);
            break;
        }
    }
    remove_frame(thread, at);
}

static void leave_at(struct recorder *recorder, struct thread *thread, uint32_t at)
{
    enum door door = (enum door)thread->frames[at].door;
    if (thread->frames[at].region == REGION_NONE)
        drop_hidden(recorder, thread, at);
    else
        close_from(recorder, thread, at);
    thread->door = door == DOOR_LOCKED && thread->awaits ? DOOR_CLOSED : door;
    if (thread->ended > 0)
        recorder_settle(recorder, thread);
}

void recorder_leave(struct recorder *recorder, struct thread *thread, const void *key)
{
    if (thread->overflow > 0) {
        thread->overflow--;
        return;
    }
    for (uint32_t i = thread->depth; i-- > 0;) {
        if (thread->frames[i].key == key) {
            leave_at(recorder, thread, i);
            return;
        }
    }
}

/* --- what is rare -------------------------------------------------------------------------------------- */

static void forget_rewinds(struct thread *thread)
{
    for (struct rewind *rewind; (rewind = thread->rewinds);) {
        thread->rewinds = rewind->next;
        free(rewind);
    }
}

/* Remembers what the user's code has begun and not ended, for the next of several cells. */
static void carry(struct thread *thread)
{
    thread->carried_count = 0;
    for (uint32_t i = 0; i < thread->depth && thread->carried_count < RECORDER_CARRIED_MAX; i++) {
        const struct frame *frame = &thread->frames[i];
        if (!frame->key && !frame->is_cell && !frame->ended)
            thread->carried[thread->carried_count++] = frame->region;
    }
}

void recorder_unwind(struct recorder *recorder, struct thread *thread)
{
    forget_rewinds(thread);
    carry(thread);
    close_from(recorder, thread, 0);
    thread->overflow = 0;
    thread->ended = 0;
    thread->children_ns = 0;
}

void recorder_retire(struct recorder *recorder, struct thread *thread)
{
    recorder_unwind(recorder, thread);
    if (thread->location) {
        thread->location->next_spare = recorder->spare_locations;
        recorder->spare_locations = thread->location;
        thread->location = NULL;
    }
    free(thread->frames);
    free(thread->active);
    thread->frames = NULL;
    thread->active = NULL;
    thread->capacity = 0;
    thread->active_len = 0;
}
