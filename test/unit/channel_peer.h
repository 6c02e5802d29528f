/* SPDX-License-Identifier: BSD-3-Clause
 *
 * channel_peer.h - the other end of a channel, as a test speaks on it: one frame after the other, waiting for each.
 */
#ifndef SPOKEN_H
#define SPOKEN_H

#include "wire/channel.h"
#include "test.h"
#include "wire/worker_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#define REQUEST 7u

static inline int set_nonblocking(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* The next frame; 0: the other end has closed. */
static inline int next(struct channel *channel, struct frame *frame)
{
    int more;
    while ((more = channel_next(channel, frame)) == 0) {
        struct pollfd wanted = {.fd = channel->fd, .events = POLLIN};
        CHECK(poll(&wanted, 1, -1) == 1);
        long got = channel_receive(channel);
        if (got == 0 || got == -ECONNRESET)
            return 0;
        CHECK(got > 0);
    }
    CHECK(more == 1);
    return 1;
}

static inline struct spk_text part_of(struct frame *frame)
{
    struct spk_text part = {"", 0};
    CHECK(frame_next_part(frame, &part) == 1);
    return part;
}

static inline struct spk_text text_of(const char *text)
{
    return (struct spk_text){text, strlen(text)};
}

static inline struct spk_text number_of(uint32_t value)
{
    static unsigned char numbers[4][4];
    static int last;
    last = (last + 1) % 4;
    frame_put_u32(numbers[last], value);
    return (struct spk_text){(const char *)numbers[last], 4};
}

static inline void tell(struct channel *channel, uint16_t type, const char *first, const char *second)
{
    struct spk_text parts[] = {text_of(first ? first : ""), text_of(second ? second : "")};
    CHECK(channel_send(channel, type, REQUEST, parts, second ? 2 : first ? 1 : 0, NULL, 0) == 0);
}

#endif
