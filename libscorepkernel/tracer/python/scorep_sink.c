/* SPDX-License-Identifier: BSD-3-Clause
 *
 * feed.c - the sink of events that is Score-P. Owns the numbers of regions, which are Score-P's handles here,
 * and a note of whose each location is. What Score-P does with the events is engine.c's business.
 */
#include "tracer/python/scorep_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "scorep/engine.h"

#define LOCATIONS_MAX 16384u

struct seat {
    struct location location;
    struct feed *feed;
    pthread_t owner;
    struct seat *next;
};

struct feed {
    struct sink sink;
    struct seat *seats; /* the newest first */
    struct seat *master;
    void **handles; /* by region; NULL: cannot be recorded */
    uint32_t handle_count;
    uint32_t handle_capacity;
};

static struct location *add_location(struct sink *sink)
{
    struct feed *feed = (struct feed *)sink;
    struct seat *seat = sink->location_count < LOCATIONS_MAX ? calloc(1, sizeof *seat) : NULL;
    if (!seat)
        return NULL;
    seat->feed = feed;
    seat->owner = pthread_self();
    seat->next = feed->seats;
    feed->seats = seat;
    sink->location_count++;
    return &seat->location;
}

static bool announce_region(struct sink *sink, uint32_t number, const struct region *region)
{
    struct feed *feed = (struct feed *)sink;
    if (number >= feed->handle_capacity) {
        uint32_t capacity = feed->handle_capacity ? feed->handle_capacity : 64;
        while (capacity <= number)
            capacity *= 2;
        void **handles = realloc(feed->handles, capacity * sizeof *handles);
        if (!handles)
            return false;
        feed->handles = handles;
        feed->handle_capacity = capacity;
    }
    while (feed->handle_count < number)
        feed->handles[feed->handle_count++] = NULL; /* which was not announced */
    void *handle = engine_region(region->name, region->file, region->line);
    feed->handles[feed->handle_count++] = handle;
    return handle != NULL;
}

static bool enter(struct location *location, uint64_t time_ns, uint32_t region)
{
    struct seat *seat = (struct seat *)location;
    (void)time_ns;
    if (region >= seat->feed->handle_count || !seat->feed->handles[region])
        return false;
    seat->owner = pthread_self(); /* the location of an ended thread may be somebody else's now */
    return engine_enter(seat->feed->handles[region]);
}

/* Of another thread, Score-P leaves what is open: when the thread ends, or when the measurement does. */
static bool leave(struct location *location, uint64_t time_ns, uint32_t region)
{
    const struct seat *seat = (const struct seat *)location;
    (void)time_ns;
    return !pthread_equal(seat->owner, pthread_self()) || engine_leave(seat->feed->handles[region]);
}

/* Score-P keeps parameters, rewind regions and the switch for the thread that calls. */
static bool parameter(struct location *location, uint64_t time_ns, const struct parameter *parameter)
{
    (void)location;
    (void)time_ns;
    switch (parameter->type) {
    case PARAMETER_SIGNED:
        return engine_parameter_signed(parameter->name, parameter->value.number);
    case PARAMETER_UNSIGNED:
        return engine_parameter_unsigned(parameter->name, parameter->value.unsigned_number);
    case PARAMETER_TEXT:
    default:
        return engine_parameter_text(parameter->name, parameter->value.text);
    }
}

static bool switch_recording(struct location *location, uint64_t time_ns, bool on)
{
    (void)location;
    (void)time_ns;
    return engine_record(on);
}

static void *handle_of(const struct location *location, uint32_t region)
{
    const struct feed *feed = ((const struct seat *)location)->feed;
    return region < feed->handle_count ? feed->handles[region] : NULL;
}

static bool rewind_begin(struct location *location, uint32_t region)
{
    void *handle = handle_of(location, region);
    return handle && engine_rewind_begin(handle);
}

/* Score-P says in its messages if it had to write the events in between, and cannot take them back. */
static bool rewind_end(struct location *location, uint64_t begin_ns, uint32_t region, bool rewound)
{
    (void)begin_ns;
    return engine_rewind_end(handle_of(location, region), rewound);
}

static void release(struct feed *feed)
{
    for (struct seat *seat; (seat = feed->seats);) {
        feed->seats = seat->next;
        free(seat);
    }
    free(feed->handles);
    free(feed);
}

struct feed *feed_create(const struct engine_setting *settings, size_t count, bool takes_time,
                         struct fault *fault)
{
    static const struct sink_calls calls = {
        .add_location = add_location,
        .announce_region = announce_region,
        .enter = enter,
        .leave = leave,
        .parameter = parameter,
        .switch_recording = switch_recording,
        .rewind_begin = rewind_begin,
        .rewind_end = rewind_end,
    };
    struct feed *feed = calloc(1, sizeof *feed);
    if (feed)
        feed->sink.calls = &calls;
    if (!feed || !add_location(&feed->sink)) {
        fault_note(fault, ENOMEM, "the events' way into Score-P");
        free(feed);
        return NULL;
    }
    feed->sink.takes_time = takes_time;
    feed->master = feed->seats;
    if (engine_begin(settings, count, fault) == 0)
        return feed;
    release(feed);
    return NULL;
}

struct sink *feed_sink(struct feed *feed)
{
    return &feed->sink;
}

struct location *feed_master(struct feed *feed)
{
    return &feed->master->location;
}

void feed_close(struct feed *feed, struct fault *fault)
{
    (void)engine_end(fault); /* it has noted why */
    release(feed);
}

void feed_abandon(struct feed *feed)
{
    release(feed);
}
