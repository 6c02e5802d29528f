/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job_ranks.c - a job's ranks: their connections, from the first word to the last. A stranger is let in by
 * the token; until then it may say very little.
 */
#include "base/json_bridge.h"
#include "base/utf8.h"
#include "ranks/job_state.h"
#include "wire/rank_protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRANGER_MAX_LEN ((size_t)1024) /* bytes that a connection may send before it has proved itself */
#define ACCEPTED_AT_ONCE 16
#define PATIENCE_NS INT64_C(1000000000) /* how long an unknown connection is kept while others wait */
#define PAUSE_NS INT64_C(50000000)
#define QUEUED_MAX_LEN (4 * RANK_PIECE_LEN)
#define FILE_MAX_LEN (UINT64_C(1) << 44) /* no rank has so much, and many times that is still an off_t */
#define PAGE_LEN UINT64_C(4096)          /* as variables_file.py has it */

static void rank_free(struct rank *rank)
{
    if (!rank)
        return;
    loop_forget(&rank->job->loop, &rank->source);
    channel_finish(&rank->channel);
    free(rank->question);
    free(rank->content);
    free(rank->measurement);
    free(rank);
}

static int is_open(const struct rank *rank)
{
    return !rank || (rank->state != RANK_REPLIED && rank->state != RANK_GONE);
}

/* Close the rank's connection. */
static void close_connection(struct rank *rank)
{
    if (is_open(rank))
        rank->job->open--;
    rank->state = rank->state == RANK_REPLIED ? RANK_REPLIED : RANK_GONE;
    loop_forget(&rank->job->loop, &rank->source);
    channel_finish(&rank->channel);
}

/* If the rank cannot be written to, its connection is closed, which reading will find. */
static void watch_told(struct rank *rank, int result)
{
    if (result == 0 && rank->channel.out.len)
        (void)loop_watch(&rank->job->loop, &rank->source,
                         LOOP_READ | LOOP_WRITE); /* MOD of a watched descriptor */
}

void rank_tell(struct rank *rank, uint16_t type, const struct spk_text *parts, size_t count)
{
    watch_told(rank, channel_send(&rank->channel, type, rank->job->cell.request, parts, count, NULL, 0));
}

static void rank_forward(struct rank *rank, uint16_t type, struct spk_text payload)
{
    watch_told(rank, channel_forward(&rank->channel, type, rank->job->cell.request, payload));
}

void ranks_interrupt(struct job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (job->ranks[i] && is_open(job->ranks[i]) && !job->ranks[i]->ran)
            rank_tell(job->ranks[i], WORKER_INTERRUPT, NULL, 0);
}

int ranks_are_finishing(const struct job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        if (is_open(job->ranks[i]) && !(job->ranks[i] && job->ranks[i]->ran))
            return 0;
    return job->open > 0;
}

uint32_t ranks_name_open(const struct job *job, char *text, size_t size)
{
    uint32_t count = 0;
    size_t len = 0;
    for (uint32_t i = 0; i < job->count; i++) {
        if (!is_open(job->ranks[i]))
            continue;
        count++;
        if (len + 16 < size)
            len += (size_t)snprintf(text + len, size - len, "%s%u", len ? ", " : "", i);
        else if (len + 4 < size)
            len += (size_t)snprintf(text + len, size - len, " ...");
    }
    return count;
}

void ranks_drop_open(struct job *job)
{
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->ranks[i] && is_open(job->ranks[i]))
            close_connection(job->ranks[i]);
    }
    job->open = 0;
}

/* --- beginning -------------------------------------------------------------------------------------------
 */

static void give_state(struct rank *rank)
{
    struct job *job = rank->job;
    struct spk_text parts[] = {{job->options, strlen(job->options)},
                               {job->state_where, strlen(job->state_where)}};
    rank->state_sent = UINT64_MAX;
    rank_tell(rank, RANK_STATE, parts, 2);
}

/* Send as many pieces of the variables as the rank's queue takes. */
static void send_pieces(struct rank *rank)
{
    struct job *job = rank->job;
    char *piece = rank->state_sent < job->state_len ? malloc(RANK_PIECE_LEN) : NULL;
    ssize_t got = 1;
    while (piece && got > 0 && rank->state_sent < job->state_len && rank->channel.out.len < QUEUED_MAX_LEN) {
        got = pread(job->state, piece, RANK_PIECE_LEN, (off_t)rank->state_sent);
        if (got > 0) {
            rank_tell(rank, RANK_STATE_PIECE, &(struct spk_text){piece, (size_t)got}, 1);
            rank->state_sent += (uint64_t)got;
        }
    }
    free(piece);
}

