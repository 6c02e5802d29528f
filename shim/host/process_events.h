/* SPDX-License-Identifier: BSD-3-Clause
 *
 * watch.h - what ends or interrupts this process from outside: signals, and the death of the Jupyter process
 * that started it. Both as descriptors for the one poll loop.
 */
#ifndef WATCH_H
#define WATCH_H

#include <sys/types.h>

#include "scorepkernel.h"

/* What watch_take has seen. */
#define WATCH_INTERRUPT 1U /* SIGINT, from a client that interrupts by signal */
#define WATCH_END 2U       /* SIGTERM, SIGHUP, or the parent has gone */

struct watch {
    int signals; /* a signalfd */
    int parent;  /* a pidfd, or -1 */
    pid_t ppid;  /* to be compared each second where there is no pidfd; 0: not watched */
};

/** Take SIGINT, SIGTERM and SIGHUP by descriptor from now on, and ignore SIGPIPE. To be called before the
 * first thread starts: threads inherit what is blocked. */
int watch_init(struct watch *watch, struct spk_error *error);
void watch_finish(struct watch *watch);

/** How long a poll may wait at most, in milliseconds; -1: for ever. */
int watch_timeout(const struct watch *watch);

/** What has happened since the last call: WATCH_* bits. */
unsigned watch_take(struct watch *watch);

#endif
