/* SPDX-License-Identifier: BSD-3-Clause
 *
 * process_events.c - signals and the parent's death, as descriptors. Only the host program may do this: a
 * library must leave its process's signals alone.
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
static void watch_parent(struct process_events *events)
{
    const char *text = environment_variable("JPY_PARENT_PID");
    long pid = text ? strtol(text, NULL, 10) : 0;
    if (pid <= 1 || pid > INT32_MAX)
        return;
#ifdef SYS_pidfd_open
    events->parent = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0U); /* close-on-exec by definition */
    if (events->parent >= 0 || errno == ESRCH)
        return;
#endif
    /* Linux before 5.3. */
    if (getppid() == (pid_t)pid)
        events->ppid = (pid_t)pid;
}

int process_events_init(struct process_events *events, struct spk_error *error)
{
    *events = (struct process_events){.signals = -1, .parent = -1, .ppid = 0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int code = -pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (!code && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        code = -errno;
    if (!code && (events->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        code = -errno;
    if (code)
        return log_set(error, code, "Signals cannot be received: %s.", log_reason(code));
    watch_parent(events);
    return 0;
}

void process_events_finish(struct process_events *events)
{
    if (events->signals >= 0)
        (void)close(events->signals);
    if (events->parent >= 0)
        (void)close(events->parent);
    events->signals = events->parent = -1;
}

int process_events_timeout(const struct process_events *events)
{
    return events->ppid ? 1000 : -1;
}

unsigned process_events_take(struct process_events *events)
{
    unsigned seen = 0;
    struct signalfd_siginfo signal;
    while (read(events->signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
        seen |= signal.ssi_signo == SIGINT ? PROCESS_EVENT_INTERRUPT : PROCESS_EVENT_END;
    struct pollfd parent = {.fd = events->parent, .events = POLLIN, .revents = 0};
    if (poll(&parent, 1, 0) > 0 || (events->ppid && getppid() != events->ppid)) {
        log_print("The Jupyter process that started this kernel has ended, so the kernel ends, too.");
        seen |= PROCESS_EVENT_END;
        if (events->parent >= 0)
            (void)close(events->parent);
        events->parent = -1; /* said once; poll passes over negative descriptors */
        events->ppid = 0;
    }
    return seen;
}
