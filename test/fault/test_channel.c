/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_channel.c - a frame is sent whole, with its descriptors, or not at all.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "wire/channel.h"

#include "fault.h"

/* The ends of a socketpair that is there whatever fails. */
static void join(struct channel *here, struct channel *there)
{
    int pair[2], armed = fault_pause();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    fault_go_on(armed);
    channel_init(here, pair[0]);
    channel_init(there, pair[1]);
}

/* Whether the frame is there, and whole. Calls do not fail meanwhile. */
static int arrived(struct channel *there, uint16_t type, size_t fds)
{
    struct frame frame;
    struct spk_text part;
    int armed = fault_pause(), found = 0;
    while (!found && channel_receive(there) > 0)
        found = channel_next(there, &frame) == 1;
    if (found) {
        CHECK(frame.type == type && frame.fds == fds);
        CHECK(frame_next_part(&frame, &part) == 1 && test_same(part.data, part.len, "part"));
        for (size_t i = 0; i < fds; i++) {
            int fd = channel_claim_fd(there);
            CHECK(fd >= 0);
            close(fd);
        }
        CHECK(channel_next(there, &frame) == 0);
    }
    CHECK(channel_claim_fd(there) == -1);
    fault_go_on(armed);
    return found;
}

static void send_frames(void)
{
    struct channel here, there;
    struct spk_text part = {"part", 4};
    join(&here, &there);
    for (uint16_t type = 1; type <= 4; type++) {
        int fds[3] = {0, here.fd, there.fd}, hits = fault.hits;
        size_t count = type & 1 ? 3 : 0;
        int result = channel_send(&here, type, type, &part, 1, fds, count);
        CHECK(result == 0 || (result < 0 && fault.hits > hits));
        CHECK(here.fds_out_count == 0 && here.out.len == 0);
        CHECK(arrived(&there, type, count) == (result == 0));
    }
    channel_finish(&here);
    channel_finish(&there);
}

/* A frame in pieces, the first of which have gone when something fails: it is whole in the end. */
static void large_frames(void)
{
    static char bytes[700000];
    struct channel here, there;
    struct spk_text part = {bytes, sizeof bytes};
    struct frame frame;
    int armed, found = 0;
    memset(bytes, 'x', sizeof bytes);
    join(&here, &there);
    int result = channel_send(&here, 9, 9, &part, 1, &here.fd, 1);
    CHECK(result == 0 || (fault_hit() && here.out.len == 0 && here.fds_out_count == 0));
    for (int rounds = 0; result == 0 && !found && rounds < 1000; rounds++) {
        long got = channel_receive(&there);
        CHECK(got > 0 || got == -EAGAIN || fault_hit());
        (void)channel_flush(&here);
        armed = fault_pause();
        found = channel_next(&there, &frame);
        fault_go_on(armed);
    }
    CHECK(found == (result == 0));
    if (found)
        CHECK(frame.len == 4 + sizeof bytes && frame.payload[frame.len - 1] == 'x');
    channel_finish(&here);
    channel_finish(&there);
}

static void receive_frames(void)
{
    struct channel here, there;
    struct spk_text part = {"part", 4};
    join(&here, &there);
    int armed = fault_pause();
    CHECK(channel_send(&here, 5, 5, &part, 1, &here.fd, 1) == 0);
    fault_go_on(armed);
    long got = channel_receive(&there);
    CHECK(got > 0 || (got < 0 && fault_hit()));
    if (got < 0) /* nothing is lost by it */
        CHECK(arrived(&there, 5, 1));
    channel_finish(&here);
    channel_finish(&there);
}

int main(void)
{
    test_limit(60);
    fault_each(send_frames, 1);
    fault_each(large_frames, 0);
    fault_each(receive_frames, 0);
    return 0;
}
