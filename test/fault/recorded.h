/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorded.h - a small archive of the tracer's, for the tests of what fails in writing and in merging one. The calls
 * are those of fault.h and the tracer's own.
 */
#ifndef RECORDED_H
#define RECORDED_H

#include "tracer/otf2/archive.h"
#include "tracer/record/clock.h"
#include "tracer/otf2/rank_archive.h"

#include "fault.h"

#include <ftw.h>
#include <sys/utsname.h>

FAULT(int, fallocate, (int fd, int mode, off_t offset, off_t len), (fd, mode, offset, len), -1, ENOSPC)
FAULT(int, ftruncate, (int fd, off_t len), (fd, len), -1, EIO)
FAULT(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO)
FAULT(int, lstat, (const char *path, struct stat *status), (path, status), -1, EACCES)
FAULT(ssize_t, pread, (int fd, void *to, size_t len, off_t offset), (fd, to, len, offset), -1, EIO)
FAULT(int, linkat, (int from_at, const char *from, int to_at, const char *to, int flags),
      (from_at, from, to_at, to, flags), -1, EXDEV)
FAULT(int, rename, (const char *from, const char *to), (from, to), -1, EACCES)
FAULT(int, unlink, (const char *path), (path), -1, EACCES)
FAULT(char *, mkdtemp, (char *path), (path), NULL, EACCES)
FAULT(int, uname, (struct utsname * name), (name), -1, EFAULT)

#define REGIONS 3u

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* A directory with all that is in it, if it is there. */
static inline void remove_all(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS); /* it need not be there */
}

/* What every cell is: functions in functions, on two threads, with parameters. false: not all was recorded. */
static inline bool record(struct archive *archive, struct regions *regions)
{
    static const struct parameter parameters[] = {{"n", PARAMETER_SIGNED, {.number = -5}},
                                                  {"text", PARAMETER_TEXT, {.text = "a value"}}};
    struct sink *sink = archive_sink(archive);
    struct location *other = sink->calls->add_location(sink), *first = archive_master(archive);
    bool all = other != NULL;
    for (uint32_t i = 0; i < REGIONS; i++) {
        char name[32];
        snprintf(name, sizeof name, "__main__:f%u", i);
        uint32_t number = regions_number(regions, name, "<cell>", i + 1);
        if (number == REGION_NONE)
            return false;
        all &= sink->calls->announce_region(sink, number, &regions->items[number]);
        all = all && sink->calls->enter(first, clock_now_ns(), number);
        for (size_t j = 0; j < 2 && all; j++)
            all = sink->calls->parameter(first, clock_now_ns(), &parameters[j]);
        all = all && sink->calls->leave(first, clock_now_ns(), number);
        all = all && sink->calls->enter(other, clock_now_ns(), number);
        all = all && sink->calls->leave(other, clock_now_ns(), number);
    }
    all = all && sink->calls->rewind_begin(first, 0) && sink->calls->rewind_end(first, clock_now_ns(), 0, true);
    return all;
}

/* Whether archives have metrics; those of ranks have none. */
static bool has_metrics;

/* An archive in that directory. *all: nothing of it is missing. The fault's code. */
static inline int write_archive(const char *directory, bool *all)
{
    struct regions regions;
    struct fault problem = {0};
    uint64_t begin_ns = clock_now_ns();
    regions_init(&regions);
    struct archive *archive = archive_create(directory, (uint64_t)16 << 20, &problem);
    *all = false;
    if (archive) {
        *all = record(archive, &regions);
        uint64_t end_ns = clock_now_ns();
        const struct series_point points[] = {{begin_ns, 1, 1}, {end_ns, 2, 2}};
        struct measured measured = {.regions = &regions,
                                    .process = "rank 0",
                                    .begin_ns = begin_ns,
                                    .end_ns = end_ns,
                                    .begin_realtime_ns = 1,
                                    .points = points,
                                    .point_count = has_metrics ? 2 : 0};
        archive_close(archive, &measured, &problem);
    } else {
        CHECK(problem.code > 0);
    }
    regions_finish(&regions);
    return problem.code;
}

/* Whether an archive is there, and whole; all: with all that was to be recorded. */
static inline bool is_whole(const char *directory, bool all)
{
    struct rank_archive part;
    struct problem problem;
    int result = rank_archive_open(&part, directory, &problem);
    bool whole = result == 0 && part.definitions.location_count > 0;
    if (all)
        whole = whole && part.definitions.location_count == 2 && part.definitions.region_count == REGIONS;
    rank_archive_close(&part);
    return whole;
}

#endif
