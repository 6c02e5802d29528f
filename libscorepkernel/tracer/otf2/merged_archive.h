/* SPDX-License-Identifier: BSD-3-Clause
 *
 * merged_archive: what many ranks' archives say together, and the files that say it.
 *
 * The files of events stay as they are: each location has a table beside them that translates the
 * rank_archive's numbers (of regions, parameters and their values) to those of the merged, and tells how its
 * clock differs. Readers apply both by themselves. */
#ifndef TRACER_OTF2_MERGED_ARCHIVE_H
#define TRACER_OTF2_MERGED_ARCHIVE_H

#include "tracer/otf2/problem.h"
#include "tracer/otf2/rank_archive.h"
#include "tracer/record/regions.h"

struct merged_rank {
    uint32_t number;
    uint32_t node; /* from 1 */
    const char *host;
    int64_t clock_offset_ns; /* to be added to the times of the rank's archive */
    struct rank_archive rank_archive;
    /* Numbers in the merged archive, by the number in the rank's archive. */
    uint32_t *regions, *parameters, *values;
    uint32_t *location_names; /* numbers in the merged's table, by thread */
};

struct merged_archive {
    struct merged_rank *ranks;
    uint32_t rank_count;
    struct regions regions;
    /* Texts without file and line: a table for nothing else would be one more. A parameter's type is its
     * line. */
    struct regions parameters, values, location_names;
    uint64_t begin_ns, end_ns, begin_realtime_ns;
};

/* As Score-P numbers them. */
static inline uint64_t merged_archive_location(const struct merged_rank *rank, uint32_t thread)
{
    return (uint64_t)thread << 32 | rank->number;
}

/* Adds the definitions of a rank's archive, which is open. 0, or a negative errno with the problem. */
int merged_archive_take(struct merged_archive *merged, struct merged_rank *rank, struct problem *problem);

/* Writes everything but the events into an existing directory. 0, or a negative errno with the problem, and
 * some of the files may be there. */
int merged_archive_write(const struct merged_archive *merged, const char *directory, struct problem *problem);

#endif
