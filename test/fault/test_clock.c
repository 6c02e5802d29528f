/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_clock.c - where it cannot be found out whether the processor's counter is to be trusted, it is not read.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "tracer/record/clock.h"

#include "fault.h"

static void learn(void)
{
    clock_learn();
    clock_set();
    CHECK(clock_scale.rate == 0); /* too early in any case */
    CHECK(clock_now_ns() > 0);
}

int main(void)
{
    test_limit(60);
    fault_each(learn, 1);
    return 0;
}
