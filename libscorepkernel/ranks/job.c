/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job.c - beside the session: a cell that runs as many ranks. The library sees a runner like any other; the
 * job has the ranks started by a parallel launcher, gives each the variables and the cell, makes one output
 * of theirs (aggregate.c), and answers when all have. Owns the connections and what comes back; the ranks'
 * processes are the relays' (relay.c).
 *
 * One rank's failure is the cell's: the others are given a moment to end by themselves, then interrupted,
 * then ended, since they may wait in vain for the one that failed.
 */
#include "ranks/job.h"

#include "base/error_content.h"
#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/utf8.h"
#include "ranks/job_state.h"
#include "ranks/signals.h"
#include "wire/rank_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define AGGREGATE_NS (200 * MS)     /* a rank's line waits this long for other ranks that say the same */
#define BY_THEMSELVES_NS (500 * MS) /* the time that ranks have to end by themselves after another failed */
#define INTERRUPTED_NS \
    (1000 * MS) /* the time that ranks have to end after being interrupted because another failed */
#define ASKED_NS (5000 * MS)   /* the time that ranks have to end after the user interrupted them */
#define QUIET_NS (30000 * MS)  /* the time that ranks may be silent after their code has ended */
#define LEAVING_NS (5000 * MS) /* the time that the launcher has to end after the answer */

/* --- to the library --------------------------------------------------------------------------------------
 */

/* Without the library there is nobody to work for. */
static void watch_library(struct job *job, int result)
{
    unsigned events = LOOP_READ | (job->library.out.len ? LOOP_WRITE : 0);
    if (result != 0 || loop_watch(&job->loop, &job->library_source, events) != 0)
        job->over = 1;
}

void job_tell(struct job *job, uint16_t type, const struct spk_text *parts, size_t count)
{
    watch_library(job, channel_send(&job->library, type, job->cell.request, parts, count, NULL, 0));
}

void job_forward(struct job *job, uint16_t type, struct spk_text payload)
{
    watch_library(job, channel_forward(&job->library, type, job->cell.request, payload));
}

static void tell_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    unsigned char number[4];
    (void)request; /* there is one */
    frame_put_u32(number, which);
    struct spk_text parts[] = {{(const char *)number, sizeof number}, text};
    job_tell(owner, WORKER_TEXT, parts, 2);
}

static void on_aggregated_text(void *owner, uint32_t which, struct spk_text text)
{
    struct job *job = owner;
    (void)output_pace_add(&job->stream, job->cell.request, which,
                          text); /* without memory the line is not shown */
}

/* Show the result of a rank other than 0 as display_data. */
static void tell_display(struct job *job, struct spk_text payload)
{
    struct frame frame = {.payload = (const unsigned char *)payload.data, .len = payload.len};
    struct spk_text content = {0};
    (void)frame_next_part(&frame, &content); /* without one it is no JSON */
    struct json *object = json_parse(content.data, content.len);
    json_remove(object, "execution_count");
    char *text = object ? json_print(object, &content.len) : NULL;
    json_free(object);
    content.data = text;
    if (text) /* without memory it is lost */
        job_tell(job, WORKER_DISPLAY_DATA, &content, 1);
    free(text);
}

static void on_aggregated_frame(void *owner, uint16_t type, struct spk_text payload, int all, int first)
{
    struct job *job = owner;
    output_pace_flush(&job->stream, 1);
    if (type == WORKER_CLEAR_OUTPUT && !all)
        return; /* one rank would clear the output of the others */
    if (type == WORKER_EXECUTE_RESULT && !first)
        tell_display(job, payload);
    else
        job_forward(job, type, payload);
}

static const struct aggregate_calls aggregate_calls_of_job = {on_aggregated_text, on_aggregated_frame};

int job_expect(struct job *job, uint32_t count)
{
    if (job->aggregate)
        return count == job->count ? 0 : -EINVAL;
    if (count == 0 || count > JOB_RANKS_MAX)
        return -EINVAL;
    job->aggregate = aggregate_new(count, &aggregate_calls_of_job, job);
    if (!job->aggregate)
        return -ENOMEM;
    job->count = job->open = count;
    return 0;
}

void job_flush(struct job *job)
{
    if (job->aggregate)
        aggregate_flush(job->aggregate, 1);
    output_pace_flush(&job->stream, 1);
}

