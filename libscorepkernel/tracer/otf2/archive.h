/* SPDX-License-Identifier: BSD-3-Clause
 *
 * archive: the OTF2 archive of one measurement: its files, its buffers, its errors.
 *
 * Besides definitions.c and merged_archive.c the only module that speaks to OTF2, and it knows nothing of
 * Python. Nothing here locks: its callers hold Python's GIL, also while a full buffer is written to the disk.
 *
 * An archive that fails keeps the first fault and accepts no more events; closing it still writes what can
 * be written and frees everything. */
#ifndef TRACER_OTF2_ARCHIVE_H
#define TRACER_OTF2_ARCHIVE_H

#include <otf2/otf2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "tracer/record/regions.h"
#include "tracer/record/series.h"
#include "tracer/record/sink.h"

#define ARCHIVE_LOCATIONS_MAX 16384u
/* Of each file. Small, so that a thread with few events costs little of the limit; OTF2 takes nothing below
 * 256 KiB. */
#define ARCHIVE_CHUNK_LEN ((uint64_t)256 * 1024)
#define ARCHIVE_CREATOR "libscorepkernel "

struct archive;

/* One thread's events. Owned by its archive, valid until archive_close. */
struct track {
    struct location location;
    OTF2_EvtWriter *writer;
    struct archive *archive;
    uint32_t number;             /* 0 is the master thread */
    uint32_t credit;             /* how many more events have room on the disk */
    uint64_t unflushed;          /* bytes reserved for events that are in memory, at most */
    bool broken;                 /* a flush failed in the middle: OTF2 would write the same chunks again */
    uint64_t flushes;            /* of this location */
    struct rewind_place *places; /* owned; to which OTF2 can go back */
};

/* A place that OTF2 remembers, by the number of a region. It forgets them all when it flushes. */
struct rewind_place {
    struct rewind_place *next;
    uint64_t flushes; /* of the location, when it was remembered */
    uint64_t events;  /* the same */
    uint32_t region;
};

/* What was measured, for the definitions. Borrowed. */
struct measured {
    const struct regions *regions;
    const char *process;
    uint64_t begin_ns;                 /* no event is earlier */
    uint64_t end_ns;                   /* nor later */
    uint64_t begin_realtime_ns;        /* begin_ns on the clock on the wall */
    const struct series_point *points; /* what the process used meanwhile */
    uint32_t point_count;
};

/* Creates the archive's files inside an existing directory. NULL: *fault says why, and with which errno. */
struct archive *archive_create(const char *directory, uint64_t memory_limit, struct fault *fault);

/* The sink of this archive, for the recorder. It refuses locations once the archive failed or has
 * ARCHIVE_LOCATIONS_MAX of them. */
struct sink *archive_sink(struct archive *archive);

/* The location of the master thread, which exists from the beginning. */
struct location *archive_master(const struct archive *archive);

bool archive_failed(const struct archive *archive);
uint64_t archive_flush_count(const struct archive *archive);

/* Writes the definitions, closes the files, frees the archive. *fault: the first thing that went wrong in
 * its life, untouched if nothing did. */
void archive_close(struct archive *archive, const struct measured *measured, struct fault *fault);

/* Frees without writing: the archive is another process's (this one was forked from it). OTF2's own memory
 * stays allocated, since OTF2 frees only what it has written. */
void archive_abandon(struct archive *archive);

#endif
