/* SPDX-License-Identifier: BSD-3-Clause
 *
 * resident_memory: see resident_memory.h. The file is described in proc(5). */
#include "tracer/sampling/resident_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/sampling/quiet_calls.h"

void resident_memory_open(struct resident_memory *memory)
{
    *memory = (struct resident_memory){.fd = quiet_open("/proc/self/statm")};
}

void resident_memory_close(struct resident_memory *memory)
{
    if (memory->fd >= 0)
        quiet_close(memory->fd);
    memory->fd = -1;
}

int64_t resident_memory_look(struct resident_memory *memory)
{
    char text[128];
    ssize_t len = memory->fd < 0 ? -1 : quiet_read(memory->fd, text, sizeof text - 1);
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
