/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_channel.c - frames and descriptors over a real socketpair: whole, in pieces, too many, and from a peer
 * that does not speak our language. SIGPIPE is left at its default, so that one that is raised ends the test.
 */
#include "unit/channel_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

static void whole(void)
{
    struct spk_text parts[] = {{"one", 3}, {"", 0}}, got;
    struct frame frame;
    join();
    CHECK(channel_receive(&there) == -EAGAIN && channel_next(&there, &frame) == 0);
    CHECK(channel_send(&here, 5, 50, parts, 2, NULL, 0) == 0 && here.out.len == 0);
    CHECK(channel_send(&here, 6, 60, NULL, 0, NULL, 0) == 0);
    CHECK(channel_receive(&there) == 2 * 24 + 4 + 3 + 4);
    CHECK(channel_next(&there, &frame) == 1 && frame.type == 5 && frame.request == 50 && frame.fds == 0);
    CHECK(frame_next_part(&frame, &got) == 1 && test_same(got.data, got.len, "one"));
    CHECK(frame_next_part(&frame, &got) == 1 && got.len == 0 && frame_next_part(&frame, &got) == 0);
    CHECK(channel_next(&there, &frame) == 1 && frame.type == 6 && frame.len == 0);
    CHECK(channel_next(&there, &frame) == 0);
    CHECK(channel_claim_fd(&there) == -1);
    part();
}

/* What came from elsewhere goes on as it is, however many parts it has. */
static void forwarded(void)
{
    struct spk_text parts[200], got;
    struct frame frame;
    struct buffer bytes = {0};
    size_t count = 0;
    join();
    for (size_t i = 0; i < 200; i++)
        parts[i] = (struct spk_text){"part", i % 5};
    CHECK(frame_append(&bytes, 70, 1, 0, parts, 200) == 0);
    struct spk_text payload = {(const char *)buffer_bytes(&bytes) + FRAME_HEADER_LEN,
                               bytes.len - FRAME_HEADER_LEN};
    CHECK(channel_forward(&here, 71, 7, payload) == 0 &&
          channel_forward(&here, 72, 8, (struct spk_text){"", 0}) == 0);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1);
    CHECK(frame.type == 71 && frame.request == 7 && frame.fds == 0 && frame.barrier == 0);
    while (frame_next_part(&frame, &got) == 1)
        CHECK(got.len == count++ % 5);
    CHECK(count == 200 && channel_next(&there, &frame) == 1 && frame.type == 72 && frame.len == 0);
    payload.len = FRAME_MAX_LEN + 1;
    CHECK(channel_forward(&here, 71, 7, payload) == -EMSGSIZE && here.out.len == 0);
    channel_finish(&there);
    CHECK(channel_forward(&here, 71, 7, (struct spk_text){"", 0}) == -EPIPE && here.out.len == 0);
    buffer_finish(&bytes);
    part();
}

/* A byte at a time: the frame is there with its last byte and not before. */
static void in_pieces(void)
{
    struct buffer bytes = {0};
    struct spk_text text = {"piecemeal", 9}, got;
    struct frame frame;
    join();
    CHECK(frame_append(&bytes, 9, 90, 0, &text, 1) == 0 && frame_append(&bytes, 10, 91, 0, &text, 1) == 0);
    size_t each = bytes.len / 2;
    for (size_t i = 0; i < bytes.len; i++) {
        CHECK(send(here.fd, buffer_bytes(&bytes) + i, 1, 0) == 1);
        CHECK(channel_receive(&there) == 1);
        int found = channel_next(&there, &frame);
        CHECK(found == ((i + 1) % each == 0));
        if (found) {
            CHECK(frame.type == (i < each ? 9 : 10));
            CHECK(frame_next_part(&frame, &got) == 1 && test_same(got.data, got.len, "piecemeal"));
        }
    }
    buffer_finish(&bytes);
    part();
}

/* More than the socket holds: it waits here, in order, and nothing blocks. */
static void full_socket(void)
{
    enum { LEN = 3 << 20 };
    char *large = malloc(LEN);
    struct spk_text text = {large, LEN}, small = {"after", 5}, got;
    struct frame frame;
    int frames = 0;
    CHECK(large != NULL);
    for (size_t i = 0; i < LEN; i++)
        large[i] = (char)(i * 7 % 251);
    join();
    CHECK(channel_send(&here, 1, 1, &text, 1, NULL, 0) == 0 && here.out.len > 0);
    CHECK(channel_send(&here, 2, 2, &small, 1, NULL, 0) == 0);
    CHECK(channel_flush(&here) == 1);
    while (frames < 2) {
        CHECK(channel_receive(&there) > 0);
        int flushed = channel_flush(&here);
        CHECK(flushed == 0 || flushed == 1);
        while (channel_next(&there, &frame) == 1) {
            CHECK(frame.type == ++frames && frame_next_part(&frame, &got) == 1);
            CHECK(frames == 2 ? test_same(got.data, got.len, "after")
                              : got.len == LEN && memcmp(got.data, large, LEN) == 0);
        }
    }
    CHECK(here.out.len == 0 && channel_flush(&here) == 0 && channel_receive(&there) == -EAGAIN);
    free(large);
    part();
}

