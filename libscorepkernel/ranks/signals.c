/* SPDX-License-Identifier: BSD-3-Clause
 *
 * signals.c - the signals of both ends of scorepkernel-ranks.
 */
#include "ranks/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_watch(struct loop *loop, struct source *source, void (*ready)(void *owner, unsigned events),
                  void *owner)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    *source = (struct source){
        .fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), .ready = ready, .owner = owner};
    return source->fd < 0 ? -errno : loop_watch(loop, source, LOOP_READ);
}

int signals_take(const struct source *source)
{
    struct signalfd_siginfo info;
    int dismissed = 0;
    while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
        dismissed |= info.ssi_signo == SIGTERM;
    return dismissed;
}
