/* SPDX-License-Identifier: BSD-3-Clause
 *
 * watch.c - signals and the parent's death, as descriptors. Only the host program may do this: a library must
 * leave its process's signals alone.
 */
#include "shim/host/process_events.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"

/* The Jupyter process may die by SIGKILL, and then nobody tells its kernels. It need not be our parent: some
   kernels are started through a script. JPY_PARENT_PID may also come from another pid namespace, where it
   means nothing here: what cannot be opened is not watched. */
static void watch_parent(struct watch *watch)
{
    const char *text = surroundings_variable("JPY_PARENT_PID");
    long pid = text ? strtol(text, NULL, 10) : 0;
    if (pid <= 1 || pid > INT32_MAX)
        return;
#ifdef SYS_pidfd_open
    watch->parent = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0U); /* close-on-exec by definition */
    if (watch->parent >= 0 || errno == ESRCH)
        return;
#endif
    /* Linux before 5.3. */
    if (getppid() == (pid_t)pid)
        watch->ppid = (pid_t)pid;
}

int watch_init(struct watch *watch, struct spk_error *error)
{
    *watch = (struct watch){.signals = -1, .parent = -1, .ppid = 0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int code = -pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (!code && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        code = -errno;
    if (!code && (watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        code = -errno;
    if (code)
        return notice_set(error, code, "cannot receive signals: %s.", notice_reason(code));
    watch_parent(watch);
    return 0;
}

void watch_finish(struct watch *watch)
{
    if (watch->signals >= 0)
        (void)close(watch->signals);
    if (watch->parent >= 0)
        (void)close(watch->parent);
    watch->signals = watch->parent = -1;
}

int watch_timeout(const struct watch *watch)
{
    return watch->ppid ? 1000 : -1;
}

unsigned watch_take(struct watch *watch)
{
    unsigned seen = 0;
    struct signalfd_siginfo signal;
    while (read(watch->signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
        seen |= signal.ssi_signo == SIGINT ? WATCH_INTERRUPT : WATCH_END;
    struct pollfd parent = {.fd = watch->parent, .events = POLLIN, .revents = 0};
    if (poll(&parent, 1, 0) > 0 || (watch->ppid && getppid() != watch->ppid)) {
        notice_print("the Jupyter process that started this kernel has ended; ending, too");
        seen |= WATCH_END;
        if (watch->parent >= 0)
            (void)close(watch->parent);
        watch->parent = -1; /* said once; poll passes over negative descriptors */
        watch->ppid = 0;
    }
    return seen;
}
