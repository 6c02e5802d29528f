/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sink: where the recorder's events go: an archive of our own (archive.h), or Score-P (scorep/feed.h).
 *
 * A sink is the first member of what implements it, and so is a location. Needs the GIL, like its callers. */
#ifndef TRACER_SINK_H
#define TRACER_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "regions.h"

struct sink;

/* One thread's events. Owned by its sink, valid until that is closed. */
struct location {
    struct location *next_spare; /* for recorder.c */
};

struct sink_calls {
    /* The next location, NULL once there can be no more. */
    struct location *(*add_location)(struct sink *sink);
    /* Each region comes once, before its first event, and none before one of a lower number; some numbers may
     * be missing. false: it cannot be recorded. */
    bool (*announce_region)(struct sink *sink, uint32_t number, const struct region *region);
    /* false: not recorded. An enter that was recorded has paid for its leave: there is room for that one. */
    bool (*enter)(struct location *location, uint64_t time_ns, uint32_t region);
    bool (*leave)(struct location *location, uint64_t time_ns, uint32_t region);
};

struct sink {
    const struct sink_calls *calls;
    uint32_t location_count;
    bool takes_time; /* itself: the recorder then reads no clock, and its tallies have visits alone */
};

#endif
