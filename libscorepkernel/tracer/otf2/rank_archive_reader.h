/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_archive_reader: what the files of an archive of ours say. Pure: bytes in, definitions out.
 *
 * OTF2 has a reader, but one that trusts its files: bytes of a definition that were changed crash it, or keep
 * it busy without end, and a rank that was killed, or whose disk was full, leaves such. So what archive.c and
 * definitions.c write is read here, and nothing else: other records are a flaw. In the order of bytes that
 * all of our machines have: little-endian. */
#ifndef TRACER_OTF2_RANK_ARCHIVE_READER_H
#define TRACER_OTF2_RANK_ARCHIVE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_ARCHIVE_CHUNK_HEADER_LEN 18u /* bytes that each chunk of a file begins with */
#define RANK_ARCHIVE_EVENT_END_LEN 2u     /* and that the last one of events ends with */

struct rank_archive_location { /* by number: of the thread */
    const char *name;
    uint64_t events;
};

struct rank_archive_region { /* by number */
    const char *name;
    const char *file;
    uint32_t line;
};

struct rank_archive_parameter { /* by number */
    const char *name;
    uint8_t type; /* enum parameter_type */
};

/* Texts are borrowed from the bytes. */
struct rank_archive_definitions {
    uint64_t begin_ns;
    uint64_t length_ns;
    uint64_t begin_realtime_ns;
    const char **texts; /* by number */
    struct rank_archive_location *locations;
    struct rank_archive_region *regions;
    struct rank_archive_parameter *parameters;
    uint32_t text_count, location_count, region_count, parameter_count;
    uint32_t value_count; /* so many texts come first that events refer to: the values of parameters */
    uint64_t count;       /* of records */
    const char *flaw;     /* what is wrong, if something is */
};

/* From the anchor file (traces.otf2) and the global definitions (traces.def). 0, -ENOMEM, or -EBADMSG: then
 * flaw says why. To be finished in any case. */
int rank_archive_definitions_read(struct rank_archive_definitions *definitions, const unsigned char *anchor,
                                  size_t anchor_len, const unsigned char *bytes, size_t len);
void rank_archive_definitions_finish(struct rank_archive_definitions *definitions);

/* The header of a chunk whose first event comes after *last: *last is then the number of its own last one.
 * false: there is something else. */
bool rank_archive_chunk_events(const unsigned char header[RANK_ARCHIVE_CHUNK_HEADER_LEN], uint64_t *last);

/* Whether a file of events may end so. */
bool rank_archive_events_end(const unsigned char end[RANK_ARCHIVE_EVENT_END_LEN]);

#endif
