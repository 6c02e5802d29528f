/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fake_worker.h - stands in for Python, where a test is about the library: the test's own program is given as
 * interpreter, and does here what the code of a cell says. It speaks worker_wire.h, written down a second
 * time on purpose. What it does before the first cell is told by the variable FAKE_WORKER: "fails", "dies",
 * "silent".
 */
#ifndef FAKE_WORKER_H
#define FAKE_WORKER_H

#include "worker_wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
} fake;

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
    fake_number(frame + 4, type, 4);
    fake_number(frame + 8, request, 8);
    fake_number(frame + 16, ++fake.marks, 8);
    fake_mark(MARK_BARRIER, fake.marks, 0);
    fake_write(WORKER_FD, frame, len);
}

/* For its environment: at its end there is nothing to look for, which takes AddressSanitizer long. */
#define FAKE_ENVIRONMENT "PATH=/usr/bin:/bin", "ASAN_OPTIONS=detect_leaks=0"

#define FAKE_SEND(type, ...) fake_send(type, fake.request, (const char *[]){__VA_ARGS__, NULL})

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
        ssize_t got = read(WORKER_FD, (char *)bytes + at, len - at);
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

static void fake_input(void)
{
    uint64_t request = fake.request;
    FAKE_SEND(WORKER_INPUT_REQUEST, "name? ", "#1");
    do
        if (!fake_next()) {
            fake.request = request;
            fake_reply_interrupted();
            return;
        }
    while (fake.type != WORKER_INPUT_REPLY || fake.request != request);
    char content[256];
    snprintf(content, sizeof content, "{\"status\":\"ok\",\"got\":\"%.100s\"}", fake.payload + 4);
    FAKE_SEND(WORKER_REPLY, "#0", content);
}

/* One of everything that can be shown. */
static void fake_show(void)
{
    FAKE_SEND(WORKER_DISPLAY_DATA, "{\"data\":1}");
    FAKE_SEND(WORKER_UPDATE_DISPLAY_DATA, "{\"data\":2}");
    FAKE_SEND(WORKER_CLEAR_OUTPUT, "#1");
    FAKE_SEND(WORKER_EXECUTE_RESULT, "{\"data\":3}");
    FAKE_SEND(WORKER_ERROR, "{\"ename\":\"E\"}");
    FAKE_SEND(WORKER_FROM_COMM_OPEN, "{\"comm_id\":\"a\"}", "{}", "raw", "");
    FAKE_SEND(WORKER_FROM_COMM_MESSAGE, "{\"comm_id\":\"b\"}", "{}");
    FAKE_SEND(WORKER_FROM_COMM_CLOSE, "{\"comm_id\":\"c\"}", "{}");
    FAKE_SEND(WORKER_LOG, "#2", "a warning");
    FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
}

static void fake_execute(const char *code)
{
    char text[64];
    fake_mark(MARK_PARENT, fake.request, 0);
    if (!strncmp(code, "print ", 6)) {
        fake_write(1, code + 6, strcspn(code + 6, "\""));
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "both", 4)) {
        fake_print(1, "out1 ");
        fake_mark(MARK_SWITCH, ++fake.marks, 0);
        fake_print(2, "err1 ");
        fake_mark(MARK_SWITCH, ++fake.marks, 0);
        fake_print(1, "out2 ");
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "exit", 4)) {
        _exit(3);
    } else if (!strncmp(code, "last", 4)) {
        fake_print(1, "last words\xE2\x82");
        _exit(3);
    } else if (!strncmp(code, "crash", 5)) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (!strncmp(code, "garbage", 7)) {
        memset(fake.payload, 0xff, 64);
        fake_write(WORKER_FD, fake.payload, 64);
        fake_hang();
    } else if (!strncmp(code, "mute", 4)) {
        fake_print(1, "mute ");
        close(WORKER_FD);
        sigset_t none;
        sigemptyset(&none);
        while (!fake.interrupted)
            sigsuspend(&none);
        _exit(4);
    } else if (!strncmp(code, "wait", 4)) {
        snprintf(text, sizeof text, "waiting %d of %d ", (int)getpid(), (int)getppid());
        fake_print(1, text);
        for (uint64_t request = fake.request; fake_next(); fake.request = request)
            fake.ending |= fake.type == WORKER_SHUTDOWN;
        fake_reply_interrupted();
    } else if (!strncmp(code, "stubborn", 8)) {
        snprintf(text, sizeof text, "stubborn %d ", (int)getpid());
        fake_print(1, text);
        fake_hang();
    } else if (!strncmp(code, "input", 5)) {
        fake_input();
    } else if (!strncmp(code, "show", 4)) {
        fake_show();
    } else if (strstr(code, "%%execute_with_scorep")) {
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "{\"events\":7}");
    } else {
        FAKE_SEND(WORKER_REPLY, "#1", "{\"status\":\"error\",\"ename\":\"SyntaxError\"}");
    }
}

/* What the test's program is when it is started as an interpreter. */
static inline int fake_worker(void)
{
    const char *how = getenv("FAKE_WORKER");
    sigset_t interrupts;
    struct sigaction action = {.sa_handler = fake_interrupt};
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupts, NULL); /* lets go of it where it waits */
    sigaction(SIGINT, &action, NULL);
    fake_next();
    const char *token = strstr(fake.payload + 4, "\"token\":\"");
    if (fake.type != WORKER_SETUP || !token)
        return 6;
    memcpy(fake.token, token + 9, MARK_TOKEN_LEN);
    if (how && !strcmp(how, "silent"))
        fake_hang();
    if (how && !strcmp(how, "dies")) {
        fake_print(2, "no such module\xff\xe2\x82");
        return 5;
    }
    if (how && !strcmp(how, "fails")) {
        FAKE_SEND(WORKER_FAILED, "install IPython");
        return 1;
    }
    FAKE_SEND(WORKER_HELLO,
              "{\"banner\":\"fake\",\"language_info\":{\"name\":\"python\",\"version\":\"3.99\"}}");
    FAKE_SEND(WORKER_READY, "");
    while (!fake.ending) {
        fake.interrupted = 0;
        if (!fake_next())
            continue;
        if (fake.type == WORKER_SHUTDOWN)
            return 0;
        const char *code = strstr(fake.payload + 4, "\"code\":\"");
        char content[64];
        snprintf(content, sizeof content, "{\"status\":\"ok\",\"kind\":%d}", fake.type);
        if (fake.type == WORKER_EXECUTE)
            fake_execute(code ? code + 8 : "");
        else if (fake.type != WORKER_INPUT_REPLY)
            FAKE_SEND(WORKER_REPLY, "#0", content);
    }
    return 0;
}

#endif
