/* SPDX-License-Identifier: BSD-3-Clause
 *
 * requests.h - which client asked for what: from a request's number to its origin.
 *
 * A thread that a cell started may print long after the cell's reply, so origins outlive their requests:
 * those of the last REQUESTS_CELLS cells, and of some other requests. Cells have numbers of their own kind,
 * so that a slider that is dragged pushes no cell out.
 */
#ifndef SHIM_HOST_REQUESTS_H
#define SHIM_HOST_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "shim/xeus/server.h"

#define REQUESTS_CELLS 192
#define REQUESTS_OTHERS 256

struct request_ring {
    struct origin **origins;
    size_t capacity;
    uint64_t newest; /* how many there have been */
};

struct requests {
    struct request_ring cells, others;
};

int requests_init(struct requests *requests);
void requests_finish(struct requests *requests);

/** A number for a request that comes from origin, which is taken over. Never 0. */
uint64_t requests_add(struct requests *requests, int is_cell, struct origin *origin);

/** The origin of that number, or NULL when it is not kept (any more). Borrowed until the next requests_add.
 */
const struct origin *requests_find(const struct requests *requests, uint64_t number);

/** The origin under which output of that number is shown: its own, else the newest cell's, else NULL. */
const struct origin *requests_parent(const struct requests *requests, uint64_t number);

/** The number of the newest cell, or 0. */
uint64_t requests_newest_cell(const struct requests *requests);

#endif