static void give_cell(struct rank *rank)
{
    const struct frame *cell = &rank->job->cell;
    rank->state = RANK_BUSY;
    rank_forward(rank, WORKER_EXECUTE, (struct spk_text){(const char *)cell->payload, cell->len});
}

/* The ranks begin the cell together, so that no rank's measurement contains the time that others took to
 * start. */
static void on_has_state(struct rank *rank)
{
    struct job *job = rank->job;
    if (rank->state != RANK_READY || rank->has_state)
        return;
    rank->has_state = 1;
    if (++job->given < job->count || job->failure)
        return; /* a failure before the cell begins means that the cell was not run */
    job->begun = 1;
    for (uint32_t i = 0; i < job->count; i++)
        give_cell(job->ranks[i]);
}

static void on_ready(struct rank *rank)
{
    struct job *job = rank->job;
    if (rank->state != RANK_STARTING)
        return;
    rank->state = RANK_READY;
    if (++job->ready < job->count || !job->options)
        return;
    for (uint32_t i = 0; i < job->count; i++)
        if (job->ranks[i] && job->ranks[i]->state == RANK_READY)
            give_state(job->ranks[i]);
}

static void welcome(struct rank *rank)
{
    struct job *job = rank->job;
    size_t len = 0;
    struct json *setup = json_parse(job->setup ? job->setup : "{}", job->setup ? strlen(job->setup) : 2);
    int result = json_set_integer(setup, "rank", rank->number);
    char *text = result == 0 ? json_print(setup, &len) : NULL;
    json_free(setup);
    if (text)
        rank_tell(rank, RANK_WELCOME, &(struct spk_text){text, len}, 1);
    else
        job_fail(job, "NotMeasured", "The cell was not run: there was no memory to start its ranks.");
    free(text);
}

static void forget_stranger(const struct rank *rank)
{
    for (size_t i = 0; i < JOB_STRANGERS_MAX; i++)
        if (rank->job->strangers[i] == rank)
            rank->job->strangers[i] = NULL;
}

/* The first frame of an unknown connection: it must hold the token and the rank's number. 0: the connection
 * is kept. */
static int introduce(struct rank *rank, struct frame *frame)
{
    struct job *job = rank->job;
    struct spk_text token = {0}, number = {0}, count = {0};
    if (frame->type != RANK_HELLO || frame_next_part(frame, &token) != 1 ||
        !rendezvous_is_token(job->rendezvous, token) || frame_next_part(frame, &number) != 1 ||
        frame_next_part(frame, &count) != 1)
        return -EACCES;
    rank->number = frame_u32(number, UINT32_MAX);
    if (job_expect(job, frame_u32(count, 0)) != 0 || rank->number >= job->count || job->ranks[rank->number]) {
        job_fail(job, "NotMeasured",
                 "The cell was not run: its launcher started ranks that do not fit together. It must set "
                 "their numbers "
                 "in the environment, as mpirun and srun do; look at it with %%scorep_launcher.");
        return -EINVAL;
    }
    forget_stranger(rank);
    job->ranks[rank->number] = rank;
    job->present++;
    rank->state = RANK_STARTING;
    welcome(rank);
    return 0;
}

/* --- from a rank -----------------------------------------------------------------------------------------
 */

/* A file of variables comes back from the rank. Note in job->files what it is: [{"rank", "at", "length",
 * "about"}, ...]. */
static void on_file(struct rank *rank, struct frame *frame)
{
    struct job *job = rank->job;
    struct spk_text about = {0}, length = {0};
    char *files = NULL;
    rank->file_at = rank->file_end = 0; /* until the file is known to fit, its pieces are dropped */
    if (frame_next_part(frame, &about) != 1 || frame_next_part(frame, &length) != 1 ||
        frame_u64(length, 0) > FILE_MAX_LEN)
        return; /* the session notices that the file is missing, and says so */
    uint64_t at = (job->results_len + PAGE_LEN - 1) / PAGE_LEN * PAGE_LEN;
    if (asprintf(&files, "%s%s{\"rank\":%u,\"at\":%llu,\"length\":%llu,\"about\":%.*s}",
                 job->files ? job->files : "", job->files ? "," : "", rank->number, (unsigned long long)at,
                 (unsigned long long)frame_u64(length, 0), (int)about.len, about.data) < 0)
        return;
    free(job->files);
    job->files = files;
    rank->file_at = at;
    rank->file_end = job->results_len = at + frame_u64(length, 0);
}

