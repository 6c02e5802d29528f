/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_keeper.c - the real helper program, from the build's tree: it starts, signals, reaps and ends
 * processes, and the process that asks for it does not notice.
 */
#include "keeper.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* What the keeper told. */
static struct {
    int spawned, failed, exited, gone;
    uint32_t pid;
    uint64_t id;
    int code;
    char stage[64];
    struct keeper_end end;
} told;

static struct loop loop;
static struct keeper keeper;
static char directory[4096], scratch[] = "/tmp/spk-test-keeper-XXXXXX";
static volatile sig_atomic_t sigchlds;

static void on_spawned(void *owner, uint64_t id, uint32_t pid)
{
    CHECK(owner == &told);
    told.spawned++;
    told.id = id;
    told.pid = pid;
}

static void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    CHECK(owner == &told);
    told.failed++;
    told.id = id;
    told.code = code;
    snprintf(told.stage, sizeof told.stage, "%.*s", (int)stage.len, stage.data);
}

static void on_exited(void *owner, uint64_t id, const struct keeper_end *end)
{
    CHECK(owner == &told);
    told.exited++;
    told.id = id;
    told.end = *end;
}

static void on_gone(void *owner)
{
    CHECK(owner == &told && keeper.channel.fd == -1);
    told.gone++;
}

static const struct keeper_events events = {on_spawned, on_failed, on_exited, on_gone};

static void start(void)
{
    struct spk_error error = {.size = sizeof error};
    memset(&told, 0, sizeof told);
    CHECK(loop_init(&loop) == 0);
    if (keeper_start(&keeper, &loop, directory, &events, &told, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
}

static void finish(void)
{
    keeper_finish(&keeper);
    keeper_finish(&keeper);
    loop_finish(&loop);
}

/* Let the keeper speak until it has said so much. */
static void until(const int *count, int wanted)
{
    while (*count < wanted) {
        struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
        CHECK(poll(&polled, 1, 20000) == 1);
        CHECK(loop_dispatch(&loop) == 0);
    }
}

static int spawn_in(uint64_t id, const char *where, const char *const *argv, const int *fds, size_t fd_count)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};
    struct keeper_spawn spawn = {argv[0], where, argv, environment, fds, fd_count};
    return keeper_spawn(&keeper, id, &spawn);
}

static void spawn(uint64_t id, const char *const *argv)
{
    CHECK(spawn_in(id, "/", argv, NULL, 0) == 0);
}

/* Start a shell script and wait until it runs. Returns a descriptor that reads what it writes; its end of
 * file says that it and all that it started have ended. */
static int script(uint64_t id, const char *text)
{
    int out[2], null = open("/dev/null", O_RDWR | O_CLOEXEC), spawned = told.spawned;
    CHECK(null >= 0 && pipe2(out, O_CLOEXEC) == 0);
    CHECK(spawn_in(id, "/", (const char *[]){"/bin/sh", "-c", text, NULL}, (int[]){null, out[1], out[1]},
                   3) == 0);
    close(out[1]);
    close(null);
    until(&told.spawned, spawned + 1);
    return out[0];
}

/* A line that a script has written. */
static const char *line(int fd)
{
    static char text[256];
    size_t len = 0;
    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        CHECK(poll(&polled, 1, 20000) == 1 && len < sizeof text - 1);
        ssize_t got = read(fd, text + len, 1);
        CHECK(got >= 0);
        if (!got || text[len] == '\n')
            break;
        len++;
    }
    text[len] = 0;
    return text;
}

/* All that held the pipe have ended. */
static void ended(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char rest[256];
    do
        CHECK(poll(&polled, 1, 20000) == 1);
    while (read(fd, rest, sizeof rest) > 0);
    close(fd);
}

static int alive(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    if (!stat)
        return 0;
    CHECK(fscanf(stat, "%*d (%*[^)]) %c", &state) == 1);
    fclose(stat);
    return state != 'Z' && state != 'X';
}

/* --- how processes begin and end ------------------------------------------------------------------- */

