/* SPDX-License-Identifier: BSD-3-Clause
 *
 * channel.c - frames over a socketpair. Owns the descriptor and the bytes on their way; what a frame means is
 * for process/ and keeper/ to say. Never blocks, and never raises SIGPIPE.
 */
#include "wire/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNEL_READ_LEN ((size_t)64 << 10)

void channel_init(struct channel *channel, int fd)
{
    *channel = CHANNEL_CLOSED;
    channel->fd = fd;
}

void channel_set_trace(struct channel *channel,
                       void (*trace)(void *owner, int sent, const struct frame *frame), void *owner)
{
    channel->trace = trace;
    channel->trace_owner = owner;
}

/* Show the frame that has been queued behind the first before bytes. */
static void trace_queued(const struct channel *channel, size_t before)
{
    struct frame frame;
    const unsigned char *bytes = buffer_bytes(&channel->out) + before;
    if (!channel->trace || frame_decode_header(bytes, &frame) != 0)
        return;
    frame.payload = bytes + FRAME_HEADER_LEN;
    channel->trace(channel->trace_owner, 1, &frame);
}

static void close_all(int *fds, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        close(fds[i]);
    *count = 0;
}

/* Send what has been queued behind the first before bytes; it is taken back if none of it can be sent. */
static int send_queued(struct channel *channel, size_t before)
{
    size_t len = channel->out.len - before;
    trace_queued(channel, before);
    int result = channel_flush(channel);
    /* Of a frame that has begun to go out the rest must follow: then the failure is the next call's. */
    if (result >= 0 || channel->out.len < len)
        return 0;
    channel->out.len -= len;
    if (before == 0) /* else they are an earlier frame's */
        close_all(channel->fds_out, &channel->fds_out_count);
    return result;
}

/* Why no frame can be queued; 0: one can. */
static int refusal(const struct channel *channel)
{
    return channel->fd < 0 ? -EPIPE : channel->out.len > CHANNEL_MAX_QUEUED ? -ENOBUFS : 0;
}

int channel_send(struct channel *channel, uint16_t type, uint64_t request, const struct spk_text *parts,
                 size_t count, const int *fds, size_t fd_count)
{
    size_t before = channel->out.len;
    int result = refusal(channel);
    assert(fd_count <= FRAME_MAX_FDS);
    if (result != 0)
        return result;
    if (fd_count && before)
        return -EAGAIN;
    for (size_t i = 0; i < fd_count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (copy < 0) {
            int saved = errno;
            close_all(channel->fds_out, &channel->fds_out_count);
            return -saved;
        }
        channel->fds_out[channel->fds_out_count++] = copy;
    }
    result = frame_append(&channel->out, type, request, (uint16_t)fd_count, parts, count);
    if (result == 0)
        return send_queued(channel, before);
    if (fd_count)
        close_all(channel->fds_out, &channel->fds_out_count);
    return result;
}

int channel_forward(struct channel *channel, uint16_t type, uint64_t request, struct spk_text payload)
{
    size_t before = channel->out.len;
    int result = refusal(channel);
    if (result == 0)
        result = frame_append_payload(&channel->out, type, request, payload);
    return result == 0 ? send_queued(channel, before) : result;
}

/* One sendmsg of what is queued; the descriptors, if any, go with its first byte. */
static ssize_t send_some(struct channel *channel)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof(int) * FRAME_MAX_FDS)];
    } control;
    struct iovec bytes = {channel->out.data + channel->out.start, channel->out.len};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (channel->fds_out_count) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * channel->fds_out_count);
        struct cmsghdr *head = (struct cmsghdr *)(void *)control.bytes;
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * channel->fds_out_count);
        memcpy(CMSG_DATA(head), channel->fds_out, sizeof(int) * channel->fds_out_count);
    }
    return sendmsg(channel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int channel_flush(struct channel *channel)
{
    while (channel->out.len) {
        ssize_t sent = send_some(channel);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            return errno == EAGAIN ? 1 : -errno;
        }
        close_all(channel->fds_out, &channel->fds_out_count);
        buffer_consume(&channel->out, (size_t)sent);
    }
    return 0;
}

/* Keep the descriptors that came with a message; what is too many, by a peer that is not ours, is closed. */
static void keep_fds(struct channel *channel, struct msghdr *message)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
            if (channel->fds_in_count < FRAME_MAX_FDS)
                channel->fds_in[channel->fds_in_count++] = fd;
            else
                close(fd);
        }
    }
}

long channel_receive(struct channel *channel)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof(int) * FRAME_MAX_FDS)];
    } control;
    if (channel->taken) {
        buffer_consume(&channel->in, channel->taken);
        channel->taken = 0;
    }
    unsigned char *room = buffer_room(&channel->in, CHANNEL_READ_LEN);
    if (!room)
        return -ENOMEM;
    struct iovec bytes = {room, CHANNEL_READ_LEN};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    keep_fds(channel, &message);
    buffer_grown(&channel->in, (size_t)got);
    return got;
}

int channel_next(struct channel *channel, struct frame *frame)
{
    if (channel->taken) {
        buffer_consume(&channel->in, channel->taken);
        channel->taken = 0;
    }
    if (channel->in.len < FRAME_HEADER_LEN)
        return 0;
    const unsigned char *bytes = buffer_bytes(&channel->in);
    struct frame found;
    int result = frame_decode_header(bytes, &found);
    if (result != 0)
        return result;
    if (channel->in.len - FRAME_HEADER_LEN < found.len)
        return 0;
    found.payload = bytes + FRAME_HEADER_LEN;
    channel->taken = FRAME_HEADER_LEN + found.len;
    if (channel->trace)
        channel->trace(channel->trace_owner, 0, &found);
    *frame = found;
    return 1;
}

int channel_claim_fd(struct channel *channel)
{
    if (!channel->fds_in_count)
        return -1;
    int fd = channel->fds_in[0];
    channel->fds_in_count--;
    memmove(channel->fds_in, channel->fds_in + 1, channel->fds_in_count * sizeof fd);
    return fd;
}

void channel_finish(struct channel *channel)
{
    close_all(channel->fds_in, &channel->fds_in_count);
    close_all(channel->fds_out, &channel->fds_out_count);
    buffer_finish(&channel->in);
    buffer_finish(&channel->out);
    if (channel->fd >= 0)
        close(channel->fd);
    *channel = CHANNEL_CLOSED;
}
