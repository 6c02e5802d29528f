/* SPDX-License-Identifier: BSD-3-Clause
 *
 * archive: the OTF2 archive of one measurement: its files, its buffers, its errors.
 *
 * The only module besides definitions.c that speaks to OTF2, and it knows nothing of Python. Nothing here
 * locks: its callers hold Python's GIL, also while a full buffer is written to the disk.
 *
 * An archive that fails keeps the first fault and accepts no more events; closing it still writes what can
 * be written and frees everything. */
#ifndef TRACER_ARCHIVE_H
#define TRACER_ARCHIVE_H

#include <otf2/otf2.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "regions.h"

#define ARCHIVE_LOCATIONS_MAX 16384u

struct archive;

/* One thread's events. Owned by its archive, valid until archive_close. */
struct location {
    OTF2_EvtWriter *writer;
    struct archive *archive;
    uint32_t number;    /* 0 is the master thread */
    uint32_t credit;    /* events that there is room for on the disk */
    uint64_t unflushed; /* bytes reserved for events that are in memory, at most */
    uint64_t events;
    struct location *next_spare; /* for recorder.c */
    bool broken;                 /* a flush failed in the middle: OTF2 would write the same chunks again */
};

/* What was measured, for the definitions. Borrowed. */
struct measured {
    const struct regions *regions;
    const char *process;
    uint64_t begin_ns;          /* no event is earlier */
    uint64_t end_ns;            /* nor later */
    uint64_t begin_realtime_ns; /* begin_ns on the clock on the wall */
};

/* Creates the archive's files inside an existing directory. NULL: *fault says why, and with which errno. */
struct archive *archive_create(const char *directory, uint64_t memory_limit, struct fault *fault);

/* The next location, NULL once the archive failed or has ARCHIVE_LOCATIONS_MAX of them. */
struct location *archive_add_location(struct archive *archive);

/* Number 0 is there from the beginning. */
struct location *archive_location(const struct archive *archive, uint32_t number);

/* One more region needs this much text in the definitions. */
void archive_announce_region(struct archive *archive, const struct region *region);

/* False: not recorded. An enter that was recorded has paid for its leave: that one fits on the disk. */
bool archive_enter(struct location *location, uint64_t time_ns, uint32_t region);
bool archive_leave(struct location *location, uint64_t time_ns, uint32_t region);

bool archive_failed(const struct archive *archive);
uint32_t archive_location_count(const struct archive *archive);
uint64_t archive_flush_count(const struct archive *archive);

/* Writes the definitions, closes the files, frees the archive. *fault: the first thing that went wrong in
 * its life, untouched if nothing did. */
void archive_close(struct archive *archive, const struct measured *measured, struct fault *fault);

/* Frees without writing: the archive is another process's (this one was forked from it). OTF2's own memory
 * stays allocated, since OTF2 frees only what it has written. */
void archive_abandon(struct archive *archive);

#endif
