/* SPDX-License-Identifier: BSD-3-Clause
 *
 * part_bytes: what the files of an archive of ours say. Pure: bytes in, definitions out.
 *
 * OTF2 has a reader, but one that trusts its files: bytes of a definition that were changed crash it, or keep
 * it busy without end, and a rank that was killed, or whose disk was full, leaves such. So what archive.c and
 * definitions.c write is read here, and nothing else: other records are a flaw. In the order of bytes that
 * all of our machines have: little-endian. */
#ifndef TRACER_PART_BYTES_H
#define TRACER_PART_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PART_CHUNK_HEADER_LEN 18u /* bytes that each chunk of a file begins with */
#define PART_EVENT_END_LEN 2u     /* and that the last one of events ends with */

struct part_location { /* by number: of the thread */
    const char *name;
    uint64_t events;
};

struct part_region { /* by number */
    const char *name;
    const char *file;
    uint32_t line;
};

struct part_parameter { /* by number */
    const char *name;
    uint8_t type; /* enum parameter_type */
};

/* Texts are borrowed from the bytes. */
struct part_definitions {
    uint64_t begin_ns;
    uint64_t length_ns;
    uint64_t begin_realtime_ns;
    const char **texts; /* by number */
    struct part_location *locations;
    struct part_region *regions;
    struct part_parameter *parameters;
    uint32_t text_count, location_count, region_count, parameter_count;
    uint32_t value_count; /* so many texts come first that events refer to: the values of parameters */
    uint64_t count;       /* of records */
    const char *flaw;     /* what is wrong, if something is */
};

/* From the anchor file (traces.otf2) and the global definitions (traces.def). 0, -ENOMEM, or -EBADMSG: then
 * flaw says why. To be finished in any case. */
int part_definitions_read(struct part_definitions *definitions, const unsigned char *anchor,
                          size_t anchor_len, const unsigned char *bytes, size_t len);
void part_definitions_finish(struct part_definitions *definitions);

/* The header of a chunk whose first event comes after *last: *last is then the number of its own last one.
 * false: there is something else. */
bool part_chunk_events(const unsigned char header[PART_CHUNK_HEADER_LEN], uint64_t *last);

/* Whether a file of events may end so. */
bool part_events_end(const unsigned char end[PART_EVENT_END_LEN]);

#endif
