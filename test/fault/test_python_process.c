/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_python_process.c - a process that cannot be prepared leaves nothing behind; one that runs is read to its end.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "session/standby.h"
#include "process/python_process.h"

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

static void on_exited(void *owner, uint64_t id, const struct process_end *end)
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

static const struct python_process_events worker_events = {on_text, on_frame, on_lost, NULL, NULL};
static const struct keeper_events keeper_events = {on_spawned, on_failed, on_exited, on_gone, NULL};

static int spawn(struct python_process *worker, struct loop *loop, struct keeper *keeper)
{
    static const char *const environment[] = {FAKE_ENVIRONMENT, NULL};
    struct python_process_start start = {
        .python = self, .package = "/", .directory = "/", .environment = environment};
    struct spk_error error = {.size = sizeof error};
    int result = python_process_spawn(worker, loop, keeper, 9, &start, &worker_events, &told, &error);
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
    struct python_process worker = {0};
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
        CHECK(python_process_send(&worker, WORKER_EXECUTE, 3, parts, 3) == 0);
        while (!told.exited) {
            struct pollfd polled = {.fd = loop.fd, .events = POLLIN};
            CHECK(poll(&polled, 1, 10000) == 1 && loop_dispatch(&loop) == 0);
        }
        python_process_drain(&worker);
        CHECK(told.ready == 1 && !told.lost);
        CHECK(test_same(told.text, told.len, "last words\xEF\xBF\xBD"));
    }
    python_process_finish(&worker);
    python_process_finish(&worker);
    CHECK(test_descriptors() == descriptors);
    keeper_finish(&keeper);
    loop_finish(&loop);
    fault_go_on(armed);
}

/* A process that exists: its ends are here. Whatever fails, the descriptors that were given are closed. */
static void adopts(void)
{
    int pair[2], out[2], err[2], armed = fault_pause();
    struct loop loop;
    struct python_process worker = {0};
    char setup[256];
    CHECK(loop_init(&loop) == 0);
    int descriptors = test_descriptors();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
          pipe2(err, O_CLOEXEC) == 0);
    int fds[] = {pair[0], out[0], err[0]};
    fault_go_on(armed);
    int result = python_process_adopt(&worker, &loop, 9, fds, "{\"runner\":true}", &worker_events, &told);
    armed = fault_pause();
    close(out[1]);
    close(err[1]);
    if (result == 0) {
        CHECK(worker.id == 9 && test_descriptors() == descriptors + 3 + 1 + 1);
        ssize_t got = recv(pair[1], setup, sizeof setup - 1, MSG_DONTWAIT);
        CHECK(got > 28);
        setup[got] = 0;
        CHECK(strstr(setup + 28, "\"token\":\"") && strstr(setup + 28, "\"runner\":true"));
    } else {
        CHECK(result < 0 && fault_hit() && !worker.id && !worker.loop && worker.channel.fd == -1);
        CHECK(recv(pair[1], setup, sizeof setup, MSG_DONTWAIT) == 0 && test_descriptors() == descriptors + 1);
    }
    close(pair[1]);
    python_process_finish(&worker);
    CHECK(test_descriptors() == descriptors);
    loop_finish(&loop);
    fault_go_on(armed);
}

/* A descriptor goes along, or none does; the caller's stays the caller's. */
static void sends(void)
{
    int pair[2], out[2], err[2], armed = fault_pause();
    struct loop loop;
    struct python_process worker = {0};
    struct frame frame;
    struct channel there;
    struct spk_text part = {"{}", 2};
    CHECK(loop_init(&loop) == 0);
    int descriptors = test_descriptors();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
          pipe2(err, O_CLOEXEC) == 0);
    CHECK(python_process_adopt(&worker, &loop, 9, (int[]){pair[0], out[0], err[0]}, NULL, &worker_events, &told) ==
          0);
    channel_init(&there, pair[1]);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1 && frame.type == WORKER_SETUP);
    fault_go_on(armed);
    int result = python_process_send_fd(&worker, WORKER_TAKE_STATE, 3, &part, 1, out[1]);
    armed = fault_pause();
    CHECK(result == 0 || (result < 0 && fault_hit()));
    long got = channel_receive(&there);
    CHECK((got > 0) == (result == 0) && fcntl(out[1], F_GETFD) >= 0);
    if (got > 0) {
        CHECK(channel_next(&there, &frame) == 1 && frame.type == WORKER_TAKE_STATE && frame.fds == 1);
        int fd = channel_claim_fd(&there);
        CHECK(fd >= 0 && close(fd) == 0);
    }
    channel_finish(&there);
    python_process_finish(&worker);
    close(out[1]);
    close(err[1]);
    CHECK(test_descriptors() == descriptors);
    loop_finish(&loop);
    fault_go_on(armed);
}

/* Without memory what it lacks is not known, and it is a spare all the same. */
static void takes_spare(void)
{
    static const unsigned char number[4] = {5};
    struct spk_text parts[] = {{(const char *)number, 4}, {"{\"threads\":1}", 13}};
    int pair[2], armed = fault_pause();
    struct channel here, there;
    struct frame frame;
    struct standby spare = STANDBY_NONE;
    char text[512];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    channel_init(&here, pair[0]);
    channel_init(&there, pair[1]);
    CHECK(channel_send(&here, WORKER_STANDBY, 0, parts, 2, (int[]){0, 1, 2}, 3) == 0);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1);
    int descriptors = test_descriptors();
    fault_go_on(armed);
    CHECK(standby_take(&spare, 7, &frame, &there) == 0 && spare.id == 7 && spare.pid == 5);
    standby_explain(&spare, "was ended", text, sizeof text);
    armed = fault_pause();
    CHECK(strstr(text, "which was ended. The session goes on"));
    CHECK(fault_hit() || strstr(text, "1 thread. "));
    standby_drop(&spare);
    CHECK(test_descriptors() == descriptors - 3);
    channel_finish(&here);
    channel_finish(&there);
    fault_go_on(armed);
}

int main(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(120);
    snprintf(directory, sizeof directory, "%s/lib/scorepkernel", test_tree());
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    fault_each(spawns, 1);
    fault_each(adopts, 1);
    fault_each(sends, 1);
    fault_each(takes_spare, 1);
    return 0;
}
