/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What archive.c and location.c share, and nobody else. */
#ifndef TRACER_OTF2_ARCHIVE_PRIVATE_H
#define TRACER_OTF2_ARCHIVE_PRIVATE_H

#include "tracer/otf2/archive.h"
#include "tracer/otf2/chunks.h"
#include "tracer/otf2/reserve.h"

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
    struct regions parameters; /* by name, and with their type as line */
    struct regions texts;      /* values of parameters, by name */
    struct fault fault;
};

/* As struct sink_calls has it. */
struct location *archive_add_location(struct sink *sink);
bool archive_enter(struct location *location, uint64_t time_ns, uint32_t region);
bool archive_leave(struct location *location, uint64_t time_ns, uint32_t region);
bool archive_parameter(struct location *location, uint64_t time_ns, const struct parameter *parameter);
bool archive_switch_recording(struct location *location, uint64_t time_ns, bool on);
bool archive_rewind_begin(struct location *location, uint32_t region);
bool archive_rewind_end(struct location *location, uint64_t begin_ns, uint32_t region, bool rewound);

/* Claims room in the definitions for so many bytes of texts. */
void archive_announce(struct archive *archive, uint64_t len);

/* Gives back the room that was claimed for events that are about to be written. */
void location_settle(struct track *location);
/* Frees the list of rewind places; OTF2 has a list of its own. */
void location_forget_places(struct track *location);

#endif
