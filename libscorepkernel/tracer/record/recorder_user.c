/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorder_user: what the user's code asks of the recorder by itself: regions of its own, parameters,
 * rewinding, switching all recording off and on. Events stay balanced and nested whatever it asks for; see
 * recorder.h. */
#include <stdlib.h>
#include <string.h>

#include "tracer/record/recorder_private.h"

#define ERROR_REGION "error_region"
#define ERROR_PARAMETER "leave-region"
#define REWINDS_MAX 1024u /* nested in one thread */

void recorder_region_begin(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    (void)recorder_open_region(recorder, thread, region);
}

static void end_at(struct recorder *recorder, struct thread *thread, uint32_t at)
{
    thread->frames[at].ended = true;
    thread->ended++;
    recorder_settle(recorder, thread);
}

/* Whether a frame is a region that the user's code began, and has not ended. */
static bool is_open_region(const struct frame *frame)
{
    return !frame->key && !frame->ended && !frame->is_cell;
}

bool recorder_region_end_number(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    for (uint32_t i = thread->depth; i-- > 0;) {
        if (!is_open_region(&thread->frames[i]) || thread->frames[i].region != region)
            continue;
        end_at(recorder, thread, i);
        return true;
    }
    return false;
}

/* Names that were cut when they were recorded are compared as far as they go. */
static bool is_named(const struct recorder *recorder, uint32_t region, const char *name)
{
    const char *kept = recorder->regions.items[region].name;
    size_t len = regions_kept(name);
    return strncmp(kept, name, len) == 0 && kept[len] == '\0';
}

bool recorder_region_end(struct recorder *recorder, struct thread *thread, const char *name)
{
    for (uint32_t i = thread->depth; i-- > 0;) {
        const struct frame *frame = &thread->frames[i];
        if (!is_open_region(frame) || !is_named(recorder, frame->region, name))
            continue;
        end_at(recorder, thread, i);
        return true;
    }
    return recorder->incomplete;
}

void recorder_stray_end(struct recorder *recorder, struct thread *thread, const char *name, const char *file,
                        uint32_t line)
{
    uint32_t region = recorder_region(recorder, ERROR_REGION, file, line);
    if (!recorder_open_region(recorder, thread, region))
        return;
    struct parameter parameter = {ERROR_PARAMETER, PARAMETER_TEXT, {.text = name}};
    recorder_parameter(recorder, thread, &parameter);
    end_at(recorder, thread, thread->depth - 1);
}

static void count(struct recorder *recorder, struct location *location, bool recorded)
{
    recorder->events += recorded;
    location->events += recorded;
    recorder->lost += !recorded;
}

void recorder_parameter(struct recorder *recorder, struct thread *thread, const struct parameter *parameter)
{
    struct location *location = recorder_locate(recorder, thread);
    recorder->parameters++;
    if (location)
        count(recorder, location,
              recorder->sink->calls->parameter(location, recorder_now_ns(recorder), parameter));
    else
        recorder->lost++;
}

void recorder_switch(struct recorder *recorder, struct thread *thread, uint64_t now_ns, bool muted)
{
    struct location *location = recorder_locate(recorder, thread);
    if (!location)
        return;
    recorder->muted = muted;
    count(recorder, location, recorder->sink->calls->switch_recording(location, now_ns, !muted));
}

void recorder_mute(struct recorder *recorder, struct thread *thread, bool muted)
{
    if (recorder->muted == muted)
        return;
    recorder->incomplete = true; /* what begins meanwhile may end later */
    recorder_switch(recorder, thread, recorder_now_ns(recorder), muted);
}

void recorder_cross_rewinds(struct thread *thread)
{
    for (struct rewind *rewind = thread->rewinds; rewind; rewind = rewind->next)
        rewind->crossed = rewind->crossed || thread->open < rewind->open;
}

/* Whether the sink can remember one more, of that name: there is one place for each name. */
static bool has_room(const struct thread *thread, uint32_t region)
{
    uint32_t found = 0;
    for (const struct rewind *rewind = thread->rewinds; rewind; rewind = rewind->next)
        if (rewind->region == region || ++found == REWINDS_MAX)
            return false;
    return true;
}

/* A rewind of the same name is open already: an exception left the function that was to end it. Forget that
 * one. */
static void forget_crossed(const struct recorder *recorder, struct thread *thread, uint32_t region)
{
    for (struct rewind **link = &thread->rewinds; *link; link = &(*link)->next) {
        struct rewind *rewind = *link;
        if (rewind->region != region || !rewind->crossed)
            continue;
        if (!rewind->unknown)
            (void)recorder->sink->calls->rewind_end(thread->location, rewind->begin_ns, region, false);
        *link = rewind->next;
        free(rewind);
        return;
    }
}

void recorder_rewind_begin(struct recorder *recorder, struct thread *thread, uint32_t region)
{
    struct location *location = recorder_locate(recorder, thread);
    struct rewind *rewind = location && region != REGION_NONE ? calloc(1, sizeof *rewind) : NULL;
    if (!rewind) {
        recorder->rewinds_refused++; /* without memory: rewind_end will find none */
        return;
    }
    *rewind = (struct rewind){.next = thread->rewinds,
                              .begin_ns = recorder_now_ns(recorder),
                              .events = location->events,
                              .region = region,
                              .open = thread->open};
    forget_crossed(recorder, thread, region);
    rewind->next = thread->rewinds;
    rewind->unknown = !has_room(thread, region) || !recorder->sink->calls->rewind_begin(location, region);
    thread->rewinds = rewind;
}

/* Whether the sink has taken the events back. */
static bool take_back(const struct recorder *recorder, const struct thread *thread,
                      const struct rewind *rewind, bool rewound)
{
    bool whole = !rewind->crossed && thread->open == rewind->open;
    if (rewind->unknown)
        return false;
    return recorder->sink->calls->rewind_end(thread->location, rewind->begin_ns, rewind->region,
                                             rewound && whole) &&
           rewound && whole;
}

/* Forgets the innermost rewind. */
static void end_rewind(struct recorder *recorder, struct thread *thread, bool rewound)
{
    struct rewind *rewind = thread->rewinds;
    struct location *location = thread->location;
    bool done = take_back(recorder, thread, rewind, rewound);
    if (rewound && !done)
        recorder->rewinds_refused++;
    if (done) {
        recorder->events -= location->events - rewind->events;
        location->events = rewind->events;
        count(recorder, location, true); /* the two events that mark the gap, which the sink has written */
        count(recorder, location, true);
    }
    thread->rewinds = rewind->next;
    free(rewind);
}

bool recorder_rewind_end(struct recorder *recorder, struct thread *thread, const char *name, bool rewound)
{
    const struct rewind *found = thread->rewinds;
    while (found && !is_named(recorder, found->region, name))
        found = found->next;
    if (!found)
        return false;
    while (thread->rewinds != found) /* those that were begun within it end with it */
        end_rewind(recorder, thread, false);
    end_rewind(recorder, thread, rewound);
    return true;
}
