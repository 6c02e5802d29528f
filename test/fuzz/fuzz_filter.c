/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_filter.c - any bytes for a filter file: understood or refused with a line of it, and an answer for each
 * name.
 */
#include "tracer/record/filter.h"

#include <errno.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct filter filter;
    uint32_t line = 0;
    if (size > 4096)
        return 0; /* fnmatch takes long for long patterns */
    int result = filter_read(&filter, (const char *)data, size, &line);
    MUST(result == 0 || result == -EINVAL || result == -E2BIG);
    MUST(line >= 1 && line <= size + 1);
    MUST(result == 0 || (!filter.rules && filter.count == 0));
    for (uint32_t i = 0; i < filter.count; i++)
        MUST(filter.rules[i].pattern[0]);
    (void)filter_excludes(&filter, "__main__:f", "/a/b.py");
    (void)filter_excludes(&filter, "x", NULL);
    filter_finish(&filter);
    return 0;
}
