/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_events.h - the real keeper, from the build's tree, and what it told: what the tests of it share.
 */
#ifndef KEEPER_TOLD_H
#define KEEPER_TOLD_H

#include "process/keeper_client.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

/* What the keeper told. */
static struct {
    int spawned, failed, exited, gone;
    uint32_t pid;
    uint64_t id;
    int code;
    char stage[64];
    struct process_end end;
} told;

static struct loop loop;
static struct keeper keeper;
static char directory[4096];

static inline void on_spawned(void *owner, uint64_t id, uint32_t pid)
{
    CHECK(owner == &told);
    told.spawned++;
    told.id = id;
    told.pid = pid;
}

static inline void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    CHECK(owner == &told);
    told.failed++;
    told.id = id;
    told.code = code;
    snprintf(told.stage, sizeof told.stage, "%.*s", (int)stage.len, stage.data);
}

static inline void on_exited(void *owner, uint64_t id, const struct process_end *end)
{
    CHECK(owner == &told);
    told.exited++;
    told.id = id;
    told.end = *end;
}

static inline void on_gone(void *owner)
{
    CHECK(owner == &told && keeper.channel.fd == -1);
    told.gone++;
}

static const struct keeper_events events = {on_spawned, on_failed, on_exited, on_gone, NULL};

static inline void start(void)
{
    struct spk_error error = {.size = sizeof error};
    memset(&told, 0, sizeof told);
    CHECK(loop_init(&loop) == 0);
    if (keeper_start(&keeper, &loop, directory, &events, &told, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
}

static inline void finish(void)
{
    keeper_finish(&keeper);
    keeper_finish(&keeper);
    loop_finish(&loop);
}

/* Let the keeper speak until it has said so much. */
static inline void until(const int *count, int wanted)
{
    while (*count < wanted) {
        struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
        CHECK(poll(&polled, 1, 20000) == 1);
        CHECK(loop_dispatch(&loop) == 0);
    }
}

static inline int spawn_in(uint64_t id, const char *where, const char *const *argv, const int *fds,
                           size_t fd_count)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "GREETING=hello", NULL};
    struct keeper_spawn spawn = {argv[0], where, argv, environment, fds, fd_count};
    return keeper_spawn(&keeper, id, &spawn);
}

static inline void spawn(uint64_t id, const char *const *argv)
{
    CHECK(spawn_in(id, "/", argv, NULL, 0) == 0);
}

/* Start a shell script and wait until it runs. Returns a descriptor that reads what it writes; its end of
 * file says that it and all that it started have ended. */
static inline int script(uint64_t id, const char *text)
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
static inline const char *line(int fd)
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
static inline void ended(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char rest[256];
    do
        CHECK(poll(&polled, 1, 20000) == 1);
    while (read(fd, rest, sizeof rest) > 0);
    close(fd);
}

static inline int alive(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    if (!stat)
        return 0;
    int there = fscanf(stat, "%*d (%*[^)]) %c", &state) == 1; /* or it has been reaped since it was opened */
    fclose(stat);
    return there && state != 'Z' && state != 'X';
}

/* Run the tests in a directory of their own; each has let go of all that it opened. NULL closes them. */
static inline int run_each(void (*const *tests)(void))
{
    char scratch[] = "/tmp/spk-test-keeper-XXXXXX";
    test_limit(120);
    snprintf(directory, sizeof directory, "%s/lib/scorepkernel", test_tree());
    CHECK(mkdtemp(scratch) && chdir(scratch) == 0);
    int descriptors = test_descriptors();
    for (; *tests; tests++) {
        (*tests)();
        CHECK(test_descriptors() == descriptors);
    }
    CHECK(chdir("/") == 0 && rmdir(scratch) == 0);
    return 0;
}

#endif
