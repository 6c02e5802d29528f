/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sink: where the recorder's events go: an archive of our own (archive.h), or Score-P
 * (tracer/python/scorep_sink.h).
 *
 * A sink is the first member of what implements it, and so is a location. Needs the GIL, like its callers. */
#ifndef TRACER_RECORD_SINK_H
#define TRACER_RECORD_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/record/regions.h"

struct sink;

/* One thread's events. Owned by its sink, valid until that is closed. */
struct location {
    struct location *next_spare; /* for recorder.c */
    uint64_t events;             /* that it holds; counted by recorder.c */
};

/* A name and a value that the user's code gives to the region that it is in. Borrowed. */
struct parameter {
    const char *name;
    enum parameter_type { PARAMETER_TEXT, PARAMETER_SIGNED, PARAMETER_UNSIGNED } type; /* as OTF2 counts */
    union {
        int64_t number;
        uint64_t unsigned_number;
        const char *text;
    } value;
};

struct sink_calls {
    /* The next location, NULL once there can be no more. */
    struct location *(*add_location)(struct sink *sink);
    /* Each region comes once, before its first event, and none before one of a lower number; some numbers may
     * be missing. false: it cannot be recorded. */
    bool (*announce_region)(struct sink *sink, uint32_t number, const struct region *region);
    /* false: not recorded. For an enter that was recorded there is always room for its leave. */
    bool (*enter)(struct location *location, uint64_t time_ns, uint32_t region);
    bool (*leave)(struct location *location, uint64_t time_ns, uint32_t region);
    /* These are rare. false: not recorded. */
    bool (*parameter)(struct location *location, uint64_t time_ns, const struct parameter *parameter);
    bool (*switch_recording)(struct location *location, uint64_t time_ns, bool on);
    /* Remember the place, under the number of a region that was announced; and forget it again, with
     * `rewound` together with all events since. Places nest: forgetting one forgets those remembered after
     * it. false: nothing was taken back, as the events are not in memory any more. */
    bool (*rewind_begin)(struct location *location, uint32_t region);
    bool (*rewind_end)(struct location *location, uint64_t begin_ns, uint32_t region, bool rewound);
};

struct sink {
    const struct sink_calls *calls;
    uint32_t location_count;
    bool takes_time; /* the sink takes the time by itself: the recorder reads no clock then, and its summary
                        has visits alone */
};

#endif
