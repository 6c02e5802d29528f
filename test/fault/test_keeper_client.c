/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_keeper_client.c - a keeper that cannot be started leaves no trace; one that cannot be spoken to says so.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "process/keeper_client.h"

#include "fault.h"

#include <poll.h>

static struct {
    int spawned, failed, exited, gone;
} told;

static void on_spawned(void *owner, uint64_t id, uint32_t pid)
{
    (void)owner;
    CHECK(id == 5 && pid > 0);
    told.spawned++;
}

static void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    (void)owner;
    (void)stage;
    CHECK(id == 5 && code < 0);
    told.failed++;
}

static void on_exited(void *owner, uint64_t id, const struct process_end *end)
{
    (void)owner;
    CHECK(id == 5 && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 7);
    told.exited++;
}

static void on_gone(void *owner)
{
    (void)owner;
    told.gone++;
}

static const struct keeper_events events = {on_spawned, on_failed, on_exited, on_gone, NULL};
static char directory[4096];

/* A process from its start to its end. Whatever fails, either a call says so or all is told. */
static void live(void)
{
    struct loop loop = {.fd = -1};
    struct keeper keeper;
    struct spk_error error = {.size = sizeof error};
    static const char *const argv[] = {"/bin/sh", "-c", "exit 7", NULL}, *const environment[] = {"A=b", NULL};
    int fds[] = {0, 1, 2};
    struct keeper_spawn spawn = {argv[0], "/", argv, environment, fds, 3};
    memset(&told, 0, sizeof told);
    if (loop_init(&loop) != 0) {
        CHECK(fault_hit());
        return;
    }
    int result = keeper_start(&keeper, &loop, directory, &events, NULL, &error);
    CHECK(result == 0 || (fault_hit() && result < 0 && error.code == result && *error.text));
    CHECK(result == 0 || (keeper.channel.fd == -1 && !keeper.source.watched));
    if (result == 0) {
        result = keeper_spawn(&keeper, 5, &spawn);
        CHECK(result == 0 || (result < 0 && fault_hit()));
    }
    /* Once asked for, it is started and ends, or the keeper is gone; not twice, and not both. */
    for (int64_t until = loop_now_ns() + INT64_C(10000000000); result == 0 && !told.exited && !told.gone;) {
        struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
        CHECK(loop_now_ns() < until && poll(&polled, 1, 10000) == 1);
        CHECK(loop_dispatch(&loop) == 0 || fault_hit());
    }
    CHECK(told.failed == 0 && told.spawned <= 1 && told.exited <= told.spawned &&
          (!told.gone || fault_hit()));
    keeper_finish(&keeper);
    CHECK(keeper.channel.fd == -1);
    loop_finish(&loop);
}

/* A process that was left to the keeper: adopting it fails, or its end is told. */
static void live_adopted(void)
{
    struct loop loop = {.fd = -1};
    struct keeper keeper;
    static const char *const argv[] =
        {"/bin/sh", "-c", "trap '' HUP; (trap '' HUP; read line; exit 7) <&3 3<&- & echo $!; exit 7", NULL},
                             *const environment[] = {"A=b", NULL};
    int in[2], out[2], armed = fault_pause(), result;
    char text[16] = "";
    memset(&told, 0, sizeof told);
    CHECK(loop_init(&loop) == 0 && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    CHECK(keeper_start(&keeper, &loop, directory, &events, NULL, NULL) == 0);
    struct keeper_spawn spawn = {argv[0], "/", argv, environment, (int[]){in[0], out[1], out[1], in[0]}, 4};
    CHECK(keeper_spawn(&keeper, 5, &spawn) == 0);
    while (!told.exited) {
        struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
        CHECK(poll(&polled, 1, 10000) == 1 && loop_dispatch(&loop) == 0);
    }
    CHECK(read(out[0], text, sizeof text - 1) > 0 && atoi(text) > 0);
    memset(&told, 0, sizeof told);
    fault_go_on(armed);
    result = keeper_adopt(&keeper, 5, (uint32_t)atoi(text));
    CHECK(result == 0 || (result < 0 && fault_hit()));
    armed = fault_pause();
    CHECK(write(in[1], "\n", 1) == 1); /* now it ends */
    fault_go_on(armed);
    for (int64_t until = loop_now_ns() + INT64_C(10000000000); result == 0 && !told.exited && !told.gone;) {
        struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
        CHECK(loop_now_ns() < until && poll(&polled, 1, 10000) == 1);
        CHECK(loop_dispatch(&loop) == 0 || fault_hit());
    }
    CHECK(!told.failed && !told.spawned && told.exited <= 1 && (!told.gone || fault_hit()));
    keeper_finish(&keeper);
    loop_finish(&loop);
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
}

int main(void)
{
    test_limit(120);
    snprintf(directory, sizeof directory, "%s/lib/scorepkernel", test_tree());
    fault_each(live, 0);
    fault_each(live_adopted, 0);
    return 0;
}
