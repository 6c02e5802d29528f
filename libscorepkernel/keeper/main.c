/* SPDX-License-Identifier: BSD-3-Clause
 *
 * main.c - scorepkernel-keeper, the parent of a session's Python processes.
 *
 * The library must not wait for processes inside somebody else's program, and cannot clean up after its host
 * was killed. So it starts one keeper for each session: a subreaper that starts, signals and reaps the
 * session's processes, tells how each ended, and ends them when the library's socket closes, however the host
 * ended. It speaks wire/keeper_protocol.h on descriptor KEEPER_FD, and nothing to anybody else.
 */
#include "keeper/children.h"
#include "wire/channel.h"
#include "wire/keeper_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_STRINGS 65536

struct keeper {
    struct channel channel;
    struct children children;
    int signals;      /* signalfd of SIGCHLD */
    int ending;       /* the library said KEEPER_END */
    int64_t deadline; /* in ms of CLOCK_MONOTONIC, when ending */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(struct keeper *keeper, uint16_t type, uint64_t id, const struct spk_text *parts,
                 size_t count)
{
    /* A failure means that the library has closed its socket, which the loop notices when it reads. */
    (void)channel_send(&keeper->channel, type, id, parts, count, NULL, 0);
}

static void tell_failed(struct keeper *keeper, uint64_t id, int code, const char *stage)
{
    unsigned char number[4];
    frame_put_u32(number, (uint32_t)-code);
    struct spk_text parts[] = {{(const char *)number, 4}, {stage, strlen(stage)}};
    tell(keeper, KEEPER_FAILED, id, parts, 2);
}

/* How many parts are left in a frame; -EPROTO when it is malformed. */
static long count_parts(struct frame frame)
{
    struct spk_text part;
    long count = 0;
    int more;
    while ((more = frame_next_part(&frame, &part)) > 0)
        count++;
    return more < 0 ? more : count;
}

/* The frame's parts as C strings, in one block at *block; the vector ends with NULL. */
static char **strings_of(struct frame *frame, char **block, size_t *count)
{
    long found = count_parts(*frame);
    if (found < 0 || found > MAX_STRINGS)
        return NULL;
    char **strings = calloc((size_t)found + 1, sizeof *strings);
    char *at = *block = malloc(frame->len + 1);
    if (!strings || !at) {
        free(strings);
        return NULL;
    }
    struct spk_text part;
    for (*count = 0; frame_next_part(frame, &part) > 0; ++*count) {
        /* Each part had a four-byte length before it, so its NUL always has room. */
        memcpy(at, part.data, part.len);
        at[part.len] = 0;
        strings[*count] = at;
        at += part.len + 1;
    }
    return strings;
}

/* Start what a KEEPER_SPAWN frame asks for. 0 or a negative errno with *stage set. */
static int spawn_from(struct keeper *keeper, struct frame *frame, const int *fds, size_t fd_count,
                      const char **stage)
{
    char *block = NULL, **strings = NULL;
    char **argv = NULL;
    size_t count = 0;
    struct spk_text program, directory, argc_part;
    int result = -EPROTO;
    *stage = "reading the request";
    if (frame_next_part(frame, &program) != 1 || frame_next_part(frame, &directory) != 1 ||
        frame_next_part(frame, &argc_part) != 1)
        return result;
    uint32_t argc = frame_u32(argc_part, UINT32_MAX);
    char *program_text = strndup(program.data, program.len);
    char *directory_text = strndup(directory.data, directory.len);
    strings = strings_of(frame, &block, &count);
    argv = strings && argc <= count ? calloc((size_t)argc + 1, sizeof *argv) : NULL;
    if (argv && program_text && directory_text) {
        memcpy(argv, strings, argc * sizeof *argv);
        struct spawn spawn = {program_text, directory_text, argv, strings + argc, fds, fd_count};
        result = children_spawn(&keeper->children, frame->request, &spawn, stage);
    }
    free(argv);
    free(strings);
    free(block);
    free(program_text);
    free(directory_text);
    return result;
}

static void on_spawn(struct keeper *keeper, struct frame *frame)
{
    int fds[FRAME_MAX_FDS];
    size_t fd_count = 0;
    const char *stage;
    for (size_t i = 0; i < frame->fds; i++)
        if ((fds[fd_count] = channel_claim_fd(&keeper->channel)) >= 0)
            fd_count++;
    int result = spawn_from(keeper, frame, fds, fd_count, &stage);
    for (size_t i = 0; i < fd_count; i++)
        close(fds[i]);
    if (result != 0) {
        tell_failed(keeper, frame->request, result, stage);
        return;
    }
    unsigned char pid[4];
    frame_put_u32(pid, (uint32_t)keeper->children.list[keeper->children.count - 1].pid);
    tell(keeper, KEEPER_SPAWNED, frame->request, &(struct spk_text){(const char *)pid, 4}, 1);
}

static void on_frame(struct keeper *keeper, struct frame *frame)
{
    struct spk_text part = {0};
    if (frame->type == KEEPER_SPAWN) {
        on_spawn(keeper, frame);
        return;
    }
    if (frame_next_part(frame, &part) != 1)
        return;
    uint32_t value = frame_u32(part, 0);
    if (frame->type == KEEPER_SIGNAL && value > 0 && value < NSIG) {
        /* A process that has just ended has nothing to be told; its end is on its way to the library. */
        (void)children_signal(&keeper->children, frame->request, (int)value);
    } else if (frame->type == KEEPER_ADOPT) {
        int result = children_adopt(&keeper->children, frame->request, (pid_t)value);
        if (result != 0)
            tell_failed(keeper, frame->request, result, "adopting a process");
    } else if (frame->type == KEEPER_END && !keeper->ending) {
        keeper->ending = 1;
        keeper->deadline = now_ms() + value;
    }
}

/* 0: go on; -1: the library has gone. */
static int read_library(struct keeper *keeper)
{
    struct frame frame;
    int more;
    long got = channel_receive(&keeper->channel);
    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return -1;
    while ((more = channel_next(&keeper->channel, &frame)) > 0)
        on_frame(keeper, &frame);
    return more;
}

static void tell_exited(struct keeper *keeper, uint64_t id, int status, const struct rusage *usage)
{
    unsigned char numbers[28];
    frame_put_u32(numbers, (uint32_t)status);
    frame_put_u64(numbers + 4,
                  (uint64_t)usage->ru_utime.tv_sec * 1000000 + (uint64_t)usage->ru_utime.tv_usec);
    frame_put_u64(numbers + 12,
                  (uint64_t)usage->ru_stime.tv_sec * 1000000 + (uint64_t)usage->ru_stime.tv_usec);
    frame_put_u64(numbers + 20, (uint64_t)usage->ru_maxrss);
    struct spk_text parts[] = {{(const char *)numbers, 4},
                               {(const char *)numbers + 4, 8},
                               {(const char *)numbers + 12, 8},
                               {(const char *)numbers + 20, 8}};
    tell(keeper, KEEPER_EXITED, id, parts, 4);
}

/* Reap those that have ended. 0: go on; -1: the library has gone. */
static int reap(struct keeper *keeper)
{
    struct signalfd_siginfo ignored;
    struct rusage usage;
    uint64_t id;
    int status, result = 0;
    while (read(keeper->signals, &ignored, sizeof ignored) == (ssize_t)sizeof ignored)
        continue;
    for (pid_t pid; (pid = children_ended());) {
        /* The process may be one that the library asked to adopt before it ended: that frame has arrived by
         * now, so read it first. */
        if (result == 0 && keeper->channel.fd >= 0)
            result = read_library(keeper);
        if (!children_reap(&keeper->children, pid, &id, &status, &usage))
            break;
        if (id)
            tell_exited(keeper, id, status, &usage);
    }
    return result;
}

/* How long poll may wait, in ms. Past the deadline, kill and look again. */
static int patience(const struct keeper *keeper)
{
    if (!keeper->ending)
        return -1;
    int64_t left = keeper->deadline - now_ms();
    if (left > 0)
        return left < INT32_MAX ? (int)left : INT32_MAX;
    children_kill(&keeper->children);
    return 100;
}

/* Wait once, and do what there is to do. 0: go on; -1: the library vanished without a word. */
static int turn(struct keeper *keeper)
{
    struct pollfd polled[] = {
        {.fd = keeper->signals, .events = POLLIN},
        {.fd = keeper->channel.fd, .events = (short)(POLLIN | (keeper->channel.out.len ? POLLOUT : 0))},
    };
    if (poll(polled, 2, patience(keeper)) < 0)
        return errno == EINTR ? 0 : -1;
    if (polled[1].revents & POLLOUT)
        (void)channel_flush(&keeper->channel); /* a socket that is closed is found by reading */
    int result = polled[0].revents ? reap(keeper) : 0;
    if (result == 0 && polled[1].revents & (POLLIN | POLLHUP | POLLERR))
        result = read_library(keeper);
    if (result == 0)
        return 0;
    /* The library waits for the end of the socket: it stays open until all is cleaned up. */
    if (!keeper->ending)
        return -1;
    /* After KEEPER_END the host may go: the rest of the grace time is still granted. */
    channel_finish(&keeper->channel);
    return 0;
}

/* Serve until the session is over. 0: ended as asked; -1: the library vanished. */
static int serve(struct keeper *keeper)
{
    int result = 0;
    while (result == 0 && !(keeper->ending && !keeper->children.count))
        result = turn(keeper);
    return result;
}

/* Away from the host: its descriptors, its terminal, its process group. */
static int detach(void)
{
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -1;
    for (int fd = 0; fd < KEEPER_FD; fd++)
        if (dup2(null, fd) < 0)
            return -1;
    if (close_range(KEEPER_FD + 1, ~0u, 0) != 0)
        for (int fd = KEEPER_FD + 1; fd < 4096; fd++)
            close(fd);
    return chdir("/");
}

int main(void)
{
    struct stat status;
    struct keeper keeper = {.signals = -1};
    sigset_t children;
    if (fstat(KEEPER_FD, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        static const char usage[] = "scorepkernel-keeper is started by libscorepkernel.so, not by hand.\n";
        (void)!write(2, usage, sizeof usage - 1);
        return 2;
    }
    if (detach() != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return 1;
    fcntl(KEEPER_FD, F_SETFD, FD_CLOEXEC);
    /* Only its socket ends the keeper: a signal to a whole process group must not orphan the session. */
    for (const int *number = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, 0}; *number; number++)
        signal(*number, SIG_IGN);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    pthread_sigmask(SIG_SETMASK, &children, NULL);
    signal(SIGCHLD, SIG_DFL);
    keeper.signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    channel_init(&keeper.channel, KEEPER_FD);
    if (keeper.signals < 0)
        return 1;
    int result = serve(&keeper);
    if (result != 0)
        children_kill_descendants();
    return result != 0;
}
