/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What archive.c and location.c share, and nobody else. */
#ifndef TRACER_ARCHIVE_PRIVATE_H
#define TRACER_ARCHIVE_PRIVATE_H

#include "archive.h"
#include "chunks.h"
#include "reserve.h"

struct archive {
    struct sink sink;
    OTF2_Archive *otf2;
    struct chunks chunks;
    struct reserve reserve;
    struct track **locations; /* sink.location_count of them */
    uint32_t location_capacity;
    uint64_t definitions_len;      /* bytes that the definitions will need, at most */
    uint64_t definitions_reserved; /* bytes */
    uint64_t flushes;
    struct fault fault;
};

/* As struct sink_calls has it. */
struct location *archive_add_location(struct sink *sink);
bool archive_enter(struct location *location, uint64_t time_ns, uint32_t region);
bool archive_leave(struct location *location, uint64_t time_ns, uint32_t region);

/* Gives back the room that was claimed for events that are about to be written. */
void location_settle(struct track *location);

#endif
