/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_clock.c - where it cannot be found out whether the processor's counter is to be trusted, it is not read.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "tracer/record/clock.h"

#include "fault.h"

/* The rate is known after a while, if it could be found out that the counter is trusted. */
static void learn(void)
{
    const struct timespec rest = {.tv_nsec = 25000000};
    clock_learn();
    int armed = fault_pause();
    CHECK(nanosleep(&rest, NULL) == 0);
    clock_set();
    fault_go_on(armed);
    CHECK(clock_scale.rate == 0 || !fault_hit());
    CHECK(clock_now_ns() > 0);
}

int main(void)
{
    test_limit(60);
    fault_each(learn, 1);
    return 0;
}
