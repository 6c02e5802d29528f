/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_children.c - the keeper's processes. Owns their table; never signals a process that it has reaped,
 * since its number may already be somebody else's. Runs in the keeper only, which is single-threaded: so a
 * plain fork and everything after it are safe.
 */
#include "keeper_children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct exec_failure {
    int code;
    int stage;
};

static const char *const stages[] = {"preparing the process", "entering the directory",
                                     "executing the program"};

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* In the child, between fork and exec: never returns. */
static void become(const struct spawn *spawn, pid_t keeper, int report)
{
    struct exec_failure failure = {.stage = 0};
    int moved[8];
    setsid();
    /* Should the keeper itself be killed, the worker must not stay behind. The second look closes the race
     * with a keeper that ended before the first. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper)
        goto fail;
    /* First out of the way of the numbers that they are to have. */
    for (size_t i = 0; i < spawn->fd_count; i++)
        if ((moved[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, 32)) < 0)
            goto fail;
    if ((report = fcntl(report, F_DUPFD_CLOEXEC, 32)) < 0)
        goto fail;
    for (size_t i = 0; i < spawn->fd_count; i++)
        if (dup2(moved[i], (int)i) < 0)
            goto fail;
    failure.stage = 1;
    if (chdir(spawn->directory) != 0)
        goto fail;
    reset_signals();
    failure.stage = 2;
    execve(spawn->program, spawn->argv, spawn->envp);
fail:
    failure.code = errno;
    (void)!write(report, &failure,
                 sizeof failure); /* the reader takes silence for success: then it sees an exit */
    _exit(127);
}

int children_spawn(struct children *children, uint64_t id, const struct spawn *spawn, const char **stage)
{
    int report[2];
    pid_t keeper = getpid();
    *stage = stages[0];
    if (children->count == CHILDREN_MAX || spawn->fd_count > 8)
        return -EAGAIN;
    if (pipe2(report, O_CLOEXEC) != 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        become(spawn, keeper, report[1]);
    int saved = errno;
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return -saved;
    }
    /* End of file without a word: the exec succeeded and closed the pipe. */
    struct exec_failure failure;
    ssize_t got;
    do
        got = read(report[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got == (ssize_t)sizeof failure) {
        waitpid(pid, NULL, 0);
        *stage = stages[failure.stage];
        return failure.code ? -failure.code : -ECHILD;
    }
    children->list[children->count++] = (struct child){id, pid};
    return 0;
}

/* The parent of the process in /proc/NAME, or 0. */
static pid_t parent_of(const char *name)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, line, sizeof line - 1);
    close(fd);
    if (got <= 0)
        return 0;
    line[got] = 0;
    /* " S 1234 ...": state and parent. The program's name before them comes in parentheses and may itself
     * hold any character. */
    const char *after = strrchr(line, ')');
    return after && strlen(after) > 4 ? (pid_t)strtol(after + 3, NULL, 10) : 0;
}

int children_adopt(struct children *children, uint64_t id, pid_t pid)
{
    char name[32];
    if (children->count == CHILDREN_MAX)
        return -EAGAIN;
    /* Only we reap our children: so the number is still this process's. */
    snprintf(name, sizeof name, "%ld", (long)pid);
    if (pid <= 0 || parent_of(name) != getpid())
        return -ESRCH;
    /* Under two ids its end would be told of once, and the other's number signalled when it is somebody
     * else's. */
    for (size_t i = 0; i < children->count; i++)
        if (children->list[i].pid == pid)
            return -EEXIST;
    children->list[children->count++] = (struct child){id, pid};
    return 0;
}

int children_signal(const struct children *children, uint64_t id, int signal_number)
{
    for (size_t i = 0; i < children->count; i++)
        if (children->list[i].id == id)
            return kill(-children->list[i].pid, signal_number) == 0 ? 0 : -errno;
    return -ESRCH;
}

pid_t children_ended(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid : 0;
}

int children_reap(struct children *children, pid_t pid, uint64_t *id, int *status, struct rusage *usage)
{
    *id = 0;
    for (size_t i = 0; i < children->count; i++) {
        if (children->list[i].pid != pid)
            continue;
        *id = children->list[i].id;
        /* As a terminal does when its session's leader ends: what the user did not detach goes too. Before
         * reaping, while the group's number cannot be anybody else's. */
        kill(-pid, SIGHUP);
        kill(-pid, SIGCONT);
        children->list[i] = children->list[--children->count];
        break;
    }
    return wait4(pid, status, WNOHANG, usage) == pid;
}

void children_kill(const struct children *children)
{
    for (size_t i = 0; i < children->count; i++)
        kill(-children->list[i].pid, SIGKILL);
}

static void kill_children_once(void)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    pid_t self = getpid();
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the keeper has one thread
    for (const struct dirent *entry; (entry = readdir(proc));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == self)
            kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
    closedir(proc);
}

void children_kill_descendants(void)
{
    /* Each round kills one generation, whose children then become ours (subreaper). The number of rounds is
     * bounded, as a process in uninterruptible sleep cannot be waited for. */
    for (int round = 0; round < 400; round++) {
        kill_children_once();
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}
