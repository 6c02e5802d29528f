/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_loop.c - many descriptors behind one.
 */
#include "base/loop.h"

#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

struct ear {
    struct source source;
    struct loop *loop;
    struct ear *deafens; /* forgets this one in its callback */
    int calls;
    unsigned events;
};

static void on_ready(void *owner, unsigned events)
{
    struct ear *ear = owner;
    ear->calls++;
    ear->events = events;
    if (ear->deafens)
        loop_forget(ear->loop, &ear->deafens->source);
}

static int readable(const struct loop *loop)
{
    struct pollfd polled = {.fd = loop->fd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static void reads_and_writes(void)
{
    struct loop loop;
    int pair[2];
    CHECK(loop_init(&loop) == 0 && !readable(&loop) && loop_dispatch(&loop) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct ear ear = {.source = {.fd = pair[0], .ready = on_ready, .owner = &ear}};
    CHECK(loop_watch(&loop, &ear.source, LOOP_READ) == 0 && loop_watch(&loop, &ear.source, LOOP_READ) == 0);
    CHECK(loop_dispatch(&loop) == 0 && ear.calls == 0);
    CHECK(write(pair[1], "x", 1) == 1 && readable(&loop));
    CHECK(loop_dispatch(&loop) == 0 && ear.calls == 1 && ear.events == LOOP_READ);
    CHECK(loop_watch(&loop, &ear.source, LOOP_READ | LOOP_WRITE) == 0);
    CHECK(loop_dispatch(&loop) == 0 && ear.calls == 2 && ear.events == (LOOP_READ | LOOP_WRITE));
    CHECK(loop_watch(&loop, &ear.source, LOOP_WRITE) == 0);
    CHECK(loop_dispatch(&loop) == 0 && ear.calls == 3 && ear.events == LOOP_WRITE);
    /* The end of file is something to read. */
    CHECK(loop_watch(&loop, &ear.source, LOOP_READ) == 0);
    char c;
    CHECK(read(pair[0], &c, 1) == 1);
    close(pair[1]);
    CHECK(loop_dispatch(&loop) == 0 && ear.calls == 4 && ear.events == LOOP_READ);
    loop_forget(&loop, &ear.source);
    loop_forget(&loop, &ear.source);
    CHECK(!readable(&loop) && loop_dispatch(&loop) == 0 && ear.calls == 4);
    close(pair[0]);
    loop_finish(&loop);
    loop_finish(&loop);
    CHECK(loop.fd == -1);
}

/* A callback may forget one whose turn was still to come. */
static void forgetting(void)
{
    struct loop loop;
    struct ear ears[2];
    CHECK(loop_init(&loop) == 0);
    for (int i = 0; i < 2; i++) {
        ears[i] = (struct ear){.loop = &loop, .deafens = &ears[1 - i]};
        ears[i].source = (struct source){.fd = eventfd(1, EFD_CLOEXEC), .ready = on_ready, .owner = &ears[i]};
        CHECK(loop_watch(&loop, &ears[i].source, LOOP_READ) == 0);
    }
    CHECK(loop_dispatch(&loop) == 0);
    CHECK(ears[0].calls + ears[1].calls == 1);
    CHECK(loop_dispatch(&loop) == 0);
    CHECK(ears[0].calls + ears[1].calls == 2);
    for (int i = 0; i < 2; i++) {
        loop_forget(&loop, &ears[i].source);
        close(ears[i].source.fd);
    }
    loop_finish(&loop);
}

/* More than one dispatch takes: none starves. */
static void many(void)
{
    struct loop loop;
    struct ear ears[40];
    CHECK(loop_init(&loop) == 0);
    for (int i = 0; i < 40; i++) {
        ears[i] = (struct ear){.loop = &loop};
        ears[i].source = (struct source){.fd = eventfd(1, EFD_CLOEXEC), .ready = on_ready, .owner = &ears[i]};
        CHECK(loop_watch(&loop, &ears[i].source, LOOP_READ) == 0);
    }
    for (int round = 0; round < 20; round++)
        CHECK(loop_dispatch(&loop) == 0);
    for (int i = 0; i < 40; i++) {
        CHECK(ears[i].calls > 0);
        loop_forget(&loop, &ears[i].source);
        close(ears[i].source.fd);
    }
    loop_finish(&loop);
}

static void failures(void)
{
    struct loop loop, none = {.fd = -1};
    struct ear ear = {.source = {.fd = -1, .ready = on_ready, .owner = &ear}};
    CHECK(loop_init(&loop) == 0);
    CHECK(loop_watch(&loop, &ear.source, LOOP_READ) == -EBADF && !ear.source.watched);
    loop_forget(&loop, &ear.source);
    CHECK(loop_dispatch(&none) == -EBADF);
    loop_finish(&loop);
}

int main(void)
{
    test_limit(60);
    int before = test_descriptors();
    int64_t then = loop_now_ns();
    reads_and_writes();
    forgetting();
    many();
    failures();
    CHECK(loop_now_ns() > then && test_descriptors() == before);
    return 0;
}