static void ends(void)
{
    start();
    spawn(11, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(told.spawned == 1 && told.id == 11 && told.pid > 0 && WIFEXITED(told.end.status) &&
          !WEXITSTATUS(told.end.status));
    CHECK(told.end.peak_rss_kib > 0);
    spawn(12, (const char *[]){"/bin/false", NULL});
    until(&told.exited, 2);
    CHECK(told.id == 12 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 1);
    spawn(13, (const char *[]){"/bin/sh", "-c", "kill -SEGV $$", NULL});
    until(&told.exited, 3);
    CHECK(told.id == 13 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGSEGV);
    spawn(14, (const char *[]){"/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 7",
                               NULL});
    until(&told.exited, 4);
    CHECK(WEXITSTATUS(told.end.status) == 7 && told.end.user_us > 0);
    CHECK(told.failed == 0 && told.gone == 0);
    finish();
}

static void failures(void)
{
    start();
    spawn(21, (const char *[]){"/no/such/program", NULL});
    until(&told.failed, 1);
    CHECK(told.id == 21 && told.code == -ENOENT && !strcmp(told.stage, "executing the program"));
    CHECK(spawn_in(22, "/no/such/directory", (const char *[]){"/bin/true", NULL}, NULL, 0) == 0);
    until(&told.failed, 2);
    CHECK(told.id == 22 && told.code == -ENOENT && !strcmp(told.stage, "entering the directory"));
    spawn(23, (const char *[]){"/etc/passwd", NULL});
    until(&told.failed, 3);
    CHECK(told.id == 23 && told.code == -EACCES);
    CHECK(told.spawned == 0 && told.exited == 0);
    /* It goes on. */
    spawn(24, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 1);
    CHECK(told.id == 24);
    finish();
}

static void surroundings(void)
{
    start();
    int out = script(31, "echo \"$GREETING $#\"; pwd; ls /proc/self/fd | wc -l; trap");
    CHECK(!strcmp(line(out), "hello 0") && !strcmp(line(out), "/"));
    CHECK(!strcmp(line(out), "4")); /* 0, 1, 2, and the one that ls reads with */
    until(&told.exited, 1);
    ended(out);
    /* A session of its own, no blocked and no ignored signals, whatever the host has. */
    signal(SIGPIPE, SIG_IGN);
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    finish();
    start();
    sigprocmask(SIG_SETMASK, &before, NULL);
    out = script(32, "grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o sid= -p $$; echo $$");
    CHECK(!strcmp(line(out), "SigBlk:\t0000000000000000"));
    /* But for 32 and 33, the C library's own, which no program can set. */
    CHECK((strtoull(line(out) + strlen("SigIgn:\t"), NULL, 16) & ~UINT64_C(0x180000000)) == 0);
    int sid = atoi(line(out));
    CHECK(sid > 0 && sid == atoi(line(out)));
    ended(out);
    signal(SIGPIPE, SIG_DFL);
    finish();
}

/* Signals reach the whole group, and those that have ended are no failure. */
static void signals(void)
{
    start();
    int out = script(41, "trap 'echo parent; exit 3' INT; (trap 'echo child; exit' INT; echo ready; "
                         "while :; do sleep 0.05; done) & echo ready; while :; do wait; done");
    CHECK(!strcmp(line(out), "ready") && !strcmp(line(out), "ready"));
    CHECK(keeper_signal(&keeper, 41, SIGUSR2 + 1000) == 0); /* no signal: ignored */
    CHECK(keeper_signal(&keeper, 99, SIGKILL) == 0);        /* no process: ignored */
    /* A background process of a non-interactive shell ignores SIGINT unless it says otherwise, as ours does.
     */
    CHECK(keeper_signal(&keeper, 41, SIGINT) == 0);
    until(&told.exited, 1);
    CHECK(told.id == 41 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 3);
    CHECK(keeper_signal(&keeper, 41, SIGINT) == 0);
    ended(out);
    finish();
}

/* As when a terminal closes: the group of a process that has ended is told, what was detached stays. */
static void hangup(void)
{
    start();
    int out = script(51, "(sleep 300) & echo ready; exit 0");
    CHECK(!strcmp(line(out), "ready"));
    until(&told.exited, 1);
    ended(out);
    CHECK(told.exited == 1);
    finish();
}

/* --- the end of all -------------------------------------------------------------------------------- */

static void clean_end(void)
{
    start();
    CHECK(keeper_end(&keeper, 20000) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 0 && told.failed == 0);
    finish();
    /* The processes have the grace time, and what it takes of it is told. */
    start();
    int out = script(61, "echo ready; read line; exit 5");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 20000) == 0); /* its input is /dev/null */
    until(&told.gone, 1);
    CHECK(told.exited == 1 && WIFEXITED(told.end.status));
    ended(out);
    finish();
}

static void killed_after_grace(void)
{
    start();
    int out = script(62, "trap '' INT TERM HUP; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready"));
    int64_t then = loop_now_ns();
    CHECK(keeper_end(&keeper, 150) == 0 && keeper_end(&keeper, 60000) == 0); /* the first counts */
    until(&told.gone, 1);
    int64_t took_ms = (loop_now_ns() - then) / 1000000;
    CHECK(took_ms >= 150 && took_ms < 15000);
    CHECK(told.exited == 1 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGKILL);
    ended(out);
    finish();
}

