/* SPDX-License-Identifier: BSD-3-Clause
 *
 * feed.c - the sink of events that is Score-P. Owns the numbers of regions, which are Score-P's handles here,
 * and a note of whose each location is. What Score-P does with the events is engine.c's business.
 */
#include "feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

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
    struct rewind {
        struct rewind *next;
        void *handle;
        char name[]; /* NUL-terminated */
    } * rewinds;
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

static struct rewind *find_rewind(const struct feed *feed, const char *name)
{
    struct rewind *rewind = feed->rewinds;
    while (rewind && strcmp(rewind->name, name) != 0)
        rewind = rewind->next;
    return rewind;
}

void feed_rewind_begin(struct feed *feed, const char *name, const char *file, uint32_t line)
{
    struct rewind *rewind = find_rewind(feed, name);
    if (!rewind) {
        size_t size = strlen(name) + 1;
        rewind = calloc(1, sizeof *rewind + size);
        if (!rewind)
            return; /* its end finds none, either */
        memcpy(rewind->name, name, size);
        rewind->handle = engine_region(name, file, line);
        rewind->next = feed->rewinds;
        feed->rewinds = rewind;
    }
    if (rewind->handle)
        (void)engine_rewind_begin(rewind->handle); /* a Score-P that has given up says so at the end */
}

void feed_rewind_end(struct feed *feed, const char *name, bool rewound)
{
    const struct rewind *rewind = find_rewind(feed, name);
    if (rewind && rewind->handle)
        (void)engine_rewind_end(rewind->handle, rewound);
}

static void release(struct feed *feed)
{
    for (struct rewind *rewind; (rewind = feed->rewinds);) {
        feed->rewinds = rewind->next;
        free(rewind);
    }
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
    static const struct sink_calls calls = {add_location, announce_region, enter, leave};
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
