/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorder: see recorder.h. */
#include "recorder.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

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

static struct location *locate(struct recorder *recorder)
{
    struct location *spare = recorder->spare_locations;
    if (!spare || recorder->sink->location_count < RECORDER_FRESH_LOCATIONS)
        return recorder->sink->calls->add_location(recorder->sink);
    recorder->spare_locations = spare->next_spare;
    return spare;
}

static uint64_t now_ns(const struct recorder *recorder)
{
    return recorder->sink->takes_time ? 0 : clock_now_ns();
}

/* Records the enter of a frame that is on the stack already. */
static void open_frame(struct recorder *recorder, struct thread *thread, struct frame *frame, uint32_t region)
{
    if (!thread->location)
        thread->location = locate(recorder);
    uint64_t now = now_ns(recorder);
    if (region == REGION_NONE || !thread->location ||
        (region >= thread->active_len && !grow_active(thread, region)) ||
        !recorder->sink->calls->enter(thread->location, now, region)) {
        recorder->lost += 2; /* the leave is lost with it */
        return;
    }
    recorder->events++;
    frame->region = region;
    frame->entered_ns = now;
    frame->outermost = thread->active[region]++ == 0;
    frame->siblings_ns = thread->children_ns;
    thread->children_ns = 0;
}

static void close_frame(struct recorder *recorder, struct thread *thread, struct frame *frame, uint64_t now)
{
    if (recorder->sink->calls->leave(thread->location, now, frame->region))
        recorder->events++;
    else
        recorder->lost++;
    uint64_t duration_ns = now - frame->entered_ns;
    summary_add(&recorder->summary, frame->region, duration_ns, thread->children_ns, frame->outermost);
    thread->children_ns = frame->siblings_ns + duration_ns;
    thread->active[frame->region]--;
    thread->ended -= frame->ended;
}

static struct frame *push(struct thread *thread, const void *key)
{
    if (thread->depth == thread->capacity && !grow_frames(thread))
        return NULL;
    struct frame *frame = &thread->frames[thread->depth++];
    frame->key = key;
    frame->region = REGION_NONE;
    frame->door = (uint8_t)thread->door;
    frame->ended = false;
    return frame;
}

void recorder_enter(struct recorder *recorder, struct thread *thread, const void *key, struct visit visit)
{
    bool wanted = recorder_wants(recorder, thread, visit.kind);
    struct frame *frame = push(thread, key);
    if (!frame) {
        thread->overflow++;
        recorder->lost += wanted ? 2 : 0;
        return;
    }
    if (visit.kind == KIND_ROOT) {
        thread->awaits = visit.coroutine;
        thread->door = DOOR_OPEN;
    } else if (visit.kind == KIND_USER && thread->door != DOOR_LOCKED) {
        thread->door = DOOR_OPEN;
    } else if (visit.kind == KIND_OWN && thread->door == DOOR_OPEN) {
        thread->door = DOOR_CLOSED;
    }
    if (wanted)
        open_frame(recorder, thread, frame, visit.region);
}

/* Leaves what was recorded in frames[from..], innermost first, and drops these frames. */
static void close_from(struct recorder *recorder, struct thread *thread, uint32_t from)
{
    uint64_t now = now_ns(recorder);
    while (thread->depth > from) {
        struct frame *frame = &thread->frames[--thread->depth];
        if (frame->region != REGION_NONE)
            close_frame(recorder, thread, frame, now);
    }
}

static void remove_frame(struct thread *thread, uint32_t at)
{
    memmove(&thread->frames[at], &thread->frames[at + 1], (--thread->depth - at) * sizeof thread->frames[0]);
}

/* Leaves the user's regions that are due: nothing recorded lies above them any more. */
static void settle(struct recorder *recorder, struct thread *thread)
{
    for (uint32_t i = thread->depth; i-- > 0 && thread->ended > 0;) {
        struct frame *frame = &thread->frames[i];
        if (frame->region == REGION_NONE)
            continue;
        if (!frame->ended)
            return;
        close_frame(recorder, thread, frame, now_ns(recorder));
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
        settle(recorder, thread);
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

void recorder_region_begin(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    struct frame *frame = push(thread, NULL);
    if (!frame) {
        recorder->lost += 2;
        return;
    }
    open_frame(recorder, thread, frame, region);
    if (frame->region == REGION_NONE)
        thread->depth--; /* a frame that is neither a function nor recorded would never be removed */
}

void recorder_region_end(struct recorder *recorder, struct thread *thread, const char *name)
{
    for (uint32_t i = thread->depth; i-- > 0;) {
        struct frame *frame = &thread->frames[i];
        if (frame->key || frame->ended)
            continue;
        if (strncmp(recorder->regions.items[frame->region].name, name, REGION_TEXT_MAX) != 0)
            continue;
        frame->ended = true;
        thread->ended++;
        settle(recorder, thread);
        return;
    }
}

void recorder_unwind(struct recorder *recorder, struct thread *thread)
{
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
