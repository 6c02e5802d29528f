/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_archive_reader: see rank_archive_reader.h. A file of OTF2's is a row of chunks of one size, the last
 * of which may be shorter. Each begins with a header. A record is its kind, its length, and its values, none
 * of which is more than one chunk's. */
#include "tracer/otf2/rank_archive_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/otf2/archive.h"
#include "tracer/record/clock.h"
#include "tracer/record/sink.h"

/* Of OTF2's file format; the names are ours. */
enum {
    KIND_END_OF_CHUNK = 0,
    KIND_END_OF_BUFFER = 1, /* the byte after KIND_END_OF_FILE */
    KIND_END_OF_FILE = 2,
    KIND_CLOCK = 5,
    KIND_TEXT = 10,
    KIND_TREE_NODE = 12,
    KIND_GROUP = 13,
    KIND_LOCATION = 14,
    KIND_REGION = 15,
    KIND_PARAMETER = 23,
    KIND_TREE_NODE_PROPERTY = 26,
    KIND_TREE_NODE_DOMAIN = 27
};

/* Far beyond any clock: sums of two times need no check. */
#define TIME_MAX (UINT64_MAX / 4)
#define LONG_RECORD 255u /* in place of a length: eight bytes with it follow */
#define ALL_ONES 255u    /* in place of the number of a value's bytes */

static const char chunk_magic[2] = {3, 'B'}; /* B: little-endian */
static const char anchor_magic[7] = {3, 'B', 'O', 'T', 'F', '2', 0};

/* What is left to read. A read that fails leaves at == NULL, and so do those after it. */
struct cursor {
    const unsigned char *at;
    const unsigned char *end;
};

static const unsigned char *take(struct cursor *cursor, uint64_t len)
{
    if (!cursor->at || (uint64_t)(cursor->end - cursor->at) < len) {
        cursor->at = NULL;
        return NULL;
    }
    const unsigned char *found = cursor->at;
    cursor->at += len;
    return found;
}

