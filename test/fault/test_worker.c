/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_worker.c - a process that cannot be prepared leaves nothing behind; one that runs is read to its end.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "worker.h"

#include "fake_worker.h"
#include "fault.h"

static struct {
    int ready, exited, lost;
    char text[256];
    size_t len;
} told;

static char self[4096], directory[4200];

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    CHECK(owner == &told && request == 3 && which == SPK_STDOUT && told.len + text.len < sizeof told.text);
    memcpy(told.text + told.len, text.data, text.len);
    told.len += text.len;
}

static void on_frame(void *owner, struct frame *frame)
{
    CHECK(owner == &told);
    told.ready += frame->type == WORKER_READY;
}

static void on_lost(void *owner)
{
    CHECK(owner == &told);
    told.lost++;
}

static void on_spawned(void *owner, uint64_t id, uint32_t pid)
{
    (void)owner;
    CHECK(id == 9 && pid > 0);
}

static void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    (void)owner;
    (void)id;
    (void)code;
    (void)stage;
    CHECK(!"the process was started");
}

static void on_exited(void *owner, uint64_t id, const struct keeper_end *end)
{
    (void)owner;
    CHECK(id == 9 && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 3);
    told.exited++;
}

static void on_gone(void *owner)
{
    (void)owner;
    CHECK(!"the keeper lives");
}

static const struct worker_events worker_events = {on_text, on_frame, on_lost};
static const struct keeper_events keeper_events = {on_spawned, on_failed, on_exited, on_gone};

static int spawn(struct worker *worker, struct loop *loop, struct keeper *keeper)
{
    static const char *const environment[] = {FAKE_ENVIRONMENT, NULL};
    struct worker_start start = {
        .python = self, .package = "/", .directory = "/", .environment = environment};
    struct spk_error error = {.size = sizeof error};
    int result = worker_spawn(worker, loop, keeper, 9, &start, &worker_events, &told, &error);
    if (result != 0) {
        CHECK(fault_hit() && error.code == result && strstr(error.text, "ulimit"));
        CHECK(!worker->id && !worker->loop && worker->channel.fd == -1 && worker->socket.fd == -1);
        CHECK(worker->pipes[0].fd == -1 && worker->pipes[1].fd == -1 && worker->timer.fd == -1);
    }
    return result;
}

/* The loop and the keeper are there; only the worker's own calls fail, up to its start. */
static void spawns(void)
{
    struct loop loop;
    struct keeper keeper;
    struct worker worker = {0};
    struct spk_text parts[] = {{"{\"code\":\"last\"}", 15}, {"", 0}, {"{}", 2}};
    int armed = fault_pause();
    memset(&told, 0, sizeof told);
    CHECK(loop_init(&loop) == 0);
    CHECK(keeper_start(&keeper, &loop, directory, &keeper_events, NULL, NULL) == 0);
    int descriptors = test_descriptors();
    fault_go_on(armed);
    int result = spawn(&worker, &loop, &keeper);
    armed = fault_pause();
    if (result == 0) {
        CHECK(worker_send(&worker, WORKER_EXECUTE, 3, parts, 3) == 0);
        while (!told.exited) {
            struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
            CHECK(poll(&polled, 1, 10000) == 1 && loop_dispatch(&loop) == 0);
        }
        worker_drain(&worker);
        CHECK(told.ready == 1 && !told.lost);
        CHECK(test_same(told.text, told.len, "last words\xEF\xBF\xBD"));
    }
    worker_finish(&worker);
    worker_finish(&worker);
    CHECK(test_descriptors() == descriptors);
    keeper_finish(&keeper);
    loop_finish(&loop);
    fault_go_on(armed);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(120);
    snprintf(directory, sizeof directory, "%s/lib/scorepkernel", test_tree());
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    fault_each(spawns, 1);
    return 0;
}
