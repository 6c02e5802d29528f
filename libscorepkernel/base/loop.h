/* SPDX-License-Identifier: BSD-3-Clause
 *
 * loop.h - the one descriptor behind which a session's descriptors lie (epoll).
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define LOOP_READ 1u
#define LOOP_WRITE 2u

/* A watched descriptor. The owner keeps it in place while it is watched; fd is not closed by the loop. */
struct source {
    int fd;
    unsigned events; /* LOOP_*; what is being watched for */
    void (*ready)(void *owner, unsigned events);
    void *owner;
    int watched;
};

struct loop {
    int fd;
};

/** 0 or -errno. The descriptor is readable while a source has something. */
int loop_init(struct loop *loop);

/** Watch source->fd for events. When it is watched already, the events replace the former ones. 0 or -errno.
 */
int loop_watch(struct loop *loop, struct source *source, unsigned events);

/** Stop watching; before its descriptor is closed. Safe on a source that is not watched. */
void loop_forget(struct loop *loop, struct source *source);

/** Call ready for those that have something, at most once each. 0 or -errno. A callback may forget any
 *  source, also one whose turn was still to come. */
int loop_dispatch(struct loop *loop);

void loop_finish(struct loop *loop);

/** CLOCK_MONOTONIC in nanoseconds. */
int64_t loop_now_ns(void);

#endif
