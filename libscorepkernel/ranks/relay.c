/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay.c - beside each rank: what a parallel launcher starts. Owns the rank's process and its channels,
 * which it sees as the library sees a session's; tells the job what comes out of them, and how the process
 * ended. Ends it when the job has gone.
 */
#include "ranks/relay.h"

#include "base/failure.h"
#include "process/process_end.h"
#include "process/python_process.h"
#include "ranks/relay_process.h"
#include "ranks/rendezvous.h"
#include "ranks/shared_file.h"
#include "ranks/signals.h"
#include "wire/rank_protocol.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct relay {
    struct loop loop;
    struct channel job;
    struct source job_source, signals;
    struct python_process worker;
    pid_t pid; /* of the rank's process, which leads a process group; 0: it has not been started */
    char **command;
    char *options;    /* for WORKER_TAKE_STATE, while the variables are under way */
    uint64_t request; /* of that */
    int state;        /* the variables, as far as they are here; -1: none are under way */
    uint64_t state_len, state_got;
    int dismissed; /* its launcher has it end */
    int answered;  /* the process has said its reply */
    int closed;    /* it is being ended, since it cannot be spoken to */
    int over;      /* the job has gone, or the process has ended */
};

/* --- to the job ------------------------------------------------------------------------------------------
 */

/* Send everything to the job before going on. A relay has nothing else to do, and a job that has gone is
 * noticed by reading. */
static void send_now(struct relay *relay, int result)
{
    struct pollfd wanted = {.fd = relay->job.fd, .events = POLLOUT};
    while (result == 0 && relay->job.out.len) {
        (void)poll(&wanted, 1, -1); /* the next flush finds what happened */
        result = channel_flush(&relay->job) < 0;
    }
    if (result != 0)
        relay->over = 1;
}

static void tell(struct relay *relay, uint16_t type, uint64_t request, const struct spk_text *parts,
                 size_t count)
{
    send_now(relay, channel_send(&relay->job, type, request, parts, count, NULL, 0));
}

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    unsigned char number[4];
    frame_put_u32(number, which);
    struct spk_text parts[] = {{(const char *)number, sizeof number}, text};
    tell(owner, RANK_TEXT, request, parts, 2);
}

/* Variables come back: their content follows. */
static void send_file(struct relay *relay, struct frame *frame)
{
    struct spk_text parts[2] = {{"", 0}, {0}};
    struct stat status = {0};
    unsigned char length[8];
    int fd = frame->fds ? channel_claim_fd(&relay->worker.channel) : -1;
    char *piece = fd >= 0 && fstat(fd, &status) == 0 ? malloc(RANK_PIECE_LEN) : NULL;
    (void)frame_next_part(frame, &parts[0]); /* without one there is nothing to say of it */
    frame_put_u64(length, piece ? (uint64_t)status.st_size : 0);
    parts[1] = (struct spk_text){(const char *)length, sizeof length};
    tell(relay, RANK_FILE, frame->request, parts, 2);
    ssize_t got = 0;
    for (off_t at = 0; piece && !relay->over && (got = pread(fd, piece, RANK_PIECE_LEN, at)) > 0; at += got)
        tell(relay, RANK_FILE_PIECE, frame->request, &(struct spk_text){piece, (size_t)got}, 1);
    free(piece);
    if (fd >= 0)
        close(fd);
}

static void on_frame(void *owner, struct frame *frame)
{
    struct relay *relay = owner;
    struct spk_text payload = {(const char *)frame->payload, frame->len};
    relay->answered |= frame->type == WORKER_REPLY;
    if (frame->type == WORKER_STATE)
        send_file(relay, frame);
    else
        send_now(relay, channel_forward(&relay->job, frame->type, frame->request, payload));
}

static void on_lost(void *owner)
{
    struct relay *relay = owner;
    if (relay->pid)
        (void)kill(-relay->pid, SIGKILL); /* its end is reported like any other */
    else
        relay->over =
            1; /* no process was started; kill(0) would signal our own group, which is the launcher's */
}

static void on_closed(void *owner)
{
    struct relay *relay = owner;
    if (relay->answered) /* the process has replied and may take its time to end, for MPI's finalisation for
                            example */
        return;
    relay->closed = 1;
    on_lost(relay);
}

