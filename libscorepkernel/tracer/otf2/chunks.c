/* SPDX-License-Identifier: BSD-3-Clause
 *
 * chunks: see chunks.h. No locks: its callers hold Python's GIL. */
#include "tracer/otf2/chunks.h"

#include <stdlib.h>
#include <sys/mman.h>

void chunks_init(struct chunks *chunks, size_t chunk_len, uint64_t limit)
{
    *chunks = (struct chunks){.chunk_len = chunk_len, .limit = limit};
}

static struct chunk *chunk_create(size_t len)
{
    struct chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk->memory == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    return chunk;
}

void *chunks_take(struct chunks *chunks, struct chunk **list, bool beyond)
{
    if (!beyond && chunks->in_use + chunks->chunk_len > chunks->limit)
        return NULL;
    struct chunk *chunk = chunks->idle;
    if (chunk)
        chunks->idle = chunk->next;
    else
        chunk = chunk_create(chunks->chunk_len);
    if (!chunk)
        return NULL;
    chunks->in_use += chunks->chunk_len;
    chunk->next = *list;
    *list = chunk;
    return chunk->memory;
}

void chunks_give_back(struct chunks *chunks, struct chunk **list)
{
    while (*list) {
        struct chunk *chunk = *list;
        *list = chunk->next;
        chunk->next = chunks->idle;
        chunks->idle = chunk;
        chunks->in_use -= chunks->chunk_len;
    }
}

void chunks_finish(struct chunks *chunks)
{
    while (chunks->idle) {
        struct chunk *chunk = chunks->idle;
        chunks->idle = chunk->next;
        (void)munmap(chunk->memory, chunks->chunk_len);
        free(chunk);
    }
}
