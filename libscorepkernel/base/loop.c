/* SPDX-License-Identifier: BSD-3-Clause
 *
 * loop.c - a session's descriptors behind one. Owns the epoll descriptor alone, and never waits.
 */
#include "base/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LOOP_BATCH 8

int loop_init(struct loop *loop)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return -errno;
    loop->fd = fd;
    return 0;
}

int loop_watch(struct loop *loop, struct source *source, unsigned events)
{
    if (source->watched && source->events == events)
        return 0;
    struct epoll_event wanted = {.data.ptr = source};
    if (events & LOOP_READ)
        wanted.events |= EPOLLIN;
    if (events & LOOP_WRITE)
        wanted.events |= EPOLLOUT;
    if (epoll_ctl(loop->fd, source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &wanted) != 0)
        return -errno;
    source->events = events;
    source->watched = 1;
    return 0;
}

void loop_forget(struct loop *loop, struct source *source)
{
    if (!source->watched)
        return;
    (void)epoll_ctl(loop->fd, EPOLL_CTL_DEL, source->fd, NULL); /* fails only for what is already gone */
    source->watched = 0;
}

int loop_dispatch(struct loop *loop)
{
    struct epoll_event found[LOOP_BATCH];
    int count = epoll_wait(loop->fd, found, LOOP_BATCH, 0);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        struct source *source = found[i].data.ptr;
        unsigned events = 0;
        /* An error or the end of file is found by reading. */
        if (found[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            events |= LOOP_READ;
        if (found[i].events & EPOLLOUT)
            events |= LOOP_WRITE;
        if (source->watched)
            source->ready(source->owner, events);
    }
    return 0;
}

void loop_finish(struct loop *loop)
{
    if (loop->fd >= 0)
        close(loop->fd);
    loop->fd = -1;
}

int64_t loop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
