/* SPDX-License-Identifier: BSD-3-Clause
 *
 * process_events.h - what ends or interrupts this process from outside: signals, and the death of the Jupyter
 * process that started it. Both as descriptors for the one poll loop.
 */
#ifndef SHIM_HOST_PROCESS_EVENTS_H
#define SHIM_HOST_PROCESS_EVENTS_H

#include <sys/types.h>

#include "scorepkernel.h"

/* What process_events_take returns. */
#define PROCESS_EVENT_INTERRUPT 1U /* SIGINT, from a client that interrupts by signal */
#define PROCESS_EVENT_END 2U       /* SIGTERM, SIGHUP, or the parent has gone */

struct process_events {
    int signals; /* a signalfd */
    int parent;  /* a pidfd, or -1 */
    pid_t ppid;  /* to be compared each second where there is no pidfd; 0: not watched */
};

/** Take SIGINT, SIGTERM and SIGHUP by descriptor from now on, and ignore SIGPIPE. To be called before the
 * first thread starts: threads inherit what is blocked. */
int process_events_init(struct process_events *events, struct spk_error *error);
void process_events_finish(struct process_events *events);

/** How long a poll may wait at most, in milliseconds; -1: for ever. */
int process_events_timeout(const struct process_events *events);

/** What has happened since the last call: PROCESS_EVENT_* bits. */
unsigned process_events_take(struct process_events *events);

#endif
