/* SPDX-License-Identifier: BSD-3-Clause
 *
 * requests.c - which client asked for what. A number is an index, counted from 1, with a lowest bit that says
 * which ring it is in; the oldest entry makes room for the newest.
 */
#include "shim/host/requests.h"

#include <errno.h>
#include <stdlib.h>

static int ring_init(struct request_ring *ring, size_t capacity)
{
    ring->newest = 0;
    ring->capacity = capacity;
    ring->origins = calloc(capacity, sizeof(struct origin *));
    return ring->origins ? 0 : -ENOMEM;
}

static void ring_finish(struct request_ring *ring)
{
    for (size_t i = 0; ring->origins && i < ring->capacity; i++)
        origin_free(ring->origins[i]);
    free(ring->origins);
    ring->origins = NULL;
}

int requests_init(struct requests *requests)
{
    requests->others.origins = NULL;
    int code = ring_init(&requests->cells, REQUESTS_CELLS);
    if (!code)
        code = ring_init(&requests->others, REQUESTS_OTHERS);
    if (code)
        requests_finish(requests);
    return code;
}

void requests_finish(struct requests *requests)
{
    ring_finish(&requests->cells);
    ring_finish(&requests->others);
}

uint64_t requests_add(struct requests *requests, int is_cell, struct origin *origin)
{
    struct request_ring *ring = is_cell ? &requests->cells : &requests->others;
    struct origin **slot = &ring->origins[++ring->newest % ring->capacity];
    origin_free(*slot);
    *slot = origin;
    return ring->newest << 1 | (is_cell ? 1U : 0U);
}

const struct origin *requests_find(const struct requests *requests, uint64_t number)
{
    const struct request_ring *ring = number & 1U ? &requests->cells : &requests->others;
    uint64_t index = number >> 1;
    if (index == 0 || index > ring->newest || ring->newest - index >= ring->capacity)
        return NULL;
    return ring->origins[index % ring->capacity];
}

uint64_t requests_newest_cell(const struct requests *requests)
{
    return requests->cells.newest ? requests->cells.newest << 1 | 1U : 0;
}

const struct origin *requests_parent(const struct requests *requests, uint64_t number)
{
    const struct origin *origin = requests_find(requests, number);
    return origin ? origin : requests_find(requests, requests_newest_cell(requests));
}
