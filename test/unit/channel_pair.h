/* SPDX-License-Identifier: BSD-3-Clause
 *
 * channel_pair.h - two channels at the ends of a real socketpair.
 */
#ifndef JOINED_H
#define JOINED_H

#include "wire/channel.h"

#include "test.h"

#include <sys/socket.h>

static struct channel here, there;

static inline void join(void)
{
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    channel_init(&here, pair[0]);
    channel_init(&there, pair[1]);
}

static inline void part(void)
{
    channel_finish(&here);
    channel_finish(&there);
    channel_finish(&there);
    CHECK(here.fd == -1 && there.fd == -1);
}

#endif
