/* SPDX-License-Identifier: BSD-3-Clause
 *
 * launched_cell.c - a launched cell's process: started for it or ahead of it, given the session's variables,
 * and heard to its end. Owns the process's connection, and the variables' descriptor while they are under
 * way. What is launched and with which arguments is the worker's to say; what the variables are, is never
 * looked at here.
 *
 * The order: the worker says WORKER_LAUNCH and waits. The runner gets WORKER_TAKE_STATE and the cell; its
 * output goes to the host as if it were the worker's. Its WORKER_STATE and WORKER_REPLY go back to the worker
 * as WORKER_RETURN, and the worker answers the request. A runner runs one cell; the next one is started as
 * soon as it has ended.
 */
#include "session/launched_cell.h"

#include "base/failure.h"
#include "base/json_bridge.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A copy of the session lacks the threads that libraries had there, and may wait for them where no interrupt
 * reaches it: so long it has after the first. */
#define COPY_PATIENCE_NS ((int64_t)1000 * 1000 * 1000)

#define COMMAND_MAX 65536 /* words of a command or environment */

static const struct python_process_events runner_events;

static void close_variables(struct runner *runner)
{
    if (runner->variables >= 0)
        close(runner->variables);
    runner->variables = -1;
}

/* Forget the runner and its questions, but keep the plan for the next one. */
static void forget(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    if (runner->request)
        launched->calls->gone(launched->owner, runner->request);
    python_process_finish(&runner->worker);
    close_variables(runner);
    free(runner->key);
    free(runner->options);
    free(runner->changes);
    free(runner->said);
    *runner = RUNNER_CLOSED;
}

void launched_cell_drop(struct launched_cell *launched)
{
    /* After KEEPER_END it has its grace time, as the worker has. */
    if (launched->runner.worker.id && !launched->keeper->ending)
        (void)keeper_signal(launched->keeper, launched->runner.worker.id, SIGKILL); /* or it has ended */
    forget(launched);
    free(launched->plan);
    launched->plan = NULL;
}

int launched_cell_has(const struct launched_cell *launched, uint64_t request)
{
    const struct runner *runner = &launched->runner;
    return runner->state != RUNNER_NONE && request && runner->request == request;
}

/* Tell the worker what became of its cell. */
static void give_back(struct launched_cell *launched, uint32_t how, struct spk_text content,
                      struct spk_text measurement, enum worker_ending ending)
{
    struct runner *runner = &launched->runner;
    unsigned char number[4], ended[4];
    frame_put_u32(number, how);
    frame_put_u32(ended, ending);
    const char *changes = runner->changes ? runner->changes : "";
    struct spk_text parts[] = {{(const char *)number, sizeof number},
                               content,
                               measurement,
                               {changes, strlen(changes)},
                               {(const char *)ended, sizeof ended}};
    int result = python_process_send_fd(launched->session, WORKER_RETURN, runner->request, parts, 5,
                                        runner->variables);
    /* If the descriptor cannot be sent, send the answer without the variables. A worker that has ended needs
     * no answer: its end is reported next. */
    if (result != 0)
        (void)python_process_send(launched->session, WORKER_RETURN, runner->request, parts, 5);
}

static void give_up(struct launched_cell *launched, enum worker_ending ending, const char *how)
{
    struct runner *runner = &launched->runner;
    const char *text = runner->said && ending == WORKER_ENDED ? runner->said : how;
    close_variables(runner); /* they have not come back */
    if (runner->request)
        give_back(launched, runner->state == RUNNER_BUSY ? SPK_REPLY_ERROR : SPK_REPLY_ABORTED,
                  (struct spk_text){"", 0}, (struct spk_text){text, strlen(text)}, ending);
    forget(launched);
}

