/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_client.c - the library's side of its keeper. Owns the socket to it, and its start inside the host's
 * process, which must not notice: no SIGCHLD, no zombie, no inherited lock, no handler of the host's run in
 * the child.
 */
#include "process/keeper_client.h"

#include "base/failure.h"
#include "wire/keeper_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAUNCH_STACK_LEN ((size_t)32 << 10)
#define END_MAX_MS 3000

struct launch {
    const char *program;
    int socket;
    unsigned char *stack; /* the end of the grandchild's */
    int failure;          /* errno of the child or grandchild; they share our memory */
};

/* AddressSanitizer must not look for the host's stack in functions that run on another. */
#define ON_OTHER_STACK __attribute__((no_sanitize_address))

/* In the grandchild, which borrows the host's memory until it execs: only system calls. */
ON_OTHER_STACK static int launch_grandchild(void *argument)
{
    struct launch *launch = argument;
    char *argv[] = {(char *)(uintptr_t) "scorepkernel-keeper", NULL};
    char *envp[] = {NULL};
    if (launch->socket != KEEPER_FD ? dup2(launch->socket, KEEPER_FD) == KEEPER_FD
                                    : fcntl(KEEPER_FD, F_SETFD, 0) == 0)
        execve(launch->program, argv, envp);
    launch->failure = errno;
    _exit(127);
}

/* In the child, which borrows the host's memory until it exits. It never execs: the kernel makes any child
 * that does an ordinary one, which sends SIGCHLD and is found by the host's own wait calls. */
ON_OTHER_STACK static int launch_child(void *argument)
{
    struct launch *launch = argument;
    int pid = clone(launch_grandchild, launch->stack, CLONE_VM | CLONE_VFORK, launch);
    if (pid < 0)
        launch->failure = errno;
    else if (launch->failure)
        (void)waitpid(pid, NULL, __WALL); /* it has exited */
    _exit(0);
}

/* Start the helper program with its end of the socket. Its parent is then init, or the subreaper above the
 * host (PR_SET_CHILD_SUBREAPER), which reaps it. */
static int launch_helper(struct launch *launch)
{
    sigset_t all, before;
    unsigned char *stacks = mmap(NULL, 2 * LAUNCH_STACK_LEN, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED)
        return -errno;
    launch->stack = stacks + LAUNCH_STACK_LEN;
    /* While the children run in our memory no handler of the host's may run in them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* No exit signal: the host gets no SIGCHLD, and its own wait calls do not see this child. CLONE_VFORK
     * holds this thread until the exec, so that a host of any size costs no copied page tables. */
    int pid = clone(launch_child, stacks + 2 * LAUNCH_STACK_LEN, CLONE_VM | CLONE_VFORK, launch);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid >= 0)
        (void)waitpid(pid, NULL, __WALL); /* it has exited; nobody else can wait for it */
    munmap(stacks, 2 * LAUNCH_STACK_LEN);
    return pid < 0 ? -saved : -launch->failure;
}

/* Have the helper program end all that is left, and wait for that: it closes its socket last. It is waited
 * for no longer than this, should a process hang in the kernel. */
static void await_end(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int64_t deadline_ns = loop_now_ns() + INT64_C(1000000) * END_MAX_MS;
    char ignored[4096];
    (void)shutdown(fd, SHUT_WR); /* fails when it has gone already */
    for (int64_t left_ns; (left_ns = deadline_ns - loop_now_ns()) > 0;) {
        ssize_t got = read(fd, ignored, sizeof ignored);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
        if (got < 0)
            (void)poll(&polled, 1, (int)(left_ns / 1000000) + 1); /* interrupted: look again */
    }
}

static void on_exited(struct keeper *keeper, struct frame *frame)
{
    struct spk_text parts[4] = {{0}};
    for (size_t i = 0; i < 4; i++)
        if (frame_next_part(frame, &parts[i]) != 1)
            break;
    struct process_end end = {
        .status = (int)frame_u32(parts[0], 0),
        .user_us = frame_u64(parts[1], 0),
        .system_us = frame_u64(parts[2], 0),
        .peak_rss_kib = frame_u64(parts[3], 0),
    };
    keeper->events->exited(keeper->owner, frame->request, &end);
}

static void on_frame(struct keeper *keeper, struct frame *frame)
{
    struct spk_text number = {0}, stage = {0};
    switch (frame->type) {
    case KEEPER_SPAWNED:
        (void)frame_next_part(frame, &number); /* a missing part reads as 0 */
        keeper->events->spawned(keeper->owner, frame->request, frame_u32(number, 0));
        break;
    case KEEPER_FAILED:
        (void)(frame_next_part(frame, &number) == 1 && frame_next_part(frame, &stage));
        keeper->events->failed(keeper->owner, frame->request, -(int)frame_u32(number, EIO), stage);
        break;
    case KEEPER_EXITED:
        on_exited(keeper, frame);
        break;
    default:
        break;
    }
}

