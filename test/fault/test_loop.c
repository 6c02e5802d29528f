/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_loop.c - a loop that cannot be made, or cannot watch, says so and keeps nothing.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "base/loop.h"

#include "fault.h"

static void on_ready(void *owner, unsigned events)
{
    CHECK(events == LOOP_READ);
    ++*(int *)owner;
}

static void watches(void)
{
    struct loop loop = {.fd = -1};
    int calls = 0, armed = fault_pause();
    struct source source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = on_ready, .owner = &calls};
    CHECK(source.fd >= 0);
    fault_go_on(armed);
    int result = loop_init(&loop);
    CHECK(result == 0 ? loop.fd >= 0 : result == -EMFILE && fault_hit() && loop.fd == -1);
    if (result == 0) {
        result = loop_watch(&loop, &source, LOOP_READ);
        CHECK(result == 0 ? source.watched : result == -ENOSPC && fault_hit() && !source.watched);
    }
    if (result == 0) {
        result = loop_dispatch(&loop);
        CHECK(result == 0 ? calls == 1 : result == -ENOMEM && fault_hit() && calls == 0);
        result = loop_watch(&loop, &source, LOOP_READ | LOOP_WRITE);
        CHECK(source.watched && source.events == (result == 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ));
    }
    loop_forget(&loop, &source);
    CHECK(!source.watched);
    loop_finish(&loop);
    close(source.fd);
}

int main(void)
{
    test_limit(60);
    fault_each(watches, 1);
    return 0;
}