static uint64_t little_endian(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static uint64_t take_fixed(struct cursor *cursor, size_t len)
{
    const unsigned char *bytes = take(cursor, len);
    return bytes ? little_endian(bytes, len) : 0;
}

/* A number: a byte that says how many bytes follow, then these. */
static uint64_t take_number(struct cursor *cursor)
{
    uint64_t len = take_fixed(cursor, 1);
    if (len == ALL_ONES)
        return UINT64_MAX;
    if (len > sizeof(uint64_t))
        cursor->at = NULL;
    return take_fixed(cursor, len);
}

static const char *take_text(struct cursor *cursor)
{
    const unsigned char *zero = cursor->at ? memchr(cursor->at, 0, (size_t)(cursor->end - cursor->at)) : NULL;
    if (!zero) {
        cursor->at = NULL;
        return NULL;
    }
    return (const char *)take(cursor, (uint64_t)(zero - cursor->at) + 1);
}

/* A text by its number, which must have come before. */
static const char *take_reference(struct cursor *cursor, const struct rank_archive_definitions *definitions)
{
    uint64_t number = take_number(cursor);
    if (number < definitions->text_count)
        return definitions->texts[number];
    cursor->at = NULL;
    return NULL;
}

static void take_clock(struct cursor *record, struct rank_archive_definitions *definitions)
{
    uint64_t resolution = take_number(record);
    definitions->begin_ns = take_number(record);
    definitions->length_ns = take_number(record);
    definitions->begin_realtime_ns = take_number(record);
    if (resolution != CLOCK_TICKS_PER_SECOND || definitions->begin_ns > TIME_MAX ||
        definitions->length_ns > TIME_MAX)
        record->at = NULL;
}

/* Texts, locations and regions are numbered in their order: the next one is `count`. */
static void take_next(struct cursor *record, uint64_t count)
{
    if (take_number(record) != count)
        record->at = NULL;
}

static void take_string(struct cursor *record, struct rank_archive_definitions *definitions)
{
    take_next(record, definitions->text_count);
    definitions->texts[definitions->text_count] = take_text(record);
    definitions->text_count++;
}

static void take_location(struct cursor *record, struct rank_archive_definitions *definitions)
{
    struct rank_archive_location *location = &definitions->locations[definitions->location_count];
    take_next(record, (uint64_t)definitions->location_count << 32);
    location->name = take_reference(record, definitions);
    (void)take(record, 1); /* its type: we have threads only */
    location->events = take_number(record);
    definitions->location_count++;
}

static void take_region(struct cursor *record, struct rank_archive_definitions *definitions)
{
    struct rank_archive_region *region = &definitions->regions[definitions->region_count];
    take_next(record, definitions->region_count);
    region->name = take_reference(record, definitions);
    (void)take_number(
        record); /* a description: always empty, as all that follows is the same for all of ours */
    (void)take(record, 1);
    region->file = take_reference(record, definitions);
    uint64_t line = take_number(record);
    if (line > UINT32_MAX)
        line = UINT32_MAX;
    region->line = (uint32_t)line;
    definitions->region_count++;
}

static void take_parameter(struct cursor *record, struct rank_archive_definitions *definitions)
{
    struct rank_archive_parameter *parameter = &definitions->parameters[definitions->parameter_count];
    take_next(record, definitions->parameter_count);
    parameter->name = take_reference(record, definitions);
    parameter->type = (uint8_t)take_fixed(record, 1);
    if (parameter->type > PARAMETER_UNSIGNED)
        record->at = NULL;
    definitions->parameter_count++;
}

/* The machine comes first of the tree. Its name follows the empty text, which follows the parameters' values
 * (definitions_begin). */
static void take_tree_node(struct cursor *record, struct rank_archive_definitions *definitions)
{
    uint64_t node = take_number(record), name = take_number(record);
    if (node != 0)
        return;
    if (name == 0 || name >= definitions->text_count)
        record->at = NULL;
    else
        definitions->value_count = (uint32_t)name - 1;
}

static int flawed(struct rank_archive_definitions *definitions, const char *flaw)
{
    definitions->flaw = flaw;
    return -EBADMSG;
}

static int read_record(struct rank_archive_definitions *definitions, uint64_t kind, struct cursor record)
{
    switch (kind) {
    case KIND_CLOCK:
        take_clock(&record, definitions);
        break;
    case KIND_TEXT:
        take_string(&record, definitions);
        break;
    case KIND_LOCATION:
        take_location(&record, definitions);
        break;
    case KIND_REGION:
        take_region(&record, definitions);
        break;
    case KIND_PARAMETER:
        take_parameter(&record, definitions);
        break;
    case KIND_TREE_NODE:
        take_tree_node(&record, definitions);
        break;
    case KIND_GROUP:
    case KIND_TREE_NODE_PROPERTY:
    case KIND_TREE_NODE_DOMAIN:
        break; /* the merged archive has definitions of its own in place of these */
    default:
        return flawed(definitions, "it has definitions that are not the built-in tracer's");
    }
    return record.at ? 0 : flawed(definitions, "a definition is damaged");
}

/* Whether the chunk ends here; *last: whether the file does. */
static bool is_end(struct cursor *chunk, uint64_t kind, bool *last)
{
    *last = kind == KIND_END_OF_FILE && take_fixed(chunk, 1) == KIND_END_OF_BUFFER && chunk->at == chunk->end;
    return *last || (kind == KIND_END_OF_CHUNK && chunk->at);
}

/* *left: how many records may come yet; *last: as is_end has it. */
static int read_chunk(struct rank_archive_definitions *definitions, struct cursor *chunk, uint64_t *left,
                      bool *last)
{
    const unsigned char *header = take(chunk, RANK_ARCHIVE_CHUNK_HEADER_LEN);
    if (!header || memcmp(header, chunk_magic, sizeof chunk_magic) != 0)
        return flawed(definitions, "its definitions are cut off or overwritten");
    for (;;) {
        uint64_t kind = take_fixed(chunk, 1);
        if (is_end(chunk, kind, last))
            return 0;
        uint64_t len = take_fixed(chunk, 1);
        if (len == LONG_RECORD)
            len = take_fixed(chunk, sizeof(uint64_t));
        struct cursor record = {.at = take(chunk, len)};
        record.end = chunk->at;
        if (!record.at || *left == 0)
            return flawed(definitions, "its definitions are cut off or overwritten");
        --*left;
        int result = read_record(definitions, kind, record);
        if (result != 0)
            return result;
    }
}

static int read_chunks(struct rank_archive_definitions *definitions, const unsigned char *bytes, size_t len)
{
    uint64_t left = definitions->count;
    bool last = false;
    for (size_t at = 0; !last; at += ARCHIVE_CHUNK_LEN) {
        if (at >= len)
            return flawed(definitions, "its definitions are cut off or overwritten");
        size_t chunk_len = len - at < ARCHIVE_CHUNK_LEN ? len - at : ARCHIVE_CHUNK_LEN;
        struct cursor chunk = {.at = bytes + at, .end = bytes + at + chunk_len};
        int result = read_chunk(definitions, &chunk, &left, &last);
        if (result != 0)
            return result;
    }
    return left == 0 ? 0 : flawed(definitions, "definitions are missing");
}

/* Fills count. */
static int read_anchor(struct rank_archive_definitions *definitions, const unsigned char *anchor, size_t len,
                       uint64_t *location_count)
{
    struct cursor cursor = {.at = anchor, .end = anchor + len};
    const unsigned char *magic = take(&cursor, sizeof anchor_magic);
    if (!magic || memcmp(magic, anchor_magic, sizeof anchor_magic) != 0)
        return flawed(definitions, "it is not the anchor file of an OTF2 archive");
    (void)take(&cursor, 5); /* versions: of the file, of the format, of OTF2 */
    uint64_t event_chunk_len = take_fixed(&cursor, sizeof(uint64_t));
    uint64_t definition_chunk_len = take_fixed(&cursor, sizeof(uint64_t));
    (void)take(&cursor, 2); /* plain files, not compressed */
    *location_count = take_fixed(&cursor, sizeof(uint64_t));
    definitions->count = take_fixed(&cursor, sizeof(uint64_t));
    (void)take_text(&cursor); /* the machine's name */
    const char *by = take_text(&cursor);
    if (!by)
        return flawed(definitions, "the anchor file is cut off");
    if (strncmp(by, ARCHIVE_CREATOR, sizeof ARCHIVE_CREATOR - 1) != 0 ||
        event_chunk_len != ARCHIVE_CHUNK_LEN || definition_chunk_len != ARCHIVE_CHUNK_LEN)
        return flawed(definitions, "it is not an archive that the built-in tracer wrote for one rank");
    return 0;
}

/* Each array has room for all records, so that none must grow: what is not used is never touched, and costs
 * addresses only. */
static bool allocate(struct rank_archive_definitions *definitions)
{
    size_t count = (size_t)definitions->count + 1;
    definitions->texts = calloc(count, sizeof *definitions->texts);
    definitions->locations = calloc(count, sizeof *definitions->locations);
    definitions->regions = calloc(count, sizeof *definitions->regions);
    definitions->parameters = calloc(count, sizeof *definitions->parameters);
    return definitions->texts && definitions->locations && definitions->regions && definitions->parameters;
}

int rank_archive_definitions_read(struct rank_archive_definitions *definitions, const unsigned char *anchor,
                                  size_t anchor_len, const unsigned char *bytes, size_t len)
{
    uint64_t location_count;
    *definitions = (struct rank_archive_definitions){0};
    int result = read_anchor(definitions, anchor, anchor_len, &location_count);
    if (result != 0)
        return result;
    if (definitions->count > len / 2 || definitions->count >= UINT32_MAX) /* no record is shorter */
        return flawed(definitions, "definitions are missing");
    if (!allocate(definitions))
        return -ENOMEM;
    result = read_chunks(definitions, bytes, len);
    if (result == 0 && (definitions->location_count != location_count || location_count == 0 ||
                        location_count > ARCHIVE_LOCATIONS_MAX))
        result = flawed(definitions, "locations are missing");
    return result;
}

void rank_archive_definitions_finish(struct rank_archive_definitions *definitions)
{
    free(definitions->texts);
    free(definitions->locations);
    free(definitions->regions);
    free(definitions->parameters);
    *definitions = (struct rank_archive_definitions){0};
}

bool rank_archive_chunk_events(const unsigned char header[RANK_ARCHIVE_CHUNK_HEADER_LEN], uint64_t *last)
{
    uint64_t first = little_endian(header + sizeof chunk_magic, sizeof(uint64_t));
    uint64_t end = little_endian(header + sizeof chunk_magic + sizeof(uint64_t), sizeof(uint64_t));
    if (memcmp(header, chunk_magic, sizeof chunk_magic) != 0 || first != *last + 1 || end < *last)
        return false;
    *last = end;
    return true;
}

bool rank_archive_events_end(const unsigned char end[RANK_ARCHIVE_EVENT_END_LEN])
{
    return end[0] == KIND_END_OF_FILE && end[1] == KIND_END_OF_BUFFER;
}
