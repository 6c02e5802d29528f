/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reserve: room on the disk, held for what is still in memory.
 *
 * A trace lies in memory until its end, and a cell may fill the disk meanwhile. So every event's place is
 * claimed first, in a file without a name, and given back just before the real files are written. When no
 * more can be claimed, recording stops, and what was recorded until then still fits.
 * It knows nothing of OTF2. Where the file system cannot reserve (NFS before 4.2) it always agrees, and a
 * full disk shows when writing. */
#ifndef TRACER_OTF2_RESERVE_H
#define TRACER_OTF2_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

struct reserve {
    int fd; /* -1: nothing is reserved, everything is granted */
    uint64_t held;
};

/* Never fails: a directory that cannot hold the file gives a reserve that grants everything. */
void reserve_init(struct reserve *reserve, const char *directory);

/* 0, or -ENOSPC, -EDQUOT, -EFBIG ...: then what was held before is still held. */
int reserve_grow(struct reserve *reserve, uint64_t bytes);

void reserve_shrink(struct reserve *reserve, uint64_t bytes);

/* Gives all reserved room back. May be called twice. */
void reserve_finish(struct reserve *reserve);

#endif
