/* SPDX-License-Identifier: BSD-3-Clause
 *
 * flow.h - when the library's output is to be held back, because clients take it more slowly than it comes.
 *
 * A host that does not dispatch reads nothing from the library, the library reads nothing from the session,
 * and a cell that prints waits: as it would on a terminal whose user has stopped it. Decides that from
 * numbers; asks nobody and holds nothing itself.
 */
#ifndef SHIM_HOST_FLOW_H
#define SHIM_HOST_FLOW_H

#include <stdint.h>

#include "scorepkernel.h"

#define FLOW_VARIABLE "SCOREPKERNEL_OUTPUT_LIMIT"

/* What a request, or an interrupt, may add to what waits already: the reply to it is behind what the session
 * has written, and its pipes hold a mebibyte each. */
#define FLOW_GRANT ((uint64_t)4 << 20)

struct flow {
    uint64_t limit;   /* bytes that may wait for the clients */
    uint64_t room;    /* the same, with what was granted beyond it */
    uint64_t least;   /* the least that has waited since output is held */
    int64_t moved_ms; /* when it became less, or the holding began */
    int64_t began_ms; /* of the first holding that clients have not caught up with; 0: none */
    int held;
    int stuck; /* clients have taken nothing for long, and the log says so */
    int burst; /* much memory was in use: it is to be given back */
};

/* What flow_look found. */
#define FLOW_HELD 1U  /* do not dispatch */
#define FLOW_STUCK 2U /* and for a while nothing has moved, which is to be said now */

/** The limit from the environment. 0, or -EINVAL when it makes no sense. */
int flow_init(struct flow *flow, struct spk_error *error);

/** waiting: the bytes that clients have still to take. FLOW_* bits. */
unsigned flow_look(struct flow *flow, uint64_t waiting, int64_t now_ms);

/** Let some output through, whatever waits. */
void flow_interrupt(struct flow *flow, uint64_t waiting);

/** The same for a request that begins, but not for ever: a client that takes nothing any more must not stop
 *  a notebook, nor fill the memory in the course of it. */
void flow_request(struct flow *flow, uint64_t waiting);

/** Note that so many bytes were in use for a moment. */
void flow_used(struct flow *flow, uint64_t bytes);

/** When to look again if nothing happens, in milliseconds; -1: need not be. */
int flow_timeout(const struct flow *flow);

#endif
