/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_children.c - the keeper's processes, when calls fail in it, or in a process on its way to its program: an error
 * that says what was being done, and no process that nobody knows of.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat fork waitid wait4 prctl dup2 chdir execve
#include "keeper/children.h"

#include "fault.h"

#include <stdbool.h>
#include <sys/prctl.h>

FAULT(int, waitid, (idtype_t which, id_t id, siginfo_t *info, int options), (which, id, info, options), -1, EINVAL)
FAULT(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *usage), (pid, status, options, usage), -1,
      ECHILD)

/* What fails in the new process is chosen otherwise. */
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    errno = EAGAIN;
    pid_t pid = fault_due("fork") ? -1 : __real_fork();
    if (pid == 0)
        fault.armed = 0;
    return pid;
}

/* --- in the process that is to become another ------------------------------------------------------ */

static pid_t keeper;
static const char *volatile failing; /* there; NULL: nothing */

static bool fails_there(const char *name)
{
    errno = EPERM;
    return failing && getpid() != keeper && strcmp(failing, name) == 0;
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
    va_list arguments;
    va_start(arguments, option);
    unsigned long argument = va_arg(arguments, unsigned long); /* ours have one */
    va_end(arguments);
    return fails_there("prctl") ? -1 : __real_prctl(option, argument, 0UL, 0UL, 0UL);
}

int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);
int __wrap_dup2(int from, int to)
{
    return fails_there("dup2") ? -1 : __real_dup2(from, to);
}

int __real_chdir(const char *path);
int __wrap_chdir(const char *path);
int __wrap_chdir(const char *path)
{
    return fails_there("chdir") ? -1 : __real_chdir(path);
}

int __real_execve(const char *path, char *const *argv, char *const *envp);
int __wrap_execve(const char *path, char *const *argv, char *const *envp);
int __wrap_execve(const char *path, char *const *argv, char *const *envp)
{
    return fails_there("execve") ? -1 : __real_execve(path, argv, envp);
}

/* --- */

static int spawn(struct children *children, const char **stage)
{
    char name[] = "true", *argv[] = {name, NULL}, *envp[] = {NULL};
    const int fds[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    struct spawn wanted = {"/bin/true", "/", argv, envp, fds, 3};
    return children_spawn(children, 7, &wanted, stage);
}

static void there(void)
{
    static const struct {
        const char *call, *stage;
    } calls[] = {{"prctl", "preparing the process"},
                 {"dup2", "preparing the process"},
                 {"chdir", "entering the directory"},
                 {"execve", "executing the program"}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct children children = {.count = 0};
        const char *stage = NULL;
        failing = calls[i].call;
        CHECK(spawn(&children, &stage) == -EPERM && strcmp(stage, calls[i].stage) == 0);
        CHECK(children.count == 0 && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    }
    failing = NULL;
}

/* Whatever failed, the process is the keeper's until it is reaped, and is reaped once. */
static void here(void)
{
    struct children children = {.count = 0};
    const char *stage = NULL;
    struct rusage usage;
    uint64_t id = 0;
    int status = -1;
    int result = spawn(&children, &stage);
    CHECK(result == 0 ? children.count == 1 : fault_hit() && children.count == 0 && *stage);
    siginfo_t info;
    int armed = fault_pause();
    if (result == 0)
        CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
    fault_go_on(armed);
    pid_t pid = children_ended();
    CHECK(pid > 0 || result != 0 || fault_hit());
    if (pid > 0) {
        int reaped = children_reap(&children, pid, &id, &status, &usage);
        CHECK(id == 7 && children.count == 0);
        CHECK(reaped ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : fault_hit());
    }
    armed = fault_pause();
    (void)waitpid(-1, NULL, WNOHANG); /* it is ours to reap what could not be */
    fault_go_on(armed);
}

int main(void)
{
    test_limit(60);
    keeper = getpid();
    there();
    fault_each(here, 1);
    there();
    return 0;
}
