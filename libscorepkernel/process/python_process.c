/* SPDX-License-Identifier: BSD-3-Clause
 *
 * python_process.c - one Python process as the library sees it. Owns the socket and the two pipes to it, and
 * the order of what comes out of them; its life and death are the keeper's, what its frames mean is the
 * session's.
 */
#include "process/python_process.h"

#include "base/failure.h"
#include "base/json_bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PIPE_READ_LEN ((size_t)64 << 10)
/* A writer that gets far ahead saves both sides many changes of context. */
#define PIPE_WISHED_LEN (1 << 20)
/* A process that ends closes its socket first. It has this long to end before it counts as cut off. */
#define CLOSED_PATIENCE_NS ((int64_t)1000 * 1000 * 1000)

/* Understood by any Python, so that an old one can be told from a broken one. The package is imported by
 * path, and leaves nothing behind on sys.path. */
static const char bootstrap[] =
    "import sys\n"
    "if sys.version_info < (3, 9):\n"
    "    sys.exit('the kernel needs Python 3.9 or newer; this is %s, version %s' % (sys.executable, "
    "sys.version.split()[0]))\n"
    "sys.path.insert(0, sys.argv.pop(1))\n"
    "import spk_worker\n"
    "del sys.path[0]\n"
    "spk_worker.main()\n";

static void arm(struct python_process *worker)
{
    struct itimerspec when = {{0}, {0}};
    int64_t now = loop_now_ns(), due = output_pace_due(&worker->output.stream, now);
    if (worker->closed_ns && (due < 0 || worker->closed_ns - now < due))
        due = worker->closed_ns > now ? worker->closed_ns - now : 0;
    if (due < 0)
        return;
    when.it_value.tv_sec = due / 1000000000;
    when.it_value.tv_nsec = due ? due % 1000000000 : 1;
    (void)timerfd_settime(worker->timer.fd, 0, &when, NULL); /* fails for bad arguments only */
}

/* Read one pipe once. >0: got something; 0: nothing there. */
static int read_pipe(struct python_process *worker, uint32_t which)
{
    static const size_t len = PIPE_READ_LEN;
    struct source *pipe = &worker->pipes[which - SPK_STDOUT];
    struct buffer *bytes = output_order_unread(&worker->output, which);
    unsigned char *room = pipe->fd >= 0 ? buffer_room(bytes, len) : NULL;
    ssize_t got;
    if (!room)
        return 0;
    do
        got = read(pipe->fd, room, len);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        if (which == SPK_STDERR)
            last_words_add(&worker->errors, room, (size_t)got);
        buffer_grown(bytes, (size_t)got);
        return 1;
    }
    if (got == 0) {
        loop_forget(worker->loop, pipe);
        close(pipe->fd);
        pipe->fd = -1;
    }
    return 0;
}

static void on_pipe(struct python_process *worker, uint32_t which)
{
    if (read_pipe(worker, which))
        /* Without memory the bytes stay in their pipes and are tried again with the next ones. */
        (void)output_order_pump(&worker->output, 0);
    arm(worker);
}

static void on_stdout(void *owner, unsigned events)
{
    (void)events;
    on_pipe(owner, SPK_STDOUT);
}

static void on_stderr(void *owner, unsigned events)
{
    (void)events;
    on_pipe(owner, SPK_STDERR);
}

static void on_timer(void *owner, unsigned events)
{
    struct python_process *worker = owner;
    uint64_t expired;
    (void)events;
    (void)!read(worker->timer.fd, &expired, sizeof expired);
    if (worker->closed_ns && loop_now_ns() >= worker->closed_ns) {
        worker->closed_ns = 0;
        worker->events->closed(worker->owner);
    }
    if (worker->timer.fd >= 0) /* the owner may have finished the process in the callback */
        arm(worker);
}

/* Hand on what was written before the frame, then the frame. Its marks were written before it was sent, so
 * they are in the pipes already: if they are not to be found, the user's code closed our descriptors. */
static void on_frame(struct python_process *worker, struct frame *frame)
{
    if (frame->barrier) {
        for (;;) {
            if (output_order_pump(&worker->output, 0) != 0 ||
                output_order_reached(&worker->output, frame->barrier))
                break;
            int got = read_pipe(worker, SPK_STDOUT);
            if (!(read_pipe(worker, SPK_STDERR) || got))
                break;
        }
        /* At a cell's end, half a character is all that there will be of it. */
        output_pace_flush(&worker->output.stream, frame->type == WORKER_REPLY);
        output_order_frame_done(&worker->output, frame->barrier);
    }
    worker->events->frame(worker->owner, frame);
    if (frame->barrier)
        (void)output_order_pump(&worker->output, 0); /* as in on_pipe */
}

