/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_line_map.c - any bytes for the table of a code object's lines, in each of CPython's formats: no more
 * lines than there is room for, each a number of a line or none, and the same again for the same bytes.
 *
 * The first byte is the format, the next four are the first line, the rest is the table.
 */
#include "tracer/sampling/line_map.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_map map, again;
    int32_t first;
    if (size < 5 || size - 5 > LINE_MAP_TABLE_MAX)
        return 0;
    memcpy(&first, data + 1, sizeof first);
    enum line_format format = (enum line_format)(data[0] % 3);
    int result = line_map_make(&map, format, data + 5, size - 5, first);
    MUST(result == line_map_make(&again, format, data + 5, size - 5, first));
    if (result != 0)
        return 0;
    MUST(map.count == again.count && map.count <= LINE_MAP_INSTRUCTIONS_MAX);
    for (uint32_t i = 0; i < map.count; i++) {
        MUST(line_map_at(&map, 2 * (uint64_t)i) >= 0);
        MUST(map.lines[i] == again.lines[i]);
    }
    MUST(line_map_at(&map, UINT64_MAX) == (map.count ? map.lines[map.count - 1] : 0));
    line_map_finish(&map);
    line_map_finish(&again);
    return 0;
}