/* "[m0,m1,...]", null for a rank that has none. NULL: no memory. */
static char *all_measurements(const struct job *job, size_t *len)
{
    FILE *file;
    char *text = NULL;
    if (!(file = open_memstream(&text, len)))
        return NULL;
    for (uint32_t i = 0; i < job->count; i++) {
        const char *one = job->ranks[i] && job->ranks[i]->measurement ? job->ranks[i]->measurement : "";
        fprintf(file, "%s%s", i ? "," : "[", one[0] ? one : "null");
    }
    fputs(job->count ? "]" : "[]", file);
    if (fclose(file) == 0)
        return text;
    free(text);
    return NULL;
}

static void tell_results(struct job *job)
{
    char *text = NULL;
    if (asprintf(&text, "{\"files\":[%s],\"ranks\":%u,\"sent\":%llu}", job->files ? job->files : "",
                 job->count, (unsigned long long)job->state_len) < 0)
        return; /* the session says that nothing came back */
    struct spk_text part = {text, strlen(text)};
    if (channel_send(&job->library, WORKER_STATE, job->cell.request, &part, 1, &job->results,
                     job->results >= 0 ? 1 : 0) != 0)
        job_tell(job, WORKER_STATE, &part,
                 1); /* the session notices that the variables are missing, and says so */
    free(text);
}

static void answer(struct job *job)
{
    unsigned char how[4];
    size_t len = 0;
    char *measurements = all_measurements(job, &len);
    const struct rank *first = job->count ? job->ranks[0] : NULL;
    const char *content = job->failure ? job->failure : first && first->content ? first->content : "{}";
    job_flush(job);
    /* The descriptor needs an empty queue before it. */
    struct pollfd wanted = {.fd = job->library.fd, .events = POLLOUT};
    while (channel_flush(&job->library) == 1)
        (void)poll(&wanted, 1, -1);
    tell_results(job);
    frame_put_u32(how, job->failure ? SPK_REPLY_ERROR : first ? first->how : SPK_REPLY_ERROR);
    struct spk_text parts[] = {{(const char *)how, sizeof how},
                               {content, strlen(content)},
                               {measurements ? measurements : "[]", measurements ? len : 2}};
    job_tell(job, WORKER_REPLY, parts, 3);
    free(measurements);
    job->answered = 1;
    job->deadline_ns = loop_now_ns() + LEAVING_NS;
}

/* --- failing ---------------------------------------------------------------------------------------------
 */

void job_fail_with(struct job *job, struct spk_text content)
{
    if (job->failure || job->answered)
        return; /* later failures follow from the first one */
    job->failure = strndup(content.data, content.len);
    job->deadline_ns = loop_now_ns() + (job->interrupted ? INTERRUPTED_NS : BY_THEMSELVES_NS);
    if (!job->interrupted)
        job->aggregate_due_ns = job->deadline_ns; /* the others may fail in the same way */
}

void job_fail(struct job *job, const char *ename, const char *text)
{
    struct json *content = job->failure || job->answered ? NULL : error_content(ename, text);
    size_t len = 0;
    char *said = content ? json_print(content, &len) : NULL;
    json_free(content);
    if (!said)
        return;
    struct spk_text part = {said, len};
    job_flush(job);
    job_tell(job, WORKER_ERROR_OUTPUT, &part, 1);
    job_fail_with(job, part);
    free(said);
}

static void interrupt_all(struct job *job)
{
    questions_forget(job);
    ranks_interrupt(job);
    job->interrupted = 1;
}

/* The time of the remaining ranks is over: end them. */
static void end_the_rest(struct job *job)
{
    char text[512], names[200];
    uint32_t count = ranks_name_open(job, names, sizeof names);
    snprintf(text, sizeof text,
             "%s %s did not end when interrupted, and %s ended. What %s measured is lost.\n",
             count == 1 ? "Rank" : "Ranks", names, count == 1 ? "was" : "were", count == 1 ? "it" : "they");
    if (!job->failure)
        job_fail(job, "KeyboardInterrupt", text);
    else if (count && job->begun)
        on_aggregated_text(job, SPK_STDERR, (struct spk_text){text, strlen(text)});
    launcher_kill(job);
    ranks_drop_open(job);
}

static void on_deadline(struct job *job)
{
    job->deadline_ns = 0;
    if (!job->answered && ranks_are_finishing(job) && loop_now_ns() - job->heard_ns < QUIET_NS) {
        job->deadline_ns = loop_now_ns() + INTERRUPTED_NS;
    } else if (job->answered) {
        launcher_kill(job);
        job->over = 1;
    } else if (job->failure && !job->interrupted) {
        interrupt_all(job);
        job->deadline_ns = loop_now_ns() + INTERRUPTED_NS;
    } else {
        end_the_rest(job);
    }
}