/* After keeper_end the library may go: the grace time is still granted, and the kill still comes. */
static void grace_without_us(void)
{
    start();
    int out = script(63, "trap '' HUP; echo ready; sleep 0.3; echo done");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 20000) == 0);
    finish();
    CHECK(!strcmp(line(out), "done"));
    ended(out);
    start();
    out = script(64, "trap '' HUP; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_end(&keeper, 100) == 0);
    finish();
    ended(out);
}

/* Without keeper_end everything goes, also what left the group and the session, or ignores what it can. */
static void everything_goes(void)
{
    start();
    int out =
        script(71, "trap '' INT TERM HUP; nohup setsid sh -c 'trap \"\" HUP TERM; echo ready; sleep 300' & "
                   "(setsid sleep 300 &) ; echo ready; while :; do sleep 1; done");
    CHECK(!strcmp(line(out), "ready") && !strcmp(line(out), "ready"));
    CHECK(alive((pid_t)told.pid));
    finish();
    ended(out);
    CHECK(!alive((pid_t)told.pid) && told.gone == 0);
}

/* What the user detached survives an end in order, as it does when a terminal closes. */
static void nohup_stays(void)
{
    start();
    int out =
        script(72, "nohup sleep 300 & echo $!; until grep -q sleep /proc/$!/comm; do :; done; echo ready");
    pid_t detached = (pid_t)atoi(line(out));
    CHECK(detached > 0 && !strcmp(line(out), "ready"));
    until(&told.exited, 1);
    CHECK(keeper_end(&keeper, 5000) == 0);
    until(&told.gone, 1);
    finish();
    int stays = alive(detached);
    kill(detached, SIGKILL);
    CHECK(stays);
    ended(out);
}

/* --- inherited processes --------------------------------------------------------------------------- */

/* Start a shell that leaves a process to the keeper: the text, which does not mind that the shell ends. Its
 * number. */
static pid_t inherited(uint64_t id, const char *text, int *out)
{
    char whole[512];
    int exited = told.exited;
    snprintf(whole, sizeof whole, "trap '' HUP; setsid sh -c 'echo $$; %s' & exit 0", text);
    *out = script(id, whole);
    pid_t pid = (pid_t)atoi(line(*out));
    until(&told.exited, exited + 1);
    CHECK(pid > 0 && told.id == id);
    return pid;
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    CHECK(stat && fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) == 1);
    fclose(stat);
    return (pid_t)parent;
}

/* It is signalled, told of and reaped as one that the keeper has started. */
static void adopted(void)
{
    int out;
    start();
    pid_t pid = inherited(91, "trap \"exit 6\" USR1; echo ready; while :; do sleep 0.05; done", &out);
    CHECK(!strcmp(line(out), "ready"));
    CHECK(keeper_adopt(&keeper, 92, (uint32_t)pid) == 0);
    CHECK(keeper_signal(&keeper, 92, SIGUSR1) == 0);
    until(&told.exited, 2);
    CHECK(told.id == 92 && WIFEXITED(told.end.status) && WEXITSTATUS(told.end.status) == 6);
    CHECK(told.end.peak_rss_kib > 0 && told.failed == 0);
    ended(out);
    /* How it ended by a signal, too. */
    pid = inherited(93, "while :; do sleep 1; done", &out);
    int exited = told.exited;
    CHECK(keeper_adopt(&keeper, 94, (uint32_t)pid) == 0 && keeper_signal(&keeper, 94, SIGKILL) == 0);
    until(&told.exited, exited + 1);
    CHECK(told.id == 94 && WIFSIGNALED(told.end.status) && WTERMSIG(told.end.status) == SIGKILL);
    ended(out);
    finish();
}

/* One that nobody adopts is reaped all the same, without a word. */
static void not_adopted(void)
{
    int out;
    start();
    pid_t pid = inherited(95, "echo ready", &out);
    CHECK(!strcmp(line(out), "ready"));
    ended(out);
    while (alive(pid)) /* the limit of the test ends this */
        poll(NULL, 0, 1);
    spawn(96, (const char *[]){"/bin/true", NULL});
    until(&told.exited, 2);
    CHECK(told.id == 96 && told.failed == 0);
    /* It has gone, and cannot be adopted. */
    CHECK(keeper_adopt(&keeper, 97, (uint32_t)pid) == 0);
    until(&told.failed, 1);
    CHECK(told.id == 97 && told.code == -ESRCH && !strcmp(told.stage, "adopting a process"));
    finish();
}

