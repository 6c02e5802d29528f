/* SPDX-License-Identifier: BSD-3-Clause
 *
 * traceless_sink: see traceless_sink.h. */
#include "tracer/record/traceless_sink.h"

#include <stdlib.h>

struct kept {
    struct location location;
    struct kept *next;
};

struct traceless_sink {
    struct sink sink;
    struct kept *locations; /* owned; that of the master is the last */
    struct kept master;
};

static struct location *add_location(struct sink *sink)
{
    struct traceless_sink *traceless = (struct traceless_sink *)sink;
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return NULL;
    kept->next = traceless->locations;
    traceless->locations = kept;
    sink->location_count++;
    return &kept->location;
}

static bool announce_region(struct sink *sink, uint32_t number, const struct region *region)
{
    (void)sink;
    (void)number;
    (void)region;
    return true;
}

static bool pass_over(struct location *location, uint64_t time_ns, uint32_t region)
{
    (void)location;
    (void)time_ns;
    (void)region;
    return true;
}

static bool parameter(struct location *location, uint64_t time_ns, const struct parameter *parameter)
{
    (void)location;
    (void)time_ns;
    (void)parameter;
    return true;
}

static bool switch_recording(struct location *location, uint64_t time_ns, bool on)
{
    (void)location;
    (void)time_ns;
    (void)on;
    return true;
}

static bool rewind_begin(struct location *location, uint32_t region)
{
    (void)location;
    (void)region;
    return true;
}

/* What is in the summary stays there. */
static bool rewind_end(struct location *location, uint64_t begin_ns, uint32_t region, bool rewound)
{
    (void)location;
    (void)begin_ns;
    (void)region;
    return !rewound;
}

static const struct sink_calls calls = {
    .add_location = add_location,
    .announce_region = announce_region,
    .enter = pass_over,
    .leave = pass_over,
    .parameter = parameter,
    .switch_recording = switch_recording,
    .rewind_begin = rewind_begin,
    .rewind_end = rewind_end,
};

struct traceless_sink *traceless_sink_create(void)
{
    struct traceless_sink *sink = calloc(1, sizeof *sink);
    if (sink) {
        sink->sink.calls = &calls;
        sink->sink.location_count = 1;
    }
    return sink;
}

void traceless_sink_destroy(struct traceless_sink *sink)
{
    while (sink && sink->locations) {
        struct kept *kept = sink->locations;
        sink->locations = kept->next;
        free(kept);
    }
    free(sink);
}

struct sink *traceless_sink_base(struct traceless_sink *sink)
{
    return &sink->sink;
}

struct location *traceless_sink_master(struct traceless_sink *sink)
{
    return &sink->master.location;
}