static void look(struct job *job)
{
    char text[2600], said[2400];
    if (job->launcher && launcher_ended(job, said, sizeof said) && !job->answered &&
        job->present < (job->count ? job->count : 1)) {
        utf8_format(text, sizeof text,
                    "The cell was not run: its ranks were not started, as their launcher %s", said);
        job_fail(job, "NotMeasured", text);
        job->open -= job->count - job->present;
    }
    if (!job->answered && job->cell.type && job->open == 0 && (job->count || job->failure))
        answer(job);
    if (job->answered && !job->launcher)
        job->over = 1;
}

/* --- from the library ------------------------------------------------------------------------------------
 */

static void begin_cell(struct job *job, struct frame *frame)
{
    unsigned char *copy = job->cell.type ? NULL : malloc(frame->len + 1);
    if (!copy)
        return;
    memcpy(copy, frame->payload, frame->len);
    job->cell = *frame;
    job->cell.payload = copy;
    int result = job->failure ? 0 : launcher_start(job); /* it may have been interrupted by now */
    if (result == 0)
        return;
    char text[512];
    const char *launcher = job->order->launch[0];
    utf8_format(text, sizeof text,
                "The cell was not run: its launcher %.*s could not be started: %s. Set another one with "
                "%%%%scorep_launcher.",
                (int)utf8_cut(launcher, strlen(launcher), 200), launcher, failure_text(-result));
    job_fail(job, "NotMeasured", text);
}

/* A descriptor stays open for as long as the job lasts. */
static void take_state(struct job *job, struct frame *frame)
{
    struct spk_text options;
    int fd = frame->fds ? channel_claim_fd(&job->library) : -1;
    if (job->options || fd < 0 || frame_next_part(frame, &options) != 1) {
        if (fd >= 0)
            close(fd);
        return;
    }
    job->state = fd;
    job->options = strndup(options.data, options.len);
    if (shared_file_describe(fd, job->state_where, &job->state_len) != 0)
        job->over = 1; /* the library reports the job's end */
}

static void on_interrupt(struct job *job)
{
    if (job->count && job->ready == job->count) {
        if (!job->interrupted) /* asking again does not give them more time */
            job->deadline_ns = loop_now_ns() + ASKED_NS;
        interrupt_all(job);
        return;
    }
    job_fail(
        job, "KeyboardInterrupt",
        "The cell was interrupted before all its ranks had started. The session's variables are as before.");
    launcher_kill(job);
    ranks_drop_open(job);
}

static void on_library_frame(struct job *job, struct frame *frame)
{
    struct spk_text part;
    switch (frame->type) {
    case WORKER_SETUP:
        if (!job->setup && frame_next_part(frame, &part) == 1)
            job->setup = strndup(part.data, part.len);
        break;
    case WORKER_TAKE_STATE:
        take_state(job, frame);
        break;
    case WORKER_EXECUTE:
        begin_cell(job, frame);
        break;
    case WORKER_INTERRUPT:
        on_interrupt(job);
        break;
    case WORKER_INPUT_REPLY:
        if (frame_next_part(frame, &part) == 1)
            questions_answer(job, part);
        break;
    case WORKER_SHUTDOWN:
        if (!job->answered)
            job->over = 1;
        break;
    default:
        break;
    }
}

static void on_library(void *owner, unsigned events)
{
    struct job *job = owner;
    struct frame frame;
    int more = 0;
    if (events & LOOP_WRITE && channel_flush(&job->library) == 0)
        (void)loop_watch(&job->loop, &job->library_source, LOOP_READ); /* MOD of a watched descriptor */
    long got = events & LOOP_READ ? channel_receive(&job->library) : -EAGAIN;
    while (got > 0 && !job->over && (more = channel_next(&job->library, &frame)) > 0)
        on_library_frame(job, &frame);
    if ((got <= 0 && got != -EAGAIN) || more < 0) {
        loop_forget(&job->loop, &job->library_source);
        if (!job->answered) /* after the answer the library closes the socket, and the launcher may end by
                               itself */
            job->over = 1;
    }
}

/* --- its life --------------------------------------------------------------------------------------------
 */

static void on_signal(void *owner, unsigned events)
{
    struct job *job = owner;
    (void)events;
    if (signals_take(&job->signals))
        job->over = 1;
}