/* The runner could not be started or adopted. The text is what WORKER_NOT_STARTED wants. */
static void give_up_start(struct launched_cell *launched, int code)
{
    char text[256];
    if (code == -EPROTO)
        snprintf(text, sizeof text,
                 "the process for it could not be started, as its plan was not understood");
    else
        snprintf(text, sizeof text,
                 "the process for it could not be started: %s. Check the limits on descriptors and processes "
                 "(ulimit -n, ulimit -u)",
                 failure_text(code ? code : -ENOMEM));
    give_up(launched, WORKER_NOT_STARTED, text);
}

/* The session itself is well. */
static int end_copy(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    int64_t now = loop_now_ns();
    if (!runner->interrupted_ns)
        runner->interrupted_ns = now;
    if (now - runner->interrupted_ns < COPY_PATIENCE_NS)
        return 0;
    if (!runner->said)
        runner->said =
            strdup("was ended by the kernel, since it went on after an interrupt, and was interrupted "
                   "again");                                           /* without it, how it ended must do */
    (void)keeper_signal(launched->keeper, runner->worker.id, SIGKILL); /* or it has ended */
    return 1;
}

int launched_cell_interrupt(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    if (runner->request && runner->state == RUNNER_BUSY && runner->is_copy)
        return end_copy(launched);
    if (!runner->request || runner->state != RUNNER_STARTING)
        return 0;
    (void)keeper_signal(launched->keeper, runner->worker.id, SIGKILL); /* or it has ended */
    give_up(launched, WORKER_INTERRUPTED, "");
    return 1;
}

/* --- starting --------------------------------------------------------------------------------------------
 */

/* The texts of a JSON array, closed by NULL; borrowed from it. NULL: no memory, or not such an array. */
static const char **words_of(const struct json *array)
{
    size_t count = json_count(array);
    const char **words = count < COMMAND_MAX ? calloc(count + 1, sizeof *words) : NULL;
    for (size_t i = 0; words && i < count; i++) {
        words[i] = json_text(json_at(array, i), NULL);
        if (!words[i]) {
            free(words);
            return NULL;
        }
    }
    return words;
}

/* Start a runner by the plan. 0 or -errno. */
static int start(struct launched_cell *launched, struct json *plan)
{
    struct runner *runner = &launched->runner;
    const char *key = json_text(json_get(plan, "key"), NULL);
    const char **argv = words_of(json_get(plan, "argv")),
               **environment = words_of(json_get(plan, "environment"));
    int result = -EPROTO;
    runner->key = key ? strdup(key) : NULL;
    if (argv && argv[0] && environment && runner->key) {
        struct python_process_start how = {.argv = argv,
                                           .directory = launched->directory,
                                           .environment = environment,
                                           .setup = launched->setup};
        result = python_process_spawn(&runner->worker, launched->loop, launched->keeper, ++*launched->last_id,
                                      &how, &runner_events, launched, NULL);
        runner->state = result == 0 ? RUNNER_STARTING : RUNNER_NONE;
    }
    free(argv);
    free(environment);
    return result;
}

/* Start a runner for the next cell of this kind, so that it waits when the cell comes. */
static void start_ahead(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    struct json *plan = launched->plan ? json_parse(launched->plan, strlen(launched->plan)) : NULL;
    if (plan && json_integer(json_get(plan, "ahead"), 0) && launched->calls->is_ready(launched->owner) &&
        runner->state == RUNNER_NONE && start(launched, plan) != 0)
        forget(launched); /* the next launched cell tries again, and says why */
    json_free(plan);
}

/* Give the waiting runner its cell. */
static void begin(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    struct spk_text options = {runner->options, strlen(runner->options)}, parts[3];
    int result = launched->calls->find_cell(launched->owner, runner->request, parts);
    parts[2] = options;
    if (result == 0 && runner->variables >= 0)
        result = python_process_send_fd(&runner->worker, WORKER_TAKE_STATE, runner->request, &options, 1,
                                        runner->variables);
    if (result == 0)
        result = python_process_send(&runner->worker, WORKER_EXECUTE, runner->request, parts, 3);
    close_variables(runner);
    if (result == 0)
        runner->state = RUNNER_BUSY;
    else
        give_up(launched, WORKER_ENDED, "could not be given its cell");
}

