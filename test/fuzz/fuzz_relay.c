/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_relay.c - a relay whose job and whose rank say whatever they like: what it tells the job are frames, it signals
 * nobody but its process, and when either has gone it ends, with no descriptor left.
 *
 * This program is the job and the rank's process. Both have said all when the relay begins to listen; the job goes at
 * once, or when the relay has nothing to do any more.
 */
// wrap: rendezvous_join relay_start_process kill wait4 waitpid poll
#include "ranks/rendezvous.h"
#include "wire/rank_protocol.h"
#include "ranks/relay.h"
#include "ranks/relay_process.h"
#include "ranks/shared_file.h"

#include "wire/channel.h"
#include "fuzz.h"
#include "wire/worker_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PID 1073741824 /* more than any process has */

static int job, relay_end;      /* of the socket between them */
static struct buffer rank_says; /* on its channel */
static struct buffer rank_writes[2];
static int started, ended, reaped;

/* --- in the relay's way ---------------------------------------------------------------------------- */

int __wrap_rendezvous_join(const char *text, struct spk_text *token);
int __wrap_rendezvous_join(const char *text, struct spk_text *token)
{
    static const char word[RENDEZVOUS_TOKEN_LEN + 1] = "0123456789abcdef0123456789abcdef";
    (void)text;
    *token = (struct spk_text){word, RENDEZVOUS_TOKEN_LEN};
    return relay_end;
}

/* All that it has to say, as far as there is room. */
static void pour(int fd, struct buffer *bytes)
{
    if (bytes->len)
        (void)!write(fd, buffer_bytes(bytes), bytes->len); /* what has no room is not said */
}

/* The process is there, has said all, and has ended. */
int __wrap_relay_start_process(char *const *command, const int ends[4], pid_t *pid);
int __wrap_relay_start_process(char *const *command, const int ends[4], pid_t *pid)
{
    (void)command;
    MUST(!started);
    started = 1;
    MUST(fcntl(ends[3], F_SETFL, O_NONBLOCK) == 0);
    for (int i = 0; i < 2; i++) {
        MUST(fcntl(ends[1 + i], F_SETFL, O_NONBLOCK) == 0);
        pour(ends[1 + i], &rank_writes[i]);
    }
    pour(ends[3], &rank_says);
    *pid = PID;
    ended = 1;
    MUST(pthread_kill(pthread_self(), SIGCHLD) == 0); /* blocked in this thread, and read by it */
    return 0;
}

int __wrap_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number)
{
    MUST(pid == -PID && started && (number == SIGKILL || number == SIGINT));
    return 0;
}

int __real_poll(struct pollfd *wanted, nfds_t count, int ms);
int __wrap_poll(struct pollfd *wanted, nfds_t count, int ms);
int __wrap_poll(struct pollfd *wanted, nfds_t count, int ms)
{
    int found = __real_poll(wanted, count, 0);
    if (found == 0 && wanted->events == POLLIN)
        (void)shutdown(job, SHUT_WR); /* it may have gone */
    return found ? found : __real_poll(wanted, count, ms);
}

static pid_t reap(pid_t pid)
{
    MUST(pid == PID && started && !reaped);
    if (!ended)
        return 0;
    reaped = 1;
    return PID;
}

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage);
pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
    (void)options;
    *status = SIGSEGV;
    memset(usage, 0, sizeof *usage);
    return reap(pid);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    (void)status;
    (void)options;
    return reap(pid);
}

/* --- what is said ---------------------------------------------------------------------------------- */

static const uint16_t from_job[] = {RANK_WELCOME,      RANK_STATE,       RANK_STATE_PIECE,    WORKER_EXECUTE,
                                    WORKER_INTERRUPT,  WORKER_SHUTDOWN,  WORKER_INPUT_REPLY,  RANK_HELLO,
                                    WORKER_TAKE_STATE, WORKER_SETUP,     WORKER_TO_COMM_OPEN, 65535};
static const uint16_t from_rank[] = {WORKER_HELLO, WORKER_READY,        WORKER_REPLY,    WORKER_STATE,
                                     WORKER_ERROR_OUTPUT, WORKER_DISPLAY_DATA, WORKER_CELL_RAN, WORKER_INPUT_REQUEST,
                                     RANK_ENDED,   WORKER_FAILED,       WORKER_LOG,      0};

