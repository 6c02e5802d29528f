/* SPDX-License-Identifier: BSD-3-Clause
 *
 * standby.h - a parked copy of the session's worker, which takes its place should the running cell end it.
 */
#ifndef SESSION_STANDBY_H
#define SESSION_STANDBY_H

#include "wire/channel.h"

#define STANDBY_NONE ((struct standby){.fds = {-1, -1, -1}})

struct standby {
    uint64_t id; /* towards the keeper; 0: there is none */
    uint32_t pid;
    int fds[3];  /* its socket and its two pipes */
    char *lacks; /* JSON, what the copy does not have; may be NULL */
};

/** Take the one that a WORKER_STANDBY frame brings, known by id from now on. The former is dropped. 0;
 * -EPROTO: the frame or its descriptors are not as they must be, and there is none. */
int standby_take(struct standby *standby, uint64_t id, struct frame *frame, struct channel *channel);

/** Let it go: it ends by itself when its socket closes. Safe to repeat. */
void standby_drop(struct standby *standby);

/** What the user is to know when it has taken over: how its original ended, and what it lacks. */
void standby_explain(const struct standby *standby, const char *how, char *text, size_t size);

#endif