static void take_plan(struct launched_cell *launched, struct spk_text plan)
{
    char *copy = strndup(plan.data, plan.len);
    free(launched->plan);
    launched->plan = copy;
}

/* A forked copy of the session is the runner. */
static int adopt(struct launched_cell *launched, uint32_t pid, const int fds[3])
{
    struct runner *runner = &launched->runner;
    uint64_t id = ++*launched->last_id;
    /* The keeper knows it before it begins, since it may end at once; the descriptors are taken in any case.
     */
    int known = keeper_adopt(launched->keeper, id, pid);
    int result = python_process_adopt(&runner->worker, launched->loop, id, fds, "{\"runner\":true}",
                                      &runner_events, launched);
    result = known ? known : result;
    runner->state = result == 0 ? RUNNER_STARTING : RUNNER_NONE;
    runner->is_copy = 1;
    return result;
}

/* Find or start a runner for the request's cell. */
static void assign(struct launched_cell *launched, uint64_t request, struct spk_text plan, uint32_t pid,
                   struct spk_text options, const int fds[3])
{
    struct runner *runner = &launched->runner;
    struct json *wanted = json_parse(plan.data, plan.len);
    const char *key = json_text(json_get(wanted, "key"), NULL);
    int result = 0;
    if (pid || !key || !runner->key || strcmp(key, runner->key) != 0 || runner->request)
        launched_cell_drop(launched);
    if (pid)
        result = adopt(launched, pid, fds);
    else if (runner->state == RUNNER_NONE)
        result = start(launched, wanted);
    runner->request = request;
    runner->options = strndup(options.data, options.len);
    runner->variables = pid ? -1 : fds[0];
    if (!pid)
        take_plan(launched, plan);
    if (result != 0 || !runner->options)
        give_up_start(launched, result);
    else if (runner->state == RUNNER_READY)
        begin(launched);
    json_free(wanted);
}

/* Prepare a runner for the next cell of this kind. A runner that runs a cell is not disturbed. */
static void plan_ahead(struct launched_cell *launched, struct spk_text plan)
{
    struct runner *runner = &launched->runner;
    struct json *wanted = json_parse(plan.data, plan.len);
    const char *key = json_text(json_get(wanted, "key"), NULL);
    if (runner->state != RUNNER_NONE && !runner->request && key &&
        (!runner->key || strcmp(key, runner->key) != 0))
        launched_cell_drop(launched);
    take_plan(launched, plan);
    start_ahead(launched);
    json_free(wanted);
}

