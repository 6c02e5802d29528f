/* SPDX-License-Identifier: BSD-3-Clause
 *
 * spare.h - a parked copy of the session's worker, which takes its place should the running cell end it.
 */
#ifndef SPARE_H
#define SPARE_H

#include "wire/channel.h"

#define SPARE_NONE ((struct spare){.fds = {-1, -1, -1}})

struct spare {
    uint64_t id; /* towards the keeper; 0: there is none */
    uint32_t pid;
    int fds[3];  /* its socket and its two pipes */
    char *lacks; /* JSON, what the copy does not have; may be NULL */
};

/** Take the one that a WORKER_SPARE frame brings, known by id from now on. The former is dropped. 0; -EPROTO:
 * the frame or its descriptors are not as they must be, and there is none. */
int spare_take(struct spare *spare, uint64_t id, struct frame *frame, struct channel *channel);

/** Let it go: it ends by itself when its socket closes. Safe to repeat. */
void spare_drop(struct spare *spare);

/** What the user is to know when it has taken over: how its original ended, and what it lacks. */
void spare_explain(const struct spare *spare, const char *how, char *text, size_t size);

#endif