int job_open_results(const char *directory)
{
    char path[4096];
    int fd = directory ? open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                       : memfd_create("scorepkernel-variables", MFD_CLOEXEC);
    if (fd >= 0 || !directory || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd < 0 ? -errno : fd;
    /* The file system has no files without names. */
    snprintf(path, sizeof path, "%s/scorepkernel-XXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)unlink(path); /* if this fails the file keeps its name */
    return fd;
}

/* Each rank is a connection. */
static void allow_open_files(struct job *job)
{
    if (getrlimit(RLIMIT_NOFILE, &job->open_files) != 0)
        return;
    struct rlimit most = {job->open_files.rlim_max, job->open_files.rlim_max};
    (void)setrlimit(RLIMIT_NOFILE, &most); /* without it there can be fewer ranks, and a message says so */
}

static int begin(struct job *job)
{
    allow_open_files(job);
    job->stream = (struct output_pace){.write = tell_text, .owner = job};
    channel_init(&job->library, WORKER_FD);
    int result = loop_init(&job->loop);
    if (result == 0)
        result = signals_watch(&job->loop, &job->signals, on_signal, job);
    if (result == 0)
        result = job->results = job_open_results(job->order->directory);
    int fd = result >= 0 ? rendezvous_open(job->order->everywhere, job->rendezvous) : result;
    if (fd < 0)
        return fd;
    job->listener = (struct source){.fd = fd, .ready = ranks_accept, .owner = job};
    job->library_source = (struct source){.fd = WORKER_FD, .ready = on_library, .owner = job};
    result = loop_watch(&job->loop, &job->listener, LOOP_READ);
    if (result == 0)
        result = loop_watch(&job->loop, &job->library_source, LOOP_READ);
    if (result == 0)
        job_tell(job, WORKER_READY, NULL, 0);
    return result;
}

static void do_due(struct job *job, int64_t now)
{
    if (job->aggregate && aggregate_holds(job->aggregate) && !job->aggregate_due_ns)
        job->aggregate_due_ns = now + AGGREGATE_NS;
    if (job->aggregate_due_ns && job->aggregate_due_ns <= now) {
        aggregate_flush(job->aggregate, 0);
        job->aggregate_due_ns = 0;
    }
    if (job->listen_due_ns && job->listen_due_ns <= now) {
        job->listen_due_ns = 0;
        if (loop_watch(&job->loop, &job->listener, LOOP_READ) != 0)
            job->over = 1; /* nobody else could come */
    }
    if (job->deadline_ns && job->deadline_ns <= now)
        on_deadline(job);
    look(job);
}

/* Do what is due. Returns the milliseconds until something else is due; -1: nothing will be. */
static int tick(struct job *job)
{
    int64_t now = loop_now_ns(), next = -1;
    do_due(job, now);
    int64_t pace = output_pace_due(&job->stream, now);
    int64_t dues[] = {job->listen_due_ns, job->aggregate_due_ns, job->deadline_ns, pace < 0 ? 0 : now + pace};
    for (size_t i = 0; i < sizeof dues / sizeof *dues; i++)
        if (dues[i] && (next < 0 || dues[i] < next))
            next = dues[i];
    if (job->over || (next >= 0 && next <= now))
        return 0;
    return next < 0 ? -1 : (int)((next - now) / MS) + 1;
}

static void finish(struct job *job)
{
    launcher_finish(job);
    ranks_finish(job);
    aggregate_free(job->aggregate);
    output_pace_finish(&job->stream);
    channel_finish(&job->library);
    int fds[] = {job->listener.fd, job->signals.fd, job->state, job->results};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    unsigned char *payload = NULL;
    memcpy(&payload, &job->cell.payload, sizeof payload); /* it is ours, and const to all others */
    char *texts[] = {job->setup, job->options, job->files, job->failure, job->question, (char *)payload};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    loop_finish(&job->loop);
    free(job);
}

int job_run(const struct job_order *order)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return 1;
    job->order = order;
    job->listener.fd = job->signals.fd = job->state = job->results = -1;
    job->outputs[0].fd = job->outputs[1].fd = -1;
    int result = begin(job);
    if (result != 0)
        fprintf(stderr, "The cell was not run, as scorepkernel-ranks could not begin its work: %s.\n",
                failure_text(-result));
    while (result == 0 && !job->over) {
        struct pollfd wanted = {.fd = job->loop.fd, .events = POLLIN};
        int ready = poll(&wanted, 1, tick(job));
        if (ready > 0)
            result = loop_dispatch(&job->loop);
    }
    finish(job);
    return result == 0 ? 0 : 1;
}