static void descriptors(void)
{
    int pipes[2][2];
    int before = test_descriptors();
    struct frame frame;
    char c;
    join();
    CHECK(pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0);
    int sent[] = {pipes[0][1], pipes[1][1]};
    CHECK(channel_send(&here, 1, 1, NULL, 0, sent, 2) == 0 && here.fds_out_count == 0);
    close(pipes[0][1]);
    close(pipes[1][1]);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1 && frame.fds == 2);
    int first = channel_claim_fd(&there), second = channel_claim_fd(&there);
    CHECK(first >= 0 && second >= 0 && channel_claim_fd(&there) == -1);
    CHECK(fcntl(first, F_GETFD) & FD_CLOEXEC);
    CHECK(write(first, "1", 1) == 1 && read(pipes[0][0], &c, 1) == 1 && c == '1');
    CHECK(write(second, "2", 1) == 1 && read(pipes[1][0], &c, 1) == 1 && c == '2');
    close(first);
    close(second);
    /* The last copies are gone: nothing was kept. */
    CHECK(read(pipes[0][0], &c, 1) == 0 && read(pipes[1][0], &c, 1) == 0);
    close(pipes[0][0]);
    close(pipes[1][0]);
    part();
    CHECK(test_descriptors() == before);
}

/* Descriptors travel with the first byte of their frame: so nothing may stand before it. */
static void descriptors_behind_others(void)
{
    struct frame frame;
    static char large[1 << 20];
    struct spk_text text = {large, sizeof large};
    int before = test_descriptors();
    join();
    CHECK(channel_send(&here, 1, 1, &text, 1, NULL, 0) == 0 && here.out.len > 0);
    size_t queued = here.out.len;
    CHECK(channel_send(&here, 2, 2, NULL, 0, &(int){0}, 1) == -EAGAIN);
    CHECK(here.out.len == queued && here.fds_out_count == 0);
    while (channel_next(&there, &frame) != 1) {
        CHECK(channel_receive(&there) > 0);
        CHECK(channel_flush(&here) >= 0);
    }
    CHECK(channel_send(&here, 2, 2, NULL, 0, &here.fd, 1) == 0);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1 && frame.fds == 1);
    part();
    CHECK(test_descriptors() == before);
}

static void bad_descriptor(void)
{
    int before = test_descriptors();
    join();
    int fds[] = {here.fd, 999999};
    CHECK(channel_send(&here, 1, 1, NULL, 0, fds, 2) == -EBADF);
    CHECK(here.out.len == 0 && here.fds_out_count == 0);
    part();
    CHECK(test_descriptors() == before);
}

/* A peer that is not ours sends more descriptors than a frame may have: they are closed, not collected. */
static void too_many_descriptors(void)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof(int) * 6)];
    } control;
    int before = test_descriptors();
    join();
    for (int round = 0; round < 5; round++) {
        char x = 0;
        struct iovec byte = {&x, 1};
        struct msghdr message = {.msg_iov = &byte,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof control.bytes};
        memset(&control, 0, sizeof control);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * 6);
        for (size_t i = 0; i < 6; i++)
            memcpy(CMSG_DATA(head) + i * sizeof(int), &here.fd, sizeof(int));
        CHECK(sendmsg(here.fd, &message, 0) == 1);
        CHECK(channel_receive(&there) == 1);
    }
    CHECK(there.fds_in_count == FRAME_MAX_FDS);
    CHECK(test_descriptors() == before + 2 + FRAME_MAX_FDS);
    part();
    CHECK(test_descriptors() == before);
}

static void end_of_file(void)
{
    struct frame frame;
    join();
    CHECK(channel_send(&here, 1, 1, NULL, 0, NULL, 0) == 0);
    channel_finish(&here);
    /* What was said before is still heard. */
    CHECK(channel_receive(&there) == 24 && channel_next(&there, &frame) == 1 && frame.type == 1);
    CHECK(channel_receive(&there) == 0 && channel_next(&there, &frame) == 0);
    CHECK(channel_send(&there, 1, 1, NULL, 0, &there.fd, 1) == -EPIPE);
    CHECK(there.out.len == 0 && there.fds_out_count == 0);
    CHECK(channel_send(&here, 1, 1, NULL, 0, NULL, 0) == -EPIPE);
    part();
}

static void garbage(void)
{
    struct frame frame = {.type = 88};
    unsigned char bytes[64];
    join();
    memset(bytes, 0xff, sizeof bytes);
    CHECK(send(here.fd, bytes, sizeof bytes, 0) == sizeof bytes);
    CHECK(channel_receive(&there) == sizeof bytes);
    CHECK(channel_next(&there, &frame) == -EPROTO && frame.type == 88);
    CHECK(channel_next(&there, &frame) == -EPROTO);
    part();
}

static void too_much_queued(void)
{
    join();
    here.out.len = CHANNEL_MAX_QUEUED + 1;
    CHECK(channel_send(&here, 1, 1, NULL, 0, NULL, 0) == -ENOBUFS && here.out.len == CHANNEL_MAX_QUEUED + 1);
    here.out.len = 0;
    struct spk_text large = {"", FRAME_MAX_LEN};
    CHECK(channel_send(&here, 1, 1, &large, 1, &here.fd, 1) == -EMSGSIZE);
    CHECK(here.out.len == 0 && here.fds_out_count == 0);
    part();
}

int main(void)
{
    test_limit(60);
    int before = test_descriptors();
    whole();
    forwarded();
    in_pieces();
    full_socket();
    descriptors();
    descriptors_behind_others();
    bad_descriptor();
    too_many_descriptors();
    end_of_file();
    garbage();
    too_much_queued();
    CHECK(test_descriptors() == before);
    return 0;
}