static void read_frames(struct python_process *worker, long *got)
{
    struct frame frame;
    int more = 0;
    *got = channel_receive(&worker->channel);
    while (*got > 0 && worker->channel.fd >= 0 && (more = channel_next(&worker->channel, &frame)) > 0)
        on_frame(worker, &frame);
    if (more < 0)
        *got = more;
}

static void on_socket(void *owner, unsigned events)
{
    struct python_process *worker = owner;
    long got = -EAGAIN;
    if (events & LOOP_WRITE && channel_flush(&worker->channel) == 0)
        (void)loop_watch(worker->loop, &worker->socket, LOOP_READ); /* MOD of a watched descriptor */
    if (events & LOOP_READ)
        read_frames(worker, &got);
    if (worker->channel.fd < 0)
        return;
    arm(worker);
    if (got > 0 || got == -EAGAIN)
        return;
    if (got == -ECONNRESET || got == -EPIPE)
        got = 0; /* the process ended before it had read everything */
    loop_forget(worker->loop, &worker->socket);
    /* A process whose socket is closed is ending, and the keeper tells; or its own code closed the socket. */
    if (got == 0 && worker->events->closed) {
        worker->closed_ns = loop_now_ns() + CLOSED_PATIENCE_NS;
        arm(worker);
    }
    if (got < 0)
        worker->events->lost(worker->owner);
}

static int make_token(char token[MARK_TOKEN_LEN])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[MARK_TOKEN_LEN];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        token[i] = digits[bytes[i] & 63];
    return 0;
}

/* Make the three channels and the timer. ends: the descriptors for the process, which the caller closes; -1
 * if not made. */
static int make_channels(struct python_process *worker, int ends[4])
{
    int pair[2];
    ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (ends[0] < 0 || make_token(worker->output.token) != 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        if (pipe2(pair, O_CLOEXEC) != 0)
            return -errno;
        worker->pipes[i].fd = pair[0];
        ends[1 + i] = pair[1];
        if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
            return -errno;
        (void)fcntl(pair[0], F_SETPIPE_SZ, PIPE_WISHED_LEN); /* the default will do */
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -errno;
    channel_init(&worker->channel, pair[0]);
    channel_set_trace(&worker->channel, worker->events->trace, worker->owner);
    ends[3] = pair[1];
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
        return -errno;
    worker->socket.fd = pair[0];
    worker->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return worker->timer.fd < 0 ? -errno : 0;
}

static int watch_all(struct python_process *worker)
{
    static void (*const pipe_ready[])(void *, unsigned) = {on_stdout, on_stderr};
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        worker->pipes[i].ready = pipe_ready[i];
        worker->pipes[i].owner = worker;
        result = loop_watch(worker->loop, &worker->pipes[i], LOOP_READ);
    }
    worker->timer.ready = on_timer;
    worker->socket.ready = on_socket;
    worker->timer.owner = worker->socket.owner = worker;
    if (result == 0)
        result = loop_watch(worker->loop, &worker->timer, LOOP_READ);
    return result == 0 ? loop_watch(worker->loop, &worker->socket, LOOP_READ) : result;
}

static int send_setup(struct python_process *worker, const char *setup)
{
    size_t len = 0;
    struct json *object = setup ? json_parse(setup, strlen(setup)) : json_object();
    int result = json_set_text(object, "token", worker->output.token, MARK_TOKEN_LEN);
    char *text = result == 0 ? json_print(object, &len) : NULL;
    json_free(object);
    if (text)
        result = python_process_send(worker, WORKER_SETUP, 0, &(struct spk_text){text, len}, 1);
    else if (result == 0)
        result = -ENOMEM;
    free(text);
    return result;
}

static struct python_process without_channels(struct loop *loop, uint64_t id,
                                              const struct python_process_events *events, void *owner)
{
    return (struct python_process){
        .id = id,
        .loop = loop,
        .channel = CHANNEL_CLOSED,
        .socket.fd = -1,
        .pipes = {{.fd = -1}, {.fd = -1}},
        .timer.fd = -1,
        .output.stream = {.write = events->text, .owner = owner},
        .events = events,
        .owner = owner,
    };
}

