/* SPDX-License-Identifier: BSD-3-Clause
 *
 * line_map: see line_map.h. */
#include "tracer/sampling/line_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define BYTES_OF_INSTRUCTION 2u
/* Of PEP 626: the range has no line. */
#define NO_LINE (-128)

/* Kinds of entries of PEP 657's table. */
enum { KIND_ONE_LINE = 10, KIND_ONE_LINE_LAST = 12, KIND_NO_COLUMNS = 13, KIND_LONG = 14, KIND_NONE = 15 };

struct filling {
    struct line_map *map;
    uint32_t capacity;
    int64_t line;
};

struct reading {
    const uint8_t *at, *end;
    bool failed;
};

static int append(struct filling *filling, uint64_t instructions, int64_t line)
{
    struct line_map *map = filling->map;
    if (instructions > LINE_MAP_INSTRUCTIONS_MAX - map->count)
        return -E2BIG;
    if (map->count + instructions > filling->capacity) {
        uint32_t capacity = filling->capacity ? filling->capacity : 64;
        while (capacity < map->count + instructions)
            capacity *= 2;
        int32_t *lines = realloc(map->lines, capacity * sizeof *lines);
        if (!lines)
            return -ENOMEM;
        map->lines = lines;
        filling->capacity = capacity;
    }
    int32_t number = line > 0 && line <= INT32_MAX ? (int32_t)line : 0;
    for (uint64_t i = 0; i < instructions; i++)
        map->lines[map->count++] = number;
    return 0;
}

/* Pairs of bytes: so many bytes of code further on, so many lines. The last line goes on to the end, which
 * the table does not tell: line_map_at takes it for all that follows. */
static int read_lnotab(struct filling *filling, const uint8_t *table, size_t len)
{
    int result = 0;
    for (size_t i = 0; i + 1 < len && result == 0; i += 2) {
        result = append(filling, table[i] / BYTES_OF_INSTRUCTION, filling->line);
        filling->line += (int8_t)table[i + 1];
    }
    return result ? result : append(filling, 1, filling->line);
}

static int read_ranges(struct filling *filling, const uint8_t *table, size_t len)
{
    int result = 0;
    for (size_t i = 0; i + 1 < len && result == 0; i += 2) {
        int8_t delta = (int8_t)table[i + 1];
        if (delta != NO_LINE)
            filling->line += delta;
        result = append(filling, table[i] / BYTES_OF_INSTRUCTION, delta == NO_LINE ? 0 : filling->line);
    }
    return result;
}

static uint8_t next_byte(struct reading *reading)
{
    if (reading->at == reading->end) {
        reading->failed = true;
        return 0;
    }
    return *reading->at++;
}

/* Six bits a byte, the lowest first; the next bit says that more follow. */
static uint64_t next_number(struct reading *reading)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 60; shift += 6) {
        uint8_t byte = next_byte(reading);
        number |= (uint64_t)(byte & 63u) << shift;
        if (!(byte & 64u))
            return number;
    }
    reading->failed = true;
    return 0;
}

/* The lowest bit is the sign. */
static int64_t next_signed(struct reading *reading)
{
    uint64_t number = next_number(reading);
    return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

/* What an entry adds to the line. Its columns are passed over. */
static int64_t line_delta(struct reading *reading, unsigned kind)
{
    int64_t delta = 0;
    if (kind == KIND_LONG || kind == KIND_NO_COLUMNS)
        delta = next_signed(reading);
    else if (kind >= KIND_ONE_LINE && kind <= KIND_ONE_LINE_LAST)
        delta = (int64_t)kind - KIND_ONE_LINE;
    if (kind == KIND_LONG) {
        for (int i = 0; i < 3; i++)
            (void)next_number(reading);
    } else if (kind < KIND_ONE_LINE) {
        (void)next_byte(reading);
    } else if (kind <= KIND_ONE_LINE_LAST) {
        (void)next_byte(reading);
        (void)next_byte(reading);
    }
    return delta;
}

static int read_locations(struct filling *filling, const uint8_t *table, size_t len)
{
    struct reading reading = {table, table + len, false};
    int result = 0;
    while (reading.at < reading.end && result == 0) {
        uint8_t first = next_byte(&reading);
        unsigned kind = (first >> 3) & 15u;
        if (!(first & 128u))
            break; /* each entry begins with that bit */
        filling->line += line_delta(&reading, kind);
        if (reading.failed || filling->line > INT32_MAX || filling->line < -INT32_MAX)
            break;
        result = append(filling, (first & 7u) + 1u, kind == KIND_NONE ? 0 : filling->line);
    }
    return result;
}

int line_map_make(struct line_map *map, enum line_format format, const uint8_t *table, size_t len,
                  int32_t first)
{
    *map = (struct line_map){0};
    struct filling filling = {map, 0, first};
    int result = format == LINE_FORMAT_LNOTAB   ? read_lnotab(&filling, table, len)
                 : format == LINE_FORMAT_RANGES ? read_ranges(&filling, table, len)
                                                : read_locations(&filling, table, len);
    if (result != 0)
        line_map_finish(map);
    return result;
}

int32_t line_map_at(const struct line_map *map, uint64_t offset)
{
    uint64_t at = offset / BYTES_OF_INSTRUCTION;
    if (map->count == 0)
        return 0;
    return map->lines[at < map->count ? at : map->count - 1];
}

void line_map_finish(struct line_map *map)
{
    free(map->lines);
    *map = (struct line_map){0};
}
