/* SPDX-License-Identifier: BSD-3-Clause
 *
 * children.c - the keeper's processes. Owns their table; never signals a process that it has reaped,
 * since its number may already be somebody else's. Runs in the keeper only, which is single-threaded: so a
 * plain fork and everything after it are safe.
 */
#include "keeper/children.h"

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

/* At the end everything is killed in rounds of 5 ms. In so many of them resource trackers are spared. */
#define TRACKER_ROUNDS 200

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
static void exec_child(const struct spawn *spawn, pid_t keeper, int report)
{
    struct exec_failure failure = {.stage = 0};
    int moved[8];
    setsid();
    /* Should the keeper itself be killed, the worker must not stay behind. The second look closes the race
     * with a keeper that ended before the first. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper)
        goto fail;
    /* Move the descriptors away first: one may have the number that another is to get. */
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
        exec_child(spawn, keeper, report[1]);
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

/* Read a file of /proc/NAME as text. Its length, 0 if there is none. */
static size_t read_of(const char *name, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/%s", name, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got > 0 ? (size_t)got : 0;
}

/* The parent of the process in /proc/NAME, and its group; or 0. */
static pid_t parent_of(const char *name, pid_t *group)
{
    char line[512], *end;
    if (!read_of(name, "stat", line, sizeof line))
        return 0;
    /* " S 1234 1234 ...": state, parent, group. The program's name before them comes in parentheses and may
     * itself hold any character. */
    const char *after = strrchr(line, ')');
    if (!after || strlen(after) <= 4)
        return 0;
    pid_t parent = (pid_t)strtol(after + 3, &end, 10);
    if (group)
        *group = (pid_t)strtol(end, NULL, 10);
    return parent;
}

/* Whether it is a resource tracker, multiprocessing's or loky's: these remove what killed processes leave in
 * shared memory, and end by themselves when all of those have ended. */
static int is_tracker(const char *name)
{
    char text[4096];
    size_t len = read_of(name, "cmdline", text, sizeof text);
    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        if (strncmp(text + at, "from ", 5) == 0 && strstr(text + at, ".resource_tracker import main"))
            return 1;
    return 0;
}

static int is_process(const char *name)
{
    return name[0] >= '1' && name[0] <= '9';
}

/* Signal the processes of a group that are no resource trackers. The second look finds those that were forked
 * during the first. */
static void signal_but_trackers(pid_t wanted, int signal_number)
{
    for (int look = 0; look < 2; look++) {
        DIR *proc = opendir("/proc");
        pid_t group = 0;
        if (!proc) {
            kill(-wanted, signal_number);
            return;
        }
        // NOLINTNEXTLINE(concurrency-mt-unsafe): the keeper has one thread
        for (const struct dirent *entry; (entry = readdir(proc));)
            if (is_process(entry->d_name) && parent_of(entry->d_name, &group) && group == wanted &&
                !is_tracker(entry->d_name))
                kill((pid_t)strtol(entry->d_name, NULL, 10), signal_number);
        closedir(proc);
    }
}

/* Whether any of our children is a resource tracker; the trackers of a session that has ended are our
 * children. Looking at all processes instead takes long on a large machine. */
static int has_tracker(void)
{
    char file[64], list[4096], *rest = NULL;
    snprintf(file, sizeof file, "task/%ld/children", (long)getpid());
    if (!read_of("self", file, list, sizeof list))
        return 0;
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
        if (is_tracker(name))
            return 1;
    return 0;
}

int children_adopt(struct children *children, uint64_t id, pid_t pid)
{
    char name[32];
    if (children->count == CHILDREN_MAX)
        return -EAGAIN;
    /* Only we reap our children: so the number is still this process's. */
    snprintf(name, sizeof name, "%ld", (long)pid);
    if (pid <= 0 || parent_of(name, NULL) != getpid())
        return -ESRCH;
    /* With two ids its end would be reported under one of them, and the other would still name a process
     * number that may be somebody else's by then. */
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
        if (has_tracker())
            signal_but_trackers(pid, SIGHUP);
        else
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
        signal_but_trackers(children->list[i].pid, SIGKILL);
}

static void kill_children_once(int trackers)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    pid_t self = getpid();
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the keeper has one thread
    for (const struct dirent *entry; (entry = readdir(proc));)
        if (is_process(entry->d_name) && parent_of(entry->d_name, NULL) == self &&
            (trackers || !is_tracker(entry->d_name)))
            kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
    closedir(proc);
}

void children_kill_descendants(void)
{
    /* Each round kills one generation, whose children then become ours (subreaper). The number of rounds is
     * bounded, as a process in uninterruptible sleep cannot be waited for. Trackers have their time. */
    for (int round = 0; round < 400; round++) {
        kill_children_once(round >= TRACKER_ROUNDS);
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}