int python_process_adopt(struct python_process *worker, struct loop *loop, uint64_t id, const int fds[3],
                         const char *setup, const struct python_process_events *events, void *owner)
{
    *worker = without_channels(loop, id, events, owner);
    channel_init(&worker->channel, fds[0]);
    channel_set_trace(&worker->channel, events->trace, owner);
    worker->socket.fd = fds[0];
    for (int i = 0; i < 2; i++)
        worker->pipes[i].fd = fds[1 + i];
    int result = make_token(worker->output.token);
    for (int i = 0; i < 3 && result == 0; i++)
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0)
            result = -errno;
    if (result == 0) {
        worker->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        result = worker->timer.fd < 0 ? -errno : watch_all(worker);
    }
    if (result == 0)
        result = send_setup(worker, setup);
    if (result != 0)
        python_process_finish(worker);
    return result;
}

int python_process_open(struct python_process *worker, struct loop *loop, uint64_t id, int ends[4],
                        const char *setup, const struct python_process_events *events, void *owner)
{
    *worker = without_channels(loop, id, events, owner);
    int result = make_channels(worker, ends);
    if (result == 0)
        result = watch_all(worker);
    return result == 0 ? send_setup(worker, setup) : result;
}

int python_process_spawn(struct python_process *worker, struct loop *loop, struct keeper *keeper, uint64_t id,
                         const struct python_process_start *start, const struct python_process_events *events,
                         void *owner, struct spk_error *error)
{
    int ends[4] = {-1, -1, -1, -1};
    const char *usual[] = {start->python, "-c", bootstrap, start->package, NULL};
    const char *const *argv = start->argv ? start->argv : usual;
    struct keeper_spawn spawn = {argv[0], start->directory, argv, start->environment, ends, 4};
    int result = python_process_open(worker, loop, id, ends, start->setup, events, owner);
    if (result == 0)
        result = keeper_spawn(keeper, id, &spawn);
    for (int i = 0; i < 4; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    if (result == 0)
        return 0;
    python_process_finish(worker);
    return failure_set(error, result,
                       "The Python process could not be prepared: %s. Check the limits on descriptors and "
                       "processes (ulimit -n, ulimit -u).",
                       failure_text(-result));
}

int python_process_send(struct python_process *worker, uint16_t type, uint64_t request,
                        const struct spk_text *parts, size_t count)
{
    return python_process_send_fd(worker, type, request, parts, count, -1);
}

static int watch_sent(struct python_process *worker, int result)
{
    if (result == 0 && worker->channel.out.len)
        result = loop_watch(worker->loop, &worker->socket, LOOP_READ | LOOP_WRITE);
    return result;
}

int python_process_send_fd(struct python_process *worker, uint16_t type, uint64_t request,
                           const struct spk_text *parts, size_t count, int fd)
{
    return watch_sent(worker,
                      channel_send(&worker->channel, type, request, parts, count, &fd, fd >= 0 ? 1 : 0));
}

int python_process_forward(struct python_process *worker, uint16_t type, uint64_t request,
                           struct spk_text payload)
{
    return watch_sent(worker, channel_forward(&worker->channel, type, request, payload));
}

void python_process_drain(struct python_process *worker)
{
    uint64_t id = worker->id;
    long got = 1;
    while (got > 0 && worker->id == id && worker->channel.fd >= 0)
        read_frames(worker, &got);
    if (worker->id != id)
        return; /* a frame made the owner finish this process, and worker may be another one by now */
    /* Bounded, since a child that outlived the process may go on writing. */
    for (int i = 0; i < 64 && read_pipe(worker, SPK_STDOUT) + read_pipe(worker, SPK_STDERR); i++) {
        (void)output_order_pump(&worker->output,
                                0); /* what memory does not suffice for is lost with the process */
        if (worker->id != id)
            return; /* what came out of order may have done the same */
    }
    (void)output_order_pump(&worker->output, 1);
    if (worker->id == id)
        output_pace_flush(&worker->output.stream, 1);
}

void python_process_finish(struct python_process *worker)
{
    struct source *sources[] = {&worker->socket, &worker->pipes[0], &worker->pipes[1], &worker->timer};
    if (!worker->loop)
        return;
    for (size_t i = 0; i < 4; i++) {
        loop_forget(worker->loop, sources[i]);
        if (sources[i]->fd >= 0 && sources[i] != &worker->socket) /* the channel closes that one */
            close(sources[i]->fd);
        sources[i]->fd = -1;
    }
    channel_finish(&worker->channel);
    output_order_finish(&worker->output);
    worker->id = 0;
    worker->loop = NULL;
}