void launched_cell_launch(struct launched_cell *launched, struct frame *frame, int ahead)
{
    struct spk_text plan = {0}, pid = {0}, options = {0};
    int fds[3] = {-1, -1, -1}, taken = 0;
    for (unsigned i = 0; i < frame->fds; i++) {
        int fd = channel_claim_fd(&launched->session->channel);
        if (i < 3)
            fds[i] = fd;
        else if (fd >= 0)
            close(fd);
    }
    int whole = frame_next_part(frame, &plan) == 1 && frame_next_part(frame, &pid) == 1 &&
                frame_next_part(frame, &options) == 1;
    if (whole && frame->request) {
        uint32_t copy = frame_u32(pid, 0);
        taken = copy ? 3 : 1;
        assign(launched, frame->request, plan, copy, options, fds);
    } else if (whole && ahead) {
        plan_ahead(launched, plan); /* or the settings have changed since the worker was asked */
    }
    for (int i = taken; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* --- from the runner -------------------------------------------------------------------------------------
 */

static void on_ready(struct launched_cell *launched)
{
    struct runner *runner = &launched->runner;
    if (runner->state != RUNNER_STARTING)
        return;
    runner->state = RUNNER_READY;
    if (runner->request)
        begin(launched);
}

static void on_state(struct launched_cell *launched, struct frame *frame)
{
    struct runner *runner = &launched->runner;
    struct spk_text changes;
    close_variables(runner);
    for (unsigned i = 0; i < frame->fds; i++) {
        int fd = channel_claim_fd(&runner->worker.channel);
        if (i == 0)
            runner->variables = fd;
        else if (fd >= 0)
            close(fd);
    }
    if (frame_next_part(frame, &changes) == 1) {
        free(runner->changes);
        runner->changes = strndup(changes.data, changes.len);
    }
}

/* Nothing can be sent to it; the keeper reports its end. why: how it ended, for messages. */
static void end_runner(struct launched_cell *launched, const char *why)
{
    if (!launched->runner.said)
        launched->runner.said = strdup(why); /* without memory, the way it ended must do */
    (void)keeper_signal(launched->keeper, launched->runner.worker.id, SIGKILL);
}

static void on_lost(void *owner)
{
    end_runner(owner, WORKER_WAS_NOT_UNDERSTOOD);
}

static void on_closed(void *owner)
{
    end_runner(owner, WORKER_WAS_CLOSED);
}

static void on_reply(struct launched_cell *launched, struct frame *frame)
{
    struct spk_text how = {0}, content = {0}, measurement = {0};
    struct runner *runner = &launched->runner;
    if (frame->request != runner->request)
        return;
    if (frame_next_part(frame, &how) != 1 || frame_next_part(frame, &content) != 1) {
        on_lost(launched);
        return;
    }
    (void)frame_next_part(frame, &measurement); /* none when the cell was not measured */
    give_back(launched, frame_u32(how, SPK_REPLY_ERROR), content, measurement, WORKER_REPLIED);
    (void)python_process_send(&runner->worker, WORKER_SHUTDOWN, 0, NULL, 0); /* or it ends with its socket */
    forget(launched);
    start_ahead(launched);
}

/* Text of ranks, which comes as frames and not by the pipes. */
static void on_ranks_text(struct launched_cell *launched, struct frame *frame)
{
    struct spk_text which, text;
    if (frame_next_part(frame, &which) == 1 && frame_next_part(frame, &text) == 1)
        launched->calls->text(launched->owner, frame->request,
                              frame_u32(which, SPK_STDERR) == SPK_STDOUT ? SPK_STDOUT : SPK_STDERR, text);
}

static void on_frame(void *owner, struct frame *frame)
{
    struct launched_cell *launched = owner;
    struct spk_text text;
    switch (frame->type) {
    case WORKER_HELLO:
        break;
    case WORKER_READY:
        on_ready(launched);
        break;
    case WORKER_FAILED:
        if (frame_next_part(frame, &text) == 1 && !launched->runner.said)
            launched->runner.said = strndup(text.data, text.len);
        break;
    case WORKER_STATE:
        on_state(launched, frame);
        break;
    case WORKER_REPLY:
        on_reply(launched, frame);
        break;
    case WORKER_TEXT:
        on_ranks_text(launched, frame);
        break;
    default:
        launched->calls->output(launched->owner, frame);
        break;
    }
}

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    const struct launched_cell *launched = owner;
    launched->calls->text(launched->owner, request, which, text);
}

static void on_trace(void *owner, int sent, const struct frame *frame)
{
    const struct launched_cell *launched = owner;
    launched->calls->trace(launched->owner, sent, frame);
}

static const struct python_process_events runner_events = {on_text, on_frame, on_lost, on_closed, on_trace};

int launched_cell_ended(struct launched_cell *launched, uint64_t id, const char *how)
{
    struct runner *runner = &launched->runner;
    if (!runner->worker.id || id != runner->worker.id)
        return 0;
    python_process_drain(&runner->worker);
    if (runner->worker.id == id) /* its reply may have been among what was read */
        give_up(launched, WORKER_ENDED, how);
    return 1;
}
