/* SPDX-License-Identifier: BSD-3-Clause
 *
 * resident_memory: how much memory of this process is resident, as it is looked at. */
#ifndef TRACER_SAMPLING_RESIDENT_MEMORY_H
#define TRACER_SAMPLING_RESIDENT_MEMORY_H

#include <stdint.h>

#include "tracer/sampling/quiet_calls.h"

struct resident_memory {
    struct quiet_file file;     /* /proc/self/statm */
    uint64_t first, last, peak; /* bytes; 0: not looked at */
};

void resident_memory_open(struct resident_memory *memory);
void resident_memory_close(struct resident_memory *memory);

/* By how many bytes it has grown since the last look; 0 at the first one. */
int64_t resident_memory_look(struct resident_memory *memory);

#endif
