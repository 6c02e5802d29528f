/* SPDX-License-Identifier: BSD-3-Clause
 *
 * channel.h - frames over a socketpair, with file descriptors attached.
 */
#ifndef WIRE_CHANNEL_H
#define WIRE_CHANNEL_H

#include "wire/frame.h"

/* Frames wait in out until the peer reads; more than this and sending fails with -ENOBUFS. */
#define CHANNEL_MAX_QUEUED ((size_t)512 << 20)

struct channel {
    int fd;
    struct buffer in;
    struct buffer out;
    size_t taken;              /* length of the frame that channel_next lent, consumed by the next call */
    int fds_in[FRAME_MAX_FDS]; /* received, not yet claimed; in order */
    size_t fds_in_count;
    int fds_out[FRAME_MAX_FDS]; /* to go with the first byte that is sent next; ours to close */
    size_t fds_out_count;
    /* Sees each frame, before it is sent or handed on; NULL: nobody does. */
    void (*trace)(void *owner, int sent, const struct frame *frame);
    void *trace_owner;
};

/** Take fd over; it must be a non-blocking stream socket. */
void channel_init(struct channel *channel, int fd);

/** Have trace see each frame from now on, until channel_finish. NULL: nobody. */
void channel_set_trace(struct channel *channel,
                       void (*trace)(void *owner, int sent, const struct frame *frame), void *owner);

/** A channel without descriptor, for channel_finish to be safe. */
#define CHANNEL_CLOSED ((struct channel){.fd = -1})

/** Queue a frame and try to send what is queued. fds are duplicated; a frame with fds needs an empty queue
 *  (-EAGAIN otherwise), so that they travel with its first byte. 0, or a negative errno with nothing queued.
 */
int channel_send(struct channel *channel, uint16_t type, uint64_t request, const struct spk_text *parts,
                 size_t count, const int *fds, size_t fd_count);

/** The same with the payload of a frame that came from elsewhere, and without descriptors. */
int channel_forward(struct channel *channel, uint16_t type, uint64_t request, struct spk_text payload);

/** Send what is queued. 0: all is sent; 1: the rest waits for the descriptor to be writable; or -errno. */
int channel_flush(struct channel *channel);

/** Read once, without waiting. >0: bytes read; 0: end of file; -EAGAIN: nothing there; or another -errno. */
long channel_receive(struct channel *channel);

/** The next whole frame. 1: *frame is set, its payload valid until the next call on the channel; 0: none yet;
 *  -EPROTO: the peer does not speak our language. */
int channel_next(struct channel *channel, struct frame *frame);

/** The oldest received descriptor, now the caller's; -1: none. */
int channel_claim_fd(struct channel *channel);

/** Close everything; safe to repeat. */
void channel_finish(struct channel *channel);

#endif
