/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_host.c - the process that has a keeper does not notice: its children, signals, descriptors and
 * directory are its own, and whatever it does with them is no trouble to the keeper.
 */
#include "unit/keeper_events.h"

#include <sys/stat.h>

static volatile sig_atomic_t sigchlds;

static void on_sigchld(int number)
{
    (void)number;
    sigchlds++;
}

/* The host's own child is the only one that its wait calls find, and the only one that it is told of. */
static void own_children(void)
{
    signal(SIGCHLD, on_sigchld);
    sigchlds = 0;
    start();
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    spawn(81, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    CHECK(sigchlds == 0);
    pid_t own = fork();
    CHECK(own >= 0);
    if (own == 0)
        _exit(42);
    int status = 0;
    pid_t found;
    while ((found = waitpid(-1, &status, 0)) < 0 && errno == EINTR)
        continue;
    CHECK(found == own && WIFEXITED(status) && WEXITSTATUS(status) == 42 && sigchlds == 1);
    finish();
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD && sigchlds == 1);
    /* No zombie either, not even of a kind that only __WALL finds. */
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    start();
    CHECK(keeper_end(&keeper, 0) == 0);
    until(&told.gone, 1);
    finish();
    CHECK(sigchlds == 1 && waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

/* A host that ignores SIGCHLD has its children reaped by the kernel. */
static void ignoring_host(void)
{
    signal(SIGCHLD, SIG_IGN);
    start();
    spawn(82, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(WIFEXITED(told.end.status));
    finish();
    signal(SIGCHLD, SIG_DFL);
}

/* A host that waits for its children somewhere else, at the same time. */
static void waiting_host(void)
{
    pid_t waiter = fork();
    CHECK(waiter >= 0);
    if (waiter == 0) {
        for (int i = 0; i < 20; i++) {
            start();
            while (waitpid(-1, NULL, WNOHANG) > 0)
                _exit(1);
            finish();
            while (waitpid(-1, NULL, WNOHANG) > 0)
                _exit(2);
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(waiter, &status, 0) == waiter && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void unchanged(void)
{
    struct sigaction before[NSIG], after;
    sigset_t mask, mask_after;
    char here[4096], there[4096];
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &before[number]);
    CHECK(getcwd(here, sizeof here));
    mode_t old = umask(022);
    int descriptors = test_descriptors();
    start();
    spawn(83, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    finish();
    CHECK(test_descriptors() == descriptors && umask(old) == 022);
    CHECK(getcwd(there, sizeof there) && !strcmp(here, there));
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    for (int number = 1; number < NSIG; number++) {
        CHECK(sigismember(&mask, number) == sigismember(&mask_after, number));
        if (sigaction(number, NULL, &after) == 0)
            CHECK(after.sa_handler == before[number].sa_handler && after.sa_flags == before[number].sa_flags);
    }
}

/* The descriptors of a host that has closed its own are just as good. */
static void no_standard_descriptors(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int fd = 0; fd < 10; fd++)
            close(fd);
        start();
        spawn(84, (const char *[]){"/bin/sh", "-c", "exit 9", NULL});
        until(&told.exited, 1);
        _exit(told.id == 84 && WEXITSTATUS(told.end.status) == 9 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void no_helper(void)
{
    struct spk_error error = {.size = sizeof error};
    int descriptors = test_descriptors();
    CHECK(loop_init(&loop) == 0);
    CHECK(keeper_start(&keeper, &loop, "/no/such/directory", &events, &told, &error) == -ENOENT);
    CHECK(error.code == -ENOENT &&
          strstr(error.text, "/no/such/directory/scorepkernel-keeper could not be started"));
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
    finish();
    CHECK(test_descriptors() == descriptors);
}

/* Many at a time, and arguments and an environment of some size. */
static void many(void)
{
    char *large = malloc(100001);
    CHECK(large != NULL);
    memset(large, 'x', 100000);
    large[100000] = 0;
    start();
    for (uint64_t id = 1; id <= 60; id++)
        spawn(id, (const char *[]){"/bin/sh", "-c", "[ ${#1} = 100000 ]", "sh", large, NULL});
    until(&told.exited, 60);
    CHECK(told.spawned == 60 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 0);
    free(large);
    finish();
}

static void by_hand(void)
{
    char program[4200];
    snprintf(program, sizeof program, "%s/scorepkernel-keeper", directory);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        close(3);
        execl(program, program, (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 2);
}

int main(void)
{
    return run_each((void (*const[])(void)){
        own_children, ignoring_host, waiting_host, unchanged, no_standard_descriptors, no_helper, many,
        by_hand, NULL});
}