/* What is no child of the keeper's, or known to it already, is refused. */
static void not_to_adopt(void)
{
    uint32_t strangers[] = {0, 1, (uint32_t)getpid(), INT32_MAX, UINT32_MAX, (uint32_t)INT32_MAX + 1};
    start();
    int out = script(98, "sleep 300 & echo $!; wait");
    uint32_t grandchild = (uint32_t)atoi(line(out)), child = told.pid;
    int failed = 0;
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        CHECK(keeper_adopt(&keeper, 200 + i, strangers[i]) == 0);
        until(&told.failed, ++failed);
        CHECK(told.id == 200 + i && told.code == -ESRCH);
    }
    CHECK(keeper_adopt(&keeper, 210, grandchild) == 0);
    until(&told.failed, ++failed);
    CHECK(told.id == 210 && told.code == -ESRCH && parent_of((pid_t)grandchild) == (pid_t)child);
    CHECK(keeper_adopt(&keeper, 211, (uint32_t)parent_of((pid_t)child)) == 0); /* the keeper itself */
    until(&told.failed, ++failed);
    CHECK(told.id == 211 && told.code == -ESRCH);
    /* Under a second name its end would be told of once, and the keeper would wait for the other for ever. */
    CHECK(keeper_adopt(&keeper, 212, child) == 0);
    until(&told.failed, ++failed);
    CHECK(told.id == 212 && told.code == -EEXIST);
    CHECK(keeper_signal(&keeper, 98, SIGKILL) == 0);
    until(&told.exited, 1);
    CHECK(told.id == 98);
    ended(out);
    CHECK(keeper_end(&keeper, 60000) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 1);
    finish();
}

/* More than there is room for: the last are refused, and the others are not forgotten. */
static void too_many_to_adopt(void)
{
    int out;
    start();
    pid_t pid = inherited(300, "echo ready; read line; while :; do sleep 1; done", &out);
    CHECK(!strcmp(line(out), "ready"));
    for (uint64_t id = 301; id < 301 + 64; id++)
        spawn(id, (const char *[]){"/bin/sleep", "300", NULL});
    until(&told.spawned, 65);
    CHECK(keeper_adopt(&keeper, 400, (uint32_t)pid) == 0);
    until(&told.failed, 1);
    CHECK(told.id == 400 && told.code == -EAGAIN);
    CHECK(keeper_signal(&keeper, 301, SIGKILL) == 0);
    until(&told.exited, 2);
    CHECK(keeper_adopt(&keeper, 401, (uint32_t)pid) == 0 && keeper_signal(&keeper, 401, SIGKILL) == 0);
    until(&told.exited, 3);
    CHECK(told.id == 401 && told.failed == 1);
    finish();
    ended(out);
}

/* An adopted one is part of the end: waited for, killed after the grace time, and without it at once. */
static void adopted_at_the_end(void)
{
    static const char stubborn[] = "trap \"\" INT TERM; echo ready; while :; do sleep 1; done";
    int out;
    start();
    pid_t pid = inherited(501, stubborn, &out);
    CHECK(!strcmp(line(out), "ready") && keeper_adopt(&keeper, 502, (uint32_t)pid) == 0);
    CHECK(keeper_end(&keeper, 150) == 0);
    until(&told.gone, 1);
    CHECK(told.exited == 2 && told.id == 502 && WIFSIGNALED(told.end.status));
    ended(out);
    finish();
    start();
    pid = inherited(503, stubborn, &out);
    CHECK(!strcmp(line(out), "ready") && keeper_adopt(&keeper, 504, (uint32_t)pid) == 0);
    finish();
    CHECK(!alive(pid));
    ended(out);
    /* One that is not adopted does not hold the keeper up. */
    start();
    pid = inherited(505, "trap \"\" INT TERM; echo ready; sleep 300", &out);
    CHECK(!strcmp(line(out), "ready") && keeper_end(&keeper, 60000) == 0);
    until(&told.gone, 1);
    CHECK(alive(pid) && kill(-pid, SIGKILL) == 0);
    ended(out);
    finish();
}

/* --- the host does not notice ---------------------------------------------------------------------- */

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
    test_limit(120);
    snprintf(directory, sizeof directory, "%s/lib/scorepkernel", test_tree());
    CHECK(mkdtemp(scratch) && chdir(scratch) == 0);
    int descriptors = test_descriptors();
    ends();
    failures();
    surroundings();
    signals();
    hangup();
    clean_end();
    killed_after_grace();
    grace_without_us();
    everything_goes();
    nohup_stays();
    adopted();
    not_adopted();
    not_to_adopt();
    too_many_to_adopt();
    adopted_at_the_end();
    own_children();
    ignoring_host();
    waiting_host();
    unchanged();
    no_standard_descriptors();
    no_helper();
    many();
    by_hand();
    CHECK(test_descriptors() == descriptors);
    CHECK(chdir("/") == 0 && rmdir(scratch) == 0);
    return 0;
}