static void on_file_piece(struct rank *rank, struct frame *frame)
{
    struct spk_text piece = {0};
    if (frame_next_part(frame, &piece) != 1 || piece.len > rank->file_end - rank->file_at)
        return;
    while (piece.len) {
        ssize_t put = pwrite(rank->job->results, piece.data, piece.len, (off_t)rank->file_at);
        if (put <= 0) {
            rank->file_at =
                rank->file_end; /* no later piece stands for this one; the session finds the file torn */
            return;
        }
        rank->file_at += (uint64_t)put;
        piece = (struct spk_text){piece.data + put, piece.len - (size_t)put};
    }
}

static void on_reply(struct rank *rank, struct frame *frame)
{
    struct spk_text how = {0}, content = {0}, measurement = {0};
    if (rank->state != RANK_BUSY || frame_next_part(frame, &how) != 1 ||
        frame_next_part(frame, &content) != 1)
        return;
    if (frame_next_part(frame, &measurement) == 1)
        rank->measurement = strndup(measurement.data, measurement.len);
    rank->content = strndup(content.data, content.len);
    rank->how = frame_u32(how, SPK_REPLY_ERROR);
    rank->state = RANK_REPLIED;
    rank->job->open--;
    if (rank->how != SPK_REPLY_OK)
        job_fail_with(rank->job, content);
    rank_tell(rank, WORKER_SHUTDOWN, NULL, 0);
}

static void on_ended(struct rank *rank, struct spk_text how)
{
    char text[512];
    int open = is_open(rank);
    utf8_format(text, sizeof text, "Rank %u %.*s.", rank->number, (int)utf8_cut(how.data, how.len, 300),
                how.data);
    close_connection(rank); /* after the output that it wrote before */
    if (open)
        job_fail(rank->job, "RankEnded", text);
}

static void on_failed(struct rank *rank, struct spk_text why)
{
    char text[1024];
    utf8_format(text, sizeof text, "The cell was not run: on rank %u, %.*s", rank->number,
                (int)utf8_cut(why.data, why.len, 900), why.data);
    job_fail(rank->job, "NotMeasured", text);
}

static void on_output(struct rank *rank, struct frame *frame)
{
    struct job *job = rank->job;
    /* Do not show that a rank was interrupted because another one failed. */
    if (frame->type == WORKER_ERROR_OUTPUT && job->failure && job->interrupted)
        return;
    struct spk_text payload = {(const char *)frame->payload, frame->len};
    if (frame->type == WORKER_INPUT_REQUEST) {
        questions_ask(rank, payload);
        return;
    }
    (void)aggregate_frame(job->aggregate, rank->number, frame->type, payload); /* without memory it is lost */
}

static void on_text(struct rank *rank, struct frame *frame)
{
    struct spk_text which = {0}, text = {0};
    uint32_t number;
    if (frame_next_part(frame, &which) == 1 && frame_next_part(frame, &text) == 1 &&
        ((number = frame_u32(which, 0)) == SPK_STDOUT || number == SPK_STDERR))
        (void)aggregate_text(rank->job->aggregate, rank->number, number, text); /* as above */
}

static void on_frame(struct rank *rank, struct frame *frame)
{
    struct spk_text part = {"", 0};
    switch (frame->type) {
    case WORKER_HELLO:
        break;
    case WORKER_READY:
        on_ready(rank);
        break;
    case RANK_WANTS_STATE:
        rank->state_sent = 0;
        send_pieces(rank);
        break;
    case RANK_HAS_STATE:
        on_has_state(rank);
        break;
    case RANK_TEXT:
        on_text(rank, frame);
        break;
    case RANK_FILE:
        on_file(rank, frame);
        break;
    case RANK_FILE_PIECE:
        on_file_piece(rank, frame);
        break;
    case WORKER_REPLY:
        on_reply(rank, frame);
        break;
    case WORKER_CELL_RAN:
        rank->ran = 1;
        if (frame_next_part(frame, &part) == 1 && part.len)
            job_fail_with(rank->job, part);
        break;
    case WORKER_FAILED:
        (void)frame_next_part(frame, &part);
        on_failed(rank, part);
        break;
    case RANK_ENDED:
        (void)frame_next_part(frame, &part);
        on_ended(rank, part);
        break;
    default:
        on_output(rank, frame);
        break;
    }
}