static void on_ready(void *owner, unsigned events)
{
    struct keeper *keeper = owner;
    struct frame frame;
    int more = 0;
    if (events & LOOP_WRITE && channel_flush(&keeper->channel) == 0)
        (void)loop_watch(keeper->loop, &keeper->source, LOOP_READ); /* MOD of a watched descriptor */
    if (!(events & LOOP_READ))
        return;
    long got = channel_receive(&keeper->channel);
    if (got == -EAGAIN)
        return;
    if (got > 0)
        while (keeper->channel.fd >= 0 && (more = channel_next(&keeper->channel, &frame)) > 0)
            on_frame(keeper, &frame);
    if (got > 0 && more == 0)
        return;
    keeper->ending = 0; /* the keeper has ended: no grace time is left */
    keeper_finish(keeper);
    keeper->events->gone(keeper->owner);
}

int keeper_start(struct keeper *keeper, struct loop *loop, const char *directory,
                 const struct keeper_events *events, void *owner, struct spk_error *error)
{
    char program[4200];
    int pair[2];
    *keeper = (struct keeper){
        .loop = loop, .channel = CHANNEL_CLOSED, .source = {.fd = -1}, .events = events, .owner = owner};
    snprintf(program, sizeof program, "%s/scorepkernel-keeper", directory);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return failure_set(error, -errno,
                           "The session's helper program could not be started, since there is no socket for "
                           "it: %s. Close some of the host's descriptors, or raise its limit (ulimit -n).",
                           failure_text(errno));
    struct launch launch = {.program = program, .socket = pair[1]};
    int result = launch_helper(&launch);
    close(pair[1]);
    channel_init(&keeper->channel, pair[0]);
    channel_set_trace(&keeper->channel, events->trace, owner);
    if (result == 0) {
        keeper->source = (struct source){.fd = pair[0], .ready = on_ready, .owner = keeper};
        result = loop_watch(loop, &keeper->source, LOOP_READ);
    }
    if (result != 0) {
        keeper_finish(keeper);
        return failure_set(error, result,
                           "The session's helper program %s could not be started: %s. Check the "
                           "installation, and the limit on processes (ulimit -u).",
                           program, failure_text(-result));
    }
    return 0;
}

/* Send, and have the loop go on sending when the socket is full. */
static int send_frame(struct keeper *keeper, uint16_t type, uint64_t id, const struct spk_text *parts,
                      size_t count, const int *fds, size_t fd_count)
{
    int result = channel_send(&keeper->channel, type, id, parts, count, fds, fd_count);
    if (result == 0 && keeper->channel.out.len)
        result = loop_watch(keeper->loop, &keeper->source, LOOP_READ | LOOP_WRITE);
    return result;
}

static size_t count_strings(const char *const *strings)
{
    size_t count = 0;
    while (strings[count])
        count++;
    return count;
}

int keeper_spawn(struct keeper *keeper, uint64_t id, const struct keeper_spawn *spawn)
{
    size_t argc = count_strings(spawn->argv), envc = count_strings(spawn->environment);
    unsigned char number[4];
    frame_put_u32(number, (uint32_t)argc);
    struct spk_text *parts = calloc(3 + argc + envc, sizeof *parts);
    if (!parts)
        return -ENOMEM;
    parts[0] = (struct spk_text){spawn->program, strlen(spawn->program)};
    parts[1] = (struct spk_text){spawn->directory, strlen(spawn->directory)};
    parts[2] = (struct spk_text){(const char *)number, sizeof number};
    for (size_t i = 0; i < argc; i++)
        parts[3 + i] = (struct spk_text){spawn->argv[i], strlen(spawn->argv[i])};
    for (size_t i = 0; i < envc; i++)
        parts[3 + argc + i] = (struct spk_text){spawn->environment[i], strlen(spawn->environment[i])};
    int result = send_frame(keeper, KEEPER_SPAWN, id, parts, 3 + argc + envc, spawn->fds, spawn->fd_count);
    free(parts);
    return result;
}

static int send_number(struct keeper *keeper, uint16_t type, uint64_t id, uint32_t value)
{
    unsigned char number[4];
    frame_put_u32(number, value);
    return send_frame(keeper, type, id, &(struct spk_text){(const char *)number, sizeof number}, 1, NULL, 0);
}

int keeper_adopt(struct keeper *keeper, uint64_t id, uint32_t pid)
{
    return send_number(keeper, KEEPER_ADOPT, id, pid);
}

int keeper_signal(struct keeper *keeper, uint64_t id, int number)
{
    return send_number(keeper, KEEPER_SIGNAL, id, (uint32_t)number);
}

int keeper_end(struct keeper *keeper, uint32_t grace_ms)
{
    int result = send_number(keeper, KEEPER_END, 0, grace_ms);
    keeper->ending |= result == 0;
    return result;
}

void keeper_finish(struct keeper *keeper)
{
    if (keeper->loop)
        loop_forget(keeper->loop, &keeper->source);
    if (keeper->channel.fd < 0)
        return;
    if (!keeper->ending)
        await_end(keeper->channel.fd);
    channel_finish(&keeper->channel);
}