/* A frame of two parts, or of whatever the bytes are. */
static void add_frame(struct buffer *to, uint16_t type, struct input *input, unsigned fds)
{
    size_t len = input_byte(input), first = input_byte(input);
    len = len < input->size ? len : input->size;
    first = first < len ? first : len;
    const char *bytes = (const char *)input->data;
    struct spk_text parts[] = {{bytes, first}, {bytes + first, len - first}};
    if (len % 8 == 7)
        MUST(frame_append_payload(to, type, 7, (struct spk_text){bytes, len}) == 0);
    else
        MUST(frame_append(to, type, 7, (uint16_t)fds, parts, 2) == 0);
    input->data += len;
    input->size -= len;
}

/* Where the variables lie: here, in a file of this process, or on another machine, with this length. */
static void add_state(struct buffer *to, unsigned how)
{
    static int variables = -1;
    char where[SHARED_FILE_TEXT_LEN];
    uint64_t length;
    if (variables < 0) {
        variables = memfd_create("variables", MFD_CLOEXEC);
        MUST(variables >= 0 && write(variables, "the variables", 13) == 13);
    }
    MUST(shared_file_describe(variables, where, &length) == 0);
    where[0] = how & 1 ? 'z' : where[0];
    struct spk_text parts[] = {{"{}", 2}, {where, strlen(where)}};
    MUST(frame_append(to, RANK_STATE, 7, 0, parts, 2) == 0);
}

static void add_raw(struct buffer *to, struct input *input)
{
    size_t len = input_byte(input);
    len = len < input->size ? len : input->size;
    MUST(buffer_append(to, input->data, len) == 0);
    input->data += len;
    input->size -= len;
}

static void add(struct input *input, struct buffer *job_says)
{
    unsigned what = input_byte(input), type = what / 8 % 12;
    switch (what % 8) {
    case 0:
    case 1:
        add_frame(job_says, from_job[type], input, 0);
        break;
    case 2:
        add_state(job_says, type);
        break;
    case 3:
        add_frame(&rank_says, from_rank[type], input, 0);
        break;
    case 4:
        add_frame(&rank_says, from_rank[type], input, type % 3);
        break;
    case 5:
        add_raw(&rank_writes[type & 1], input);
        break;
    case 6:
        add_raw(job_says, input);
        break;
    default:
        add_raw(&rank_says, input);
        break;
    }
}

/* --- what the job hears ---------------------------------------------------------------------------- */

static void *hear(void *argument)
{
    struct channel *channel = argument;
    struct frame frame;
    int first = 1, more = 0;
    struct pollfd wanted = {.fd = channel->fd, .events = POLLIN};
    for (long got; (got = channel_receive(channel)) != 0;) {
        if (got == -EAGAIN)
            (void)__real_poll(&wanted, 1, -1); /* interrupted: look again */
        if (got < 0 && got != -EAGAIN)
            break; /* it went with something unread */
        while (got > 0 && (more = channel_next(channel, &frame)) > 0) {
            MUST(!first == (frame.type != RANK_HELLO || frame.request != 0));
            MUST(frame.fds == 0);
            first = 0;
        }
        MUST(more == 0);
    }
    MUST(!first);
    return NULL;
}

static int lowest_free_fd(void)
{
    int fd = dup(STDERR_FILENO);
    MUST(fd >= 0);
    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 16384 ? size : 16384};
    struct buffer job_says = {0};
    struct channel channel;
    struct timespec now = {0};
    pthread_t hearer;
    sigset_t child;
    int pair[2];
    int at_once = (int)input_byte(&input) & 1;
    started = ended = reaped = 0;
    while (input.size)
        add(&input, &job_says);
    (void)shared_file_open((struct spk_text){"", 0}, &(uint64_t){0}); /* what it opens once stays open */
    signal(SIGPIPE, SIG_IGN);                                     /* of what this program writes to who has gone */
    int before = lowest_free_fd();
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    job = pair[0];
    relay_end = pair[1];
    pour(job, &job_says);
    if (at_once)
        MUST(shutdown(job, SHUT_WR) == 0);
    channel_init(&channel, job);
    MUST(pthread_create(&hearer, NULL, hear, &channel) == 0);
    char name[] = "rank", *command[] = {name, NULL};
    MUST(relay_run(command) == 0);
    MUST(pthread_join(hearer, NULL) == 0 && started == reaped);
    channel_finish(&channel);
    MUST(lowest_free_fd() == before);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (sigtimedwait(&child, NULL, &now) > 0)
        continue; /* the one that nobody read any more */
    buffer_finish(&job_says);
    buffer_finish(&rank_says);
    for (int i = 0; i < 2; i++)
        buffer_finish(&rank_writes[i]);
    return 0;
}