static void drop_stranger(struct rank *rank)
{
    forget_stranger(rank);
    rank_free(rank);
}

/* Handle the complete frames of a connection. Negative: the connection is closed, or sent something that is
 * no frame. */
static int read_frames(struct rank *rank)
{
    struct frame frame;
    int more = 0;
    long got = channel_receive(&rank->channel);
    if (got <= 0)
        return got == -EAGAIN ? 0 : -EPIPE;
    if (rank->state != RANK_ABSENT)
        rank->job->heard_ns = loop_now_ns();
    while (rank->channel.fd >= 0 && (more = channel_next(&rank->channel, &frame)) > 0) {
        if (rank->state != RANK_ABSENT)
            on_frame(rank, &frame);
        else if (introduce(rank, &frame) != 0)
            return -EACCES;
    }
    return more;
}

static void on_rank(void *owner, unsigned events)
{
    static const char silent[] = "has gone without a word: its node or its launcher ended it";
    struct rank *rank = owner;
    if (events & LOOP_WRITE && channel_flush(&rank->channel) == 0)
        (void)loop_watch(&rank->job->loop, &rank->source, LOOP_READ); /* as above */
    if (events & LOOP_WRITE && rank->state_sent < rank->job->state_len)
        send_pieces(rank);
    int result = events & LOOP_READ ? read_frames(rank) : 0;
    if (rank->state == RANK_ABSENT && (result < 0 || rank->channel.in.len > STRANGER_MAX_LEN))
        drop_stranger(rank);
    else if (rank->channel.fd >= 0 && result < 0)
        on_ended(rank, (struct spk_text){silent, sizeof silent - 1});
}

/* There is no descriptor for another connection. Close the unknown connection that is oldest, if it had time
 * enough to prove itself; reading will find that it is closed. Until there is one, new connections wait in
 * the listener's queue. */
static void make_room(struct job *job)
{
    const struct rank *oldest = NULL;
    for (size_t i = 0; i < JOB_STRANGERS_MAX && !oldest; i++)
        oldest = job->strangers[(job->arrivals + i) % JOB_STRANGERS_MAX];
    if (!oldest)
        job_fail(
            job, "NotMeasured",
            "The cell was not run: it has more ranks than its session may have descriptors (ulimit -n).");
    if (oldest && loop_now_ns() - oldest->since_ns > PATIENCE_NS) {
        (void)shutdown(oldest->channel.fd, SHUT_RDWR); /* fails if it has gone by itself */
        return;
    }
    loop_forget(&job->loop, &job->listener);
    job->listen_due_ns = loop_now_ns() + PAUSE_NS;
}

static void greet(struct job *job, int fd, struct rank **place)
{
    int yes = 1;
    struct rank *rank = calloc(1, sizeof *rank);
    if (!rank) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* only faster */
    rank->job = job;
    rank->since_ns = loop_now_ns();
    rank->state_sent = UINT64_MAX;
    channel_init(&rank->channel, fd);
    rank->source = (struct source){.fd = fd, .ready = on_rank, .owner = rank};
    *place = rank;
    job->arrivals++;
    if (loop_watch(&job->loop, &rank->source, LOOP_READ) != 0)
        drop_stranger(rank);
}

/* Accept a few at a time, so that these can prove themselves before more come. */
void ranks_accept(void *owner, unsigned events)
{
    struct job *job = owner;
    (void)events;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        struct rank **place = &job->strangers[job->arrivals % JOB_STRANGERS_MAX];
        int fd = *place ? -1 : accept4(job->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            greet(job, fd, place);
        else if (*place || errno == EMFILE || errno == ENFILE)
            make_room(job);
        if (fd < 0)
            return;
    }
}

void ranks_finish(struct job *job)
{
    for (size_t i = 0; i < JOB_STRANGERS_MAX; i++)
        rank_free(job->strangers[i]);
    for (uint32_t i = 0; i < job->count; i++)
        rank_free(job->ranks[i]);
}
