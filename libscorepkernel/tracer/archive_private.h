/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What archive.c and definitions.c share, and nobody else. */
#ifndef TRACER_ARCHIVE_PRIVATE_H
#define TRACER_ARCHIVE_PRIVATE_H

#include "archive.h"
#include "chunks.h"
#include "reserve.h"

struct archive {
    OTF2_Archive *otf2;
    struct chunks chunks;
    struct reserve reserve;
    struct location **locations;
    uint32_t location_count;
    uint32_t location_capacity;
    uint64_t definitions_len;      /* bytes that the definitions will need, at most */
    uint64_t definitions_reserved; /* bytes */
    uint64_t flushes;
    struct fault fault;
};

/* Gives back the room that was claimed for events that are about to be written. */
void location_settle(struct location *location);

/* Writes the global definitions. event_counts: by location number. What fails is in archive->fault. */
void definitions_write(struct archive *archive, const struct measured *measured,
                       const uint64_t *event_counts);

#endif
