/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_line_map.c - the lines of instructions, from tables that CPython 3.9, 3.10, 3.11 and 3.13 made of one
 * function, beside the lines that they say themselves; and tables that are damaged.
 */
#include "tracer/sampling/line_map.h"

#include <errno.h>

#include "test.h"

/* def f(a, b=1):
 *     for i in range(10):
 *         x = (a +
 *              b)
 *     try:
 *         return [y for y in a
 *                 if y]
 *     finally:
 *         pass
 */
/* clang-format off */
static const uint8_t table_3_9[] = {0, 1, 12, 1, 2, 1, 2, 255, 6, 2, 2, 1, 16, 3};
static const int32_t lines_3_9[] = {3, 3, 3, 3, 3, 3, 4, 5, 4, 4, 4, 6, 7, 7, 7, 7, 7, 7, 7, 7, 10, 10,
    10};
static const uint8_t table_3_10[] = {12, 1, 2, 1, 2, 1, 6, 255, 2, 2, 14, 1, 4, 3};
static const int32_t lines_3_10[] = {3, 3, 3, 3, 3, 3, 4, 5, 4, 4, 4, 6, 7, 7, 7, 7, 7, 7, 7, 10, 10};
static const uint8_t table_3_11[] = {128, 0, 221, 13, 18, 144, 50, 137, 89, 140, 89, 240, 0, 2, 5, 16,
    240, 0, 2, 5, 16, 136, 1, 216, 13, 14, 216, 13, 14, 241, 3, 1, 14, 15, 136, 1, 136, 1, 240, 4, 4, 5, 13,
    240, 2, 1, 16, 22, 240, 0, 1, 16, 22, 152, 49, 240, 0, 1, 16, 22, 241, 0, 1, 16, 22, 244, 0, 1, 16, 22,
    240, 6, 0, 9, 13, 248, 136, 4, 136, 4, 136, 4, 136, 4};
static const int32_t lines_3_11[] = {2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 4, 4, 4,
    4, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 10, 0, 10, 10, 10, 10};
static const uint8_t table_3_13[] = {128, 0, 220, 13, 18, 144, 50, 142, 89, 136, 1, 216, 13, 14, 216, 13,
    14, 241, 3, 1, 14, 15, 138, 1, 241, 3, 0, 14, 23, 240, 6, 4, 5, 13, 217, 27, 28, 243, 0, 1, 16, 22, 153,
    49, 144, 97, 220, 19, 20, 247, 3, 0, 17, 18, 153, 49, 241, 0, 1, 16, 22, 240, 6, 0, 9, 13, 249, 242, 7,
    1, 16, 22, 248, 240, 6, 0, 9, 13, 250};
static const int32_t lines_3_13[] = {2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 4, 4, 4, 4, 4, 3,
    3, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 10, 0, 0, 7, 7, 7, 0,
    10, 0, 0, 0};
/* clang-format on */

#define LEN(array) (sizeof(array) / sizeof *(array))

static void one(enum line_format format, const uint8_t *table, size_t len, const int32_t *lines, size_t count)
{
    struct line_map map;
    CHECK(line_map_make(&map, format, table, len, 2) == 0);
    CHECK(map.count <= count);
    for (size_t i = 0; i < count; i++)
        CHECK(line_map_at(&map, 2 * i) == lines[i]);
    line_map_finish(&map);
    CHECK(!map.lines && line_map_at(&map, 0) == 0);
}

static void pythons(void)
{
    one(LINE_FORMAT_LNOTAB, table_3_9, LEN(table_3_9), lines_3_9, LEN(lines_3_9));
    one(LINE_FORMAT_RANGES, table_3_10, LEN(table_3_10), lines_3_10, LEN(lines_3_10));
    one(LINE_FORMAT_LOCATIONS, table_3_11, LEN(table_3_11), lines_3_11, LEN(lines_3_11));
    one(LINE_FORMAT_LOCATIONS, table_3_13, LEN(table_3_13), lines_3_13, LEN(lines_3_13));
}

/* What is understood before the damage counts. */
static void damaged(void)
{
    struct line_map map;
    for (size_t len = 0; len < LEN(table_3_11); len++) {
        CHECK(line_map_make(&map, LINE_FORMAT_LOCATIONS, table_3_11, len, 2) == 0);
        for (uint32_t i = 0; i < map.count; i++)
            CHECK(map.lines[i] == lines_3_11[i]);
        line_map_finish(&map);
    }
    static const uint8_t endless[] = {0xF7, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F};
    CHECK(line_map_make(&map, LINE_FORMAT_LOCATIONS, endless, sizeof endless, 1) == 0 && map.count == 0);
    line_map_finish(&map);
    static const uint8_t unmarked[] = {0x00, 0x00, 0x80};
    CHECK(line_map_make(&map, LINE_FORMAT_LOCATIONS, unmarked, sizeof unmarked, 1) == 0 && map.count == 0);
    line_map_finish(&map);
}

static void too_long(void)
{
    struct line_map map;
    uint8_t *table = malloc(LINE_MAP_TABLE_MAX);
    CHECK(table != NULL);
    memset(table, 0xFE, LINE_MAP_TABLE_MAX); /* 127 instructions, two lines back, again and again */
    CHECK(line_map_make(&map, LINE_FORMAT_RANGES, table, LINE_MAP_TABLE_MAX, 1) == -E2BIG && !map.lines);
    free(table);
}

int main(void)
{
    test_limit(60);
    pythons();
    damaged();
    too_long();
    return 0;
}
