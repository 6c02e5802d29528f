/* SPDX-License-Identifier: BSD-3-Clause
 *
 * own_memory: reads memory of this process that another thread may be changing or giving back. An address
 * that cannot be read is a false result, and never a signal. */
#ifndef TRACER_SAMPLING_OWN_MEMORY_H
#define TRACER_SAMPLING_OWN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWN_MEMORY_PIECES_MAX 256u

/* In each process before it reads its memory; a forked one is another. */
void own_memory_begin(void);

/* Whether memory can be read in this way at all. Some sandboxes refuse it. */
bool own_memory_is_readable(void);

/* Copies len bytes at an address. false: not all of them could be read. */
bool own_memory_read(void *to, uint64_t address, size_t len);

/* Copies len bytes at each of count addresses, one behind the other, count at most OWN_MEMORY_PIECES_MAX.
 * Returns how many were read before the first that could not be. */
uint32_t own_memory_read_pieces(void *to, const uint64_t *addresses, uint32_t count, size_t len);

#endif
