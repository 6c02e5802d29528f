/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scorep_sink.c - the sink of events that is Score-P. Owns the numbers of regions, which are Score-P's
 * handles here, and a note of whose each location is. What Score-P does with the events is engine.c's
 * business.
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
    struct scorep_sink *scorep_sink;
    pthread_t owner;
    struct seat *next;
};

struct scorep_sink {
    struct sink sink;
    struct seat *seats; /* the newest first */
    struct seat *master;
    void **handles; /* by region; NULL: cannot be recorded */
    uint32_t handle_count;
    uint32_t handle_capacity;
};

static struct location *add_location(struct sink *sink)
{
    struct scorep_sink *scorep_sink = (struct scorep_sink *)sink;
    struct seat *seat = sink->location_count < LOCATIONS_MAX ? calloc(1, sizeof *seat) : NULL;
    if (!seat)
        return NULL;
    seat->scorep_sink = scorep_sink;
    seat->owner = pthread_self();
    seat->next = scorep_sink->seats;
    scorep_sink->seats = seat;
    sink->location_count++;
    return &seat->location;
}

static bool announce_region(struct sink *sink, uint32_t number, const struct region *region)
{
    struct scorep_sink *scorep_sink = (struct scorep_sink *)sink;
    if (number >= scorep_sink->handle_capacity) {
        uint32_t capacity = scorep_sink->handle_capacity ? scorep_sink->handle_capacity : 64;
        while (capacity <= number)
            capacity *= 2;
        void **handles = realloc(scorep_sink->handles, capacity * sizeof *handles);
        if (!handles)
            return false;
        scorep_sink->handles = handles;
        scorep_sink->handle_capacity = capacity;
    }
    while (scorep_sink->handle_count < number)
        scorep_sink->handles[scorep_sink->handle_count++] = NULL; /* which was not announced */
    void *handle = engine_region(region->name, region->file, region->line);
    scorep_sink->handles[scorep_sink->handle_count++] = handle;
    return handle != NULL;
}

static bool enter(struct location *location, uint64_t time_ns, uint32_t region)
{
    struct seat *seat = (struct seat *)location;
    (void)time_ns;
    if (region >= seat->scorep_sink->handle_count || !seat->scorep_sink->handles[region])
        return false;
    seat->owner = pthread_self(); /* the location of an ended thread may be somebody else's now */
    return engine_enter(seat->scorep_sink->handles[region]);
}

/* Of another thread, Score-P leaves what is open: when the thread ends, or when the measurement does. */
static bool leave(struct location *location, uint64_t time_ns, uint32_t region)
{
    const struct seat *seat = (const struct seat *)location;
    (void)time_ns;
    return !pthread_equal(seat->owner, pthread_self()) || engine_leave(seat->scorep_sink->handles[region]);
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
    const struct scorep_sink *scorep_sink = ((const struct seat *)location)->scorep_sink;
    return region < scorep_sink->handle_count ? scorep_sink->handles[region] : NULL;
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

static void release(struct scorep_sink *scorep_sink)
{
    for (struct seat *seat; (seat = scorep_sink->seats);) {
        scorep_sink->seats = seat->next;
        free(seat);
    }
    free(scorep_sink->handles);
    free(scorep_sink);
}

struct scorep_sink *scorep_sink_create(const struct engine_setting *settings, size_t count, bool takes_time,
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
    struct scorep_sink *scorep_sink = calloc(1, sizeof *scorep_sink);
    if (scorep_sink)
        scorep_sink->sink.calls = &calls;
    if (!scorep_sink || !add_location(&scorep_sink->sink)) {
        fault_note(fault, ENOMEM, "the events' way into Score-P");
        free(scorep_sink);
        return NULL;
    }
    scorep_sink->sink.takes_time = takes_time;
    scorep_sink->master = scorep_sink->seats;
    if (engine_begin(settings, count, fault) == 0)
        return scorep_sink;
    release(scorep_sink);
    return NULL;
}

struct sink *scorep_sink_base(struct scorep_sink *scorep_sink)
{
    return &scorep_sink->sink;
}

struct location *scorep_sink_master(struct scorep_sink *scorep_sink)
{
    return &scorep_sink->master->location;
}

void scorep_sink_close(struct scorep_sink *scorep_sink, struct fault *fault)
{
    (void)engine_end(fault); /* it has noted why */
    release(scorep_sink);
}

void scorep_sink_abandon(struct scorep_sink *scorep_sink)
{
    release(scorep_sink);
}
