/* SPDX-License-Identifier: BSD-3-Clause
 *
 * trace_reader: what an OTF2 archive of any writer says of its program's calls, by OTF2's own reader. One
 * location after the other is read, in memory that does not grow with the number of events. OTF2's reader
 * believes what is in a file: a process of its own, which may end, is the place to read a stranger's. */
#ifndef TRACER_READING_TRACE_READER_H
#define TRACER_READING_TRACE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "tracer/reading/call_paths.h"

/* Definitions with greater numbers, and longer texts in all, are too much. */
#define TRACE_REGIONS_MAX (1u << 20)
#define TRACE_STRINGS_MAX (1u << 22)
#define TRACE_LOCATIONS_MAX (1u << 16)

/* What has a call tree of its own. */
enum trace_apart { TRACE_TOGETHER, TRACE_LOCATIONS, TRACE_GROUPS };

struct trace_options {
    enum trace_apart apart;
    /* Called every million events or so: how many have been read, of how many. false: read no more. */
    bool (*go_on)(void *owner, uint64_t read, uint64_t all);
    void *owner;
};

/* Texts are borrowed from the strings of the same struct trace; "" where there is none. */
struct trace_region {
    const char *name, *file;
    uint32_t line;
};

struct trace_location {
    uint64_t id;
    const char *name;
    uint64_t events;
    uint32_t group; /* the number of its process, such as an MPI rank */
};

struct trace {
    struct call_paths paths; /* roots stand for a number in locations, or of a group */
    struct trace_region *regions;
    struct trace_location *locations;
    uint32_t region_count, location_count;
    uint64_t events;      /* enters and leaves that were read */
    uint64_t resolution;  /* ticks of a second */
    uint64_t first, last; /* the times of the first event and of the last; 0 without events */
    bool is_partial;      /* it was not read to its end: go_on said so, or the file has an end too early */
    char **strings;       /* private */
    uint32_t string_count;
};

/* Read the archive with that anchor file. 0: *trace is to be given to trace_finish. A negative errno, and
 * *fault says what failed: -EPROTO: it is no archive, or a damaged one; -E2BIG: it exceeds a maximum;
 * -ENOMEM. */
int trace_read(const char *anchor, const struct trace_options *options, struct trace *trace,
               struct fault *fault);

void trace_finish(struct trace *trace);

#endif
