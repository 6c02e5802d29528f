/* SPDX-License-Identifier: BSD-3-Clause
 *
 * resident_memory: see resident_memory.h. The file is described in proc(5). */
#include "tracer/sampling/resident_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void resident_memory_open(struct resident_memory *memory)
{
    *memory = (struct resident_memory){.file = quiet_open("/proc/self/statm")};
}

void resident_memory_close(struct resident_memory *memory)
{
    quiet_close(&memory->file);
}

int64_t resident_memory_look(struct resident_memory *memory)
{
    char text[128];
    ssize_t len = quiet_read(&memory->file, text, sizeof text - 1);
    if (len <= 0)
        return 0;
    text[len] = '\0';
    const char *second = strchr(text, ' ');
    uint64_t now = second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    int64_t grown = memory->first ? (int64_t)now - (int64_t)memory->last : 0;
    if (!memory->first)
        memory->first = now;
    memory->last = now;
    if (now > memory->peak)
        memory->peak = now;
    return grown;
}
