/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fake_wire.h - what a stand-in for Python (fake_worker.h) says and hears: wire/worker_protocol.h, written down a
 * second time on purpose.
 */
#ifndef FAKE_WIRE_H
#define FAKE_WIRE_H

#include "wire/worker_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char token[MARK_TOKEN_LEN + 1];
    uint64_t marks;
    uint64_t request;
    char payload[1 << 20];
    uint32_t len;
    uint16_t type;
    volatile sig_atomic_t interrupted;
    int ending; /* SHUTDOWN came while a cell was running */
    int fds[8]; /* go with the next frame that is sent */
    int fd_count;
    int received;            /* the last descriptor that came; -1: none */
    char kept[64];           /* the session's only variable: "keep TEXT" sets it, "kept" prints it */
    const char *started_for; /* of a runner: the request, as its command says */
} fake = {.received = -1};

static void fake_interrupt(int number)
{
    (void)number;
    fake.interrupted = 1;
}

static void fake_write(int fd, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t put = write(fd, (const char *)bytes + at, len - at);
        if (put < 0 && errno != EINTR)
            _exit(9);
        at += put > 0 ? (size_t)put : 0;
    }
}

static void fake_print(int fd, const char *text)
{
    fake_write(fd, text, strlen(text));
}

static void fake_mark(char kind, uint64_t number, int which)
{
    char mark[MARK_LEN + 1] = {0};
    snprintf(mark + 1, MARK_LEN, "%s%c%016llx", fake.token, kind, (unsigned long long)number);
    for (int fd = 1; fd <= 2; fd++)
        if (!which || which == fd)
            fake_write(fd, mark, MARK_LEN);
}

static void fake_number(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* As fake_write, with the descriptors, which are closed here. */
static void fake_write_fds(int fd, void *bytes, size_t len)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof fake.fds)];
    } control = {{0}};
    size_t fds_len = sizeof(int) * (size_t)fake.fd_count;
    struct iovec part = {bytes, len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(fds_len)};
    struct cmsghdr *head = (struct cmsghdr *)(void *)control.bytes;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds_len);
    memcpy(CMSG_DATA(head), fake.fds, fds_len);
    if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)len)
        _exit(9);
    while (fake.fd_count)
        close(fake.fds[--fake.fd_count]);
}

/* Send a frame behind a barrier. The parts are texts, closed by NULL; one that begins with '#' is a number.
 */
static void fake_send(uint16_t type, uint64_t request, const char *const *parts)
{
    static unsigned char frame[1 << 16];
    size_t len = 24;
    for (; *parts; parts++) {
        size_t part = **parts == '#' ? 4 : strlen(*parts);
        fake_number(frame + len, part, 4);
        if (**parts == '#')
            fake_number(frame + len + 4, strtoul(*parts + 1, NULL, 10), 4);
        else
            memcpy(frame + len + 4, *parts, part);
        len += 4 + part;
    }
    fake_number(frame, len - 24, 4);
    fake_number(frame + 4, type, 2);
    fake_number(frame + 6, (uint64_t)fake.fd_count, 2);
    fake_number(frame + 8, request, 8);
    fake_number(frame + 16, ++fake.marks, 8);
    fake_mark(MARK_BARRIER, fake.marks, 0);
    if (fake.fd_count)
        fake_write_fds(WORKER_FD, frame, len);
    else
        fake_write(WORKER_FD, frame, len);
}

/* For its environment: at its end there is nothing to look for, which takes AddressSanitizer long. */
#define FAKE_ENVIRONMENT "PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"

#define FAKE_SEND(type, ...) fake_send(type, fake.request, (const char *[]){__VA_ARGS__, NULL})

/* One read, which keeps the descriptor that comes with it. */
static ssize_t fake_receive(void *bytes, size_t len)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {bytes, len};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(WORKER_FD, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head && head->cmsg_type == SCM_RIGHTS) {
        if (fake.received >= 0)
            close(fake.received);
        memcpy(&fake.received, CMSG_DATA(head), sizeof(int));
    }
    return got;
}

/* Read so many bytes. 0: an interrupt came first. */
static int fake_read(void *bytes, size_t len)
{
    sigset_t none;
    sigemptyset(&none);
    for (size_t at = 0; at < len;) {
        struct pollfd polled = {.fd = WORKER_FD, .events = POLLIN};
        if (ppoll(&polled, 1, NULL, &none) < 0) {
            if (fake.interrupted)
                return 0;
            continue;
        }
        ssize_t got = fake_receive((char *)bytes + at, len - at);
        if (got <= 0)
            _exit(8);
        at += (size_t)got;
    }
    return 1;
}

/* The next frame's payload is in fake.payload, with a NUL behind it. */
static int fake_next(void)
{
    unsigned char header[24];
    if (!fake_read(header, sizeof header))
        return 0;
    memcpy(&fake.len, header, 4);
    memcpy(&fake.type, header + 4, 2);
    memcpy(&fake.request, header + 8, 8);
    if (fake.len >= sizeof fake.payload)
        _exit(7);
    fake_read(fake.payload, fake.len);
    fake.payload[fake.len] = 0;
    return 1;
}

static _Noreturn void fake_hang(void)
{
    for (;;)
        pause();
}

static void fake_reply_interrupted(void)
{
    fake.interrupted = 0;
    FAKE_SEND(WORKER_REPLY, "#1", "{\"status\":\"error\",\"ename\":\"KeyboardInterrupt\"}");
}

/* Take the token from the frame that has come. 0: it is not WORKER_SETUP. */
static int fake_set_up(void)
{
    const char *token = strstr(fake.payload + 4, "\"token\":\"");
    if (fake.type != WORKER_SETUP || !token)
        return 0;
    memcpy(fake.token, token + 9, MARK_TOKEN_LEN);
    return 1;
}

static void fake_prepare(void)
{
    sigset_t interrupts;
    struct sigaction action = {.sa_handler = fake_interrupt};
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupts, NULL); /* lets go of it where it waits */
    sigaction(SIGINT, &action, NULL);
}

static int fake_file(const char *text)
{
    int fd = memfd_create("variables", MFD_CLOEXEC);
    if (fd < 0)
        _exit(9);
    fake_print(fd, text);
    return fd;
}

/* What is in the file that came last, from its beginning. */
static const char *fake_file_text(void)
{
    static char text[256];
    if (fake.received < 0)
        return "none";
    ssize_t got = pread(fake.received, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    close(fake.received);
    fake.received = -1;
    return text;
}

/* The part of that number in the frame that has come. */
static const char *fake_part(unsigned number, uint32_t *len)
{
    uint32_t at = 0;
    for (; at + 4 <= fake.len; at += 4 + *len) {
        memcpy(len, fake.payload + at, 4);
        if (number-- == 0)
            return fake.payload + at + 4;
    }
    *len = 0;
    return "";
}

#endif
