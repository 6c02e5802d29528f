/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_channel.c - bytes from anybody over a socket, in pieces of any size: the frames are those that the
 * whole holds, read by a plain loop.
 */
#include "wire/channel.h"

#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* The next frame of the bytes. 1: it is there; 0: not all of it; -1: there never will be one. */
static int next_in(const uint8_t *bytes, size_t len, struct frame *frame)
{
    if (len < FRAME_HEADER_LEN)
        return 0;
    if (frame_decode_header(bytes, frame) != 0)
        return -1;
    frame->payload = bytes + FRAME_HEADER_LEN;
    return frame->len <= len - FRAME_HEADER_LEN;
}

/* Take what the channel has; *at goes behind it in the whole. 0: more may come; -1: the peer speaks nonsense.
 */
static int take(struct channel *channel, const uint8_t *whole, size_t arrived, size_t *at)
{
    struct frame got, wanted;
    for (;;) {
        int result = channel_next(channel, &got);
        int expected = next_in(whole + *at, arrived - *at, &wanted);
        MUST(result == (expected < 0 ? -EPROTO : expected));
        if (result < 1)
            return result;
        MUST(got.type == wanted.type && got.request == wanted.request && got.barrier == wanted.barrier);
        MUST(got.fds == wanted.fds && got.len == wanted.len);
        MUST(!got.len || memcmp(got.payload, wanted.payload, got.len) == 0);
        *at += FRAME_HEADER_LEN + got.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct channel channel;
    int pair[2];
    size_t seed = input_byte(&input), arrived = 0, at = 0;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    channel_init(&channel, pair[0]);
    while (arrived < input.size) {
        /* Few or many bytes at a time. */
        seed = seed * 1103515245u + 12345u;
        size_t piece = seed & 0x10000 ? seed >> 20 & 31 : seed >> 20 & 2047;
        piece = piece < input.size - arrived ? piece : input.size - arrived;
        if (!piece)
            continue;
        MUST(send(pair[1], input.data + arrived, piece, 0) == (ssize_t)piece);
        MUST(channel_receive(&channel) == (long)piece);
        arrived += piece;
        if (take(&channel, input.data, arrived, &at) < 0)
            break;
    }
    MUST(channel_claim_fd(&channel) == -1);
    close(pair[1]);
    MUST(channel_receive(&channel) == 0);
    channel_finish(&channel);
    return 0;
}