static const struct python_process_events worker_events = {on_text, on_frame, on_lost, on_closed, NULL};

/* --- from the job ----------------------------------------------------------------------------------------
 */

static void start_process(struct relay *relay, struct spk_text setup)
{
    int ends[4] = {-1, -1, -1, -1};
    char *text = relay->pid ? NULL : strndup(setup.data, setup.len);
    int result = text
                     ? python_process_open(&relay->worker, &relay->loop, 1, ends, text, &worker_events, relay)
                     : -EPROTO;
    if (result == 0)
        result = relay_start_process(relay->command, ends, &relay->pid);
    for (int i = 0; i < 4; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    free(text);
    if (result == 0)
        return;
    char said[256];
    snprintf(said, sizeof said, "could not be started: %s", failure_text(-result));
    tell(relay, RANK_ENDED, 0, &(struct spk_text){said, strlen(said)}, 1);
    relay->over = 1;
}

/* The variables are here: hand them to the process. */
static void pass_state(struct relay *relay)
{
    struct spk_text options = {relay->options, strlen(relay->options)};
    if (python_process_send_fd(&relay->worker, WORKER_TAKE_STATE, relay->request, &options, 1,
                               relay->state) == 0)
        tell(relay, RANK_HAS_STATE, relay->request, NULL, 0);
    else
        on_lost(relay);
    close(relay->state);
    relay->state = -1;
}

static void take_state(struct relay *relay, struct frame *frame)
{
    struct spk_text options = {0}, where = {0};
    if (relay->state >= 0 || frame_next_part(frame, &options) != 1 || frame_next_part(frame, &where) != 1)
        return;
    free(relay->options);
    relay->options = strndup(options.data, options.len);
    relay->request = frame->request;
    relay->state_got = 0;
    relay->state = shared_file_open(where, &relay->state_len);
    if (relay->state >= 0 && relay->options) {
        pass_state(relay);
        return;
    }
    relay->state = memfd_create("scorepkernel-variables", MFD_CLOEXEC);
    if (relay->state < 0 || !relay->options)
        on_lost(relay);
    else if (relay->state_len == 0)
        pass_state(relay);
    else
        tell(relay, RANK_WANTS_STATE, frame->request, NULL, 0);
}

static void take_state_piece(struct relay *relay, struct frame *frame)
{
    struct spk_text piece;
    if (relay->state < 0 || frame_next_part(frame, &piece) != 1)
        return;
    while (piece.len) {
        ssize_t put = pwrite(relay->state, piece.data, piece.len, (off_t)relay->state_got);
        if (put <= 0) {
            static const char said[] = "had no memory on its node for the notebook's variables";
            tell(relay, RANK_ENDED, frame->request, &(struct spk_text){said, sizeof said - 1}, 1);
            relay->over = 1;
            return;
        }
        piece = (struct spk_text){piece.data + put, piece.len - (size_t)put};
        relay->state_got += (uint64_t)put;
    }
    if (relay->state_got >= relay->state_len)
        pass_state(relay);
}

static void interrupt(struct relay *relay, uint64_t request)
{
    unsigned char number[4];
    frame_put_u32(number, ++relay->worker.interrupts);
    struct spk_text part = {(const char *)number, sizeof number};
    if (relay->pid && python_process_send(&relay->worker, WORKER_INTERRUPT, request, &part, 1) == 0)
        (void)kill(-relay->pid, SIGINT); /* or it has ended */
}

static void on_job_frame(struct relay *relay, struct frame *frame)
{
    struct spk_text setup, payload = {(const char *)frame->payload, frame->len};
    switch (frame->type) {
    case RANK_WELCOME:
        if (frame_next_part(frame, &setup) == 1)
            start_process(relay, setup);
        break;
    case RANK_STATE:
        take_state(relay, frame);
        break;
    case RANK_STATE_PIECE:
        take_state_piece(relay, frame);
        break;
    case WORKER_INTERRUPT:
        interrupt(relay, frame->request);
        break;
    default:
        if (python_process_forward(&relay->worker, frame->type, frame->request, payload) != 0)
            on_lost(relay);
        break;
    }
}

static void on_job(void *owner, unsigned events)
{
    struct relay *relay = owner;
    struct frame frame;
    (void)events;
    long got = channel_receive(&relay->job);
    int more = 0;
    while (got > 0 && !relay->over && (more = channel_next(&relay->job, &frame)) > 0)
        on_job_frame(relay, &frame);
    if ((got <= 0 && got != -EAGAIN) || more < 0)
        relay->over = 1;
}

/* --- the process's end -----------------------------------------------------------------------------------
 */

static void on_signal(void *owner, unsigned events)
{
    struct relay *relay = owner;
    (void)events;
    if (signals_take(&relay->signals)) {
        relay->dismissed = 1;
        on_lost(relay); /* the launcher ends the job, and will not wait for long */
    }
    struct rusage usage;
    struct process_end end;
    if (!relay->pid || wait4(relay->pid, &end.status, WNOHANG, &usage) != relay->pid)
        return;
    char how[256];
    end.peak_rss_kib = (uint64_t)usage.ru_maxrss;
    process_end_text(&end, how, sizeof how);
    if (relay->dismissed)
        snprintf(how, sizeof how, "was ended by its launcher (SIGTERM)");
    else if (relay->closed)
        snprintf(how, sizeof how, "%s", WORKER_WAS_CLOSED);
    if (relay->worker.id)
        python_process_drain(&relay->worker);
    tell(relay, RANK_ENDED, 0, &(struct spk_text){how, strlen(how)}, 1);
    (void)kill(-relay->pid,
               SIGKILL); /* what it left behind; the number is its group's for as long as any is there */
    relay->pid = 0;
    relay->over = 1;
}

static int greet(struct relay *relay)
{
    const char *where = getenv(RANK_RENDEZVOUS); // NOLINT(concurrency-mt-unsafe): there is one thread
    struct spk_text token;
    unsigned char rank[4], count[4];
    int fd = rendezvous_join(where ? where : "", &token);
    if (fd < 0)
        return fd;
    channel_init(&relay->job, fd);
    struct rank_identity identity = relay_identify();
    frame_put_u32(rank, identity.rank);
    frame_put_u32(count, identity.count);
    struct spk_text parts[] = {token, {(const char *)rank, sizeof rank}, {(const char *)count, sizeof count}};
    tell(relay, RANK_HELLO, 0, parts, 3);
    unsetenv(RANK_RENDEZVOUS); // NOLINT(concurrency-mt-unsafe): as above. It is nobody else's business
    relay->job_source = (struct source){.fd = fd, .ready = on_job, .owner = relay};
    return loop_watch(&relay->loop, &relay->job_source, LOOP_READ);
}

static void finish(struct relay *relay)
{
    if (relay->pid) {
        (void)kill(-relay->pid, SIGKILL);
        (void)waitpid(relay->pid, NULL, 0);
    }
    python_process_finish(&relay->worker);
    channel_finish(&relay->job);
    if (relay->state >= 0)
        close(relay->state);
    if (relay->signals.fd >= 0)
        close(relay->signals.fd);
    free(relay->options);
    loop_finish(&relay->loop);
}

int relay_run(char **command)
{
    struct relay relay = {
        .job = CHANNEL_CLOSED, .worker = WORKER_CLOSED, .signals.fd = -1, .state = -1, .command = command};
    int result = loop_init(&relay.loop);
    if (result == 0)
        result = signals_watch(&relay.loop, &relay.signals, on_signal, &relay);
    if (result == 0)
        result = greet(&relay);
    if (result != 0)
        fprintf(
            stderr,
            "scorepkernel-ranks: the notebook's session cannot be reached: %s. It is started by the kernel, "
            "for cells with --ranks; nodes must be able to reach each other over TCP.\n",
            failure_text(-result));
    while (result == 0 && !relay.over) {
        struct pollfd wanted = {.fd = relay.loop.fd, .events = POLLIN};
        if (poll(&wanted, 1, -1) > 0)
            result = loop_dispatch(&relay.loop);
    }
    finish(&relay);
    /* The job knows how the process ended. With another exit code the launcher would report it a second time.
     */
    return result == 0 ? 0 : 1;
}
