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

/** Take the standby that a WORKER_STANDBY frame announces, and know it by id from now on. A former one is
 * dropped. 0; -EPROTO: the frame or its descriptors are malformed, and there is no standby. */
int standby_take(struct standby *standby, uint64_t id, struct frame *frame, struct channel *channel);

/** Close the standby's descriptors; it ends when its socket closes. Safe to repeat. */
void standby_drop(struct standby *standby);

/** The message for the user after the standby took over: how the worker ended, and what the standby lacks. */
void standby_explain(const struct standby *standby, const char *how, char *text, size_t size);

#endif
