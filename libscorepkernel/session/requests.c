/* SPDX-License-Identifier: BSD-3-Clause
 *
 * requests.c - requests on their way to the worker, and what it says on its way to the host. One request is
 * with the worker at a time. Owns nothing of its own: the session's life is session.c's.
 */
#include "base/error_content.h"
#include "base/failure.h"
#include "base/print.h"
#include "report/report.h"
#include "session/cell.h"
#include "session/replies.h"
#include "session/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_AT_ONCE 64

static int is_execute(const struct request *request)
{
    return request->kind == WORKER_EXECUTE;
}

void session_reply(struct spk_session *session, uint32_t how, struct json *content)
{
    static const char no_memory[] =
        "{\"status\":\"error\",\"ename\":\"MemoryError\",\"evalue\":\"the kernel has no "
        "memory\",\"traceback\":[]}";
    struct request *request = session->active;
    size_t len = sizeof no_memory - 1;
    char *text = content ? json_print(content, &len) : NULL;
    session->active = NULL;
    session->marked.writing = 0;    /* whoever was to write them has not */
    session->asked = SETTINGS_NONE; /* nor has anybody let the settings pass */
    session->host.reply(session->host.ctx, request->number, text ? how : SPK_REPLY_ERROR,
                        (struct spk_text){text ? text : no_memory, text ? len : sizeof no_memory - 1});
    free(text);
    json_free(content);
    free(request);
}

void session_reply_error(struct spk_session *session, const char *ename, const char *said)
{
    struct buffer visible = {0}; /* it may hold words of the user's; with the NUL */
    int result = print_visible(&visible, said, strlen(said));
    result = result ? result : buffer_append(&visible, "", 1);
    const char *text = result == 0 ? (const char *)buffer_bytes(&visible) : failure_text(result);
    struct json *shown = is_execute(session->active) ? error_content(ename, text) : NULL;
    size_t len;
    char *content = shown ? json_print(shown, &len) : NULL;
    if (content && session->host.error)
        session->host.error(session->host.ctx, session->active->number, (struct spk_text){content, len});
    free(content);
    json_free(shown);
    session_reply(session, SPK_REPLY_ERROR, reply_failed(ename, text, session->active->execution_count));
    buffer_finish(&visible);
}

/* --- to the worker --------------------------------------------------------------------------------- */

/* Begin the active request. 1: it goes on, or has been answered; 0: it has to wait. */
static int begin_active(struct spk_session *session)
{
    struct request *request = session->active;
    if (request->kind == REQUEST_KERNEL_INFO) {
        if (!session->hello && session->state == SESSION_STARTING)
            return 0;
        session_reply(session, SPK_REPLY_OK, reply_kernel_info(session->hello));
        return 1;
    }
    if (session->state == SESSION_IDLE && !request->tried)
        session_start_worker(session); /* starting now, or idle again and tried */
    if (session->state == SESSION_IDLE) {
        session_reply_error(session, "NoSession",
                            session->failure ? session->failure : "There is no Python session.");
        return 1;
    }
    if (session->state != SESSION_READY)
        return 0;
    request->sent = 1;
    int result = is_execute(request) ? cell_run(session, request)
                                     : python_process_send(&session->worker, request->kind, request->number,
                                                           request->parts, request->count);
    /* A worker that has just ended takes nothing more. Its end is on its way here, and says why. */
    if (result == -EPIPE || result == -ECONNRESET)
        return 1;
    if (result != 0 && session->active)
        session_reply_error(session, "NotSent", failure_text(-result));
    return 1;
}

void session_run_next(struct spk_session *session)
{
    /* Bounded, as a host may begin a request in the reply of another for ever. */
    for (int i = 0; i < RUN_AT_ONCE; i++) {
        if (!session->active)
            session->active = request_pop(&session->queue);
        if (!session->active || session->active->sent || !begin_active(session))
            return;
    }
    (void)session_want(session, 0); /* fails only when there is nothing but waking to do already */
}

void session_withdraw_question(struct spk_session *session, uint64_t request)
{
    if (questions_close(&session->questions, request) && session->host.input_withdrawn)
        session->host.input_withdrawn(session->host.ctx, request);
}

void session_withdraw_questions(struct spk_session *session)
{
    while (session->questions.count)
        session_withdraw_question(session, session->questions.open[0].request);
}

static int send_answer(struct spk_session *session, uint64_t request, uint32_t number, struct spk_text value,
                       const char *refusal)
{
    struct python_process *asker =
        launched_cell_has(&session->runner, request) ? &session->runner.worker : &session->worker;
    unsigned char bytes[4];
    frame_put_u32(bytes, number);
    struct spk_text parts[] = {value, {(const char *)bytes, sizeof bytes}, {refusal, 0}};
    if (refusal)
        parts[2].len = strlen(refusal);
    return python_process_send(asker, WORKER_INPUT_REPLY, request, parts, refusal ? 3 : 2);
}

int session_input_reply(struct spk_session *session, uint64_t request, struct spk_text value,
                        struct spk_error *error)
{
    const struct question *question = questions_find(&session->questions, request);
    if (session->state != SESSION_READY || !question)
        return failure_set(error, -ENOENT, "request %llu does not wait for input",
                           (unsigned long long)request);
    int result = send_answer(session, request, question->number, value, NULL);
    if (result != 0)
        return failure_set(error, result, "the answer could not be sent: %s", failure_text(-result));
    (void)questions_close(&session->questions, request); /* it is open */
    return 0;
}

/* --- from the worker ------------------------------------------------------------------------------- */

static void show_report(struct spk_session *session, struct spk_text measurement)
{
    struct json *report = session->host.display_data ? report_content(measurement) : NULL;
    size_t len;
    char *text = report ? json_print(report, &len) : NULL;
    if (text)
        session->host.display_data(session->host.ctx, session->active->number, (struct spk_text){text, len});
    free(text);
    json_free(report);
}

static void on_reply(struct spk_session *session, struct frame *frame)
{
    struct spk_text how = {0}, content = {0}, measurement = {0};
    struct request *request = session->active;
    if (!request || !request->sent || frame->request != request->number)
        return; /* an answer to what was never asked */
    standby_drop(&session->standby);
    if (frame_next_part(frame, &how) != 1 || frame_next_part(frame, &content) != 1)
        return;
    int ok = frame_u32(how, SPK_REPLY_ERROR) == SPK_REPLY_OK;
    int more = frame_next_part(frame, &measurement) == 1;
    if (session->asked && ok && cell_settings_passed(session, measurement) != 0) {
        session_reply_error(
            session, "NotUnderstood",
            "What the session says of these settings could not be read. Nothing was changed.");
        return;
    }
    if (more && !session->asked)
        show_report(session, measurement);
    if (session->marked.writing && ok)
        marked_cells_clear(&session->marked);
    session->marked.writing = 0;
    session->asked = SETTINGS_NONE;
    session->active = NULL;
    session->early_ends = 0;
    session->host.reply(session->host.ctx, request->number, frame_u32(how, SPK_REPLY_ERROR), content);
    free(request);
}

static void on_ready(struct spk_session *session)
{
    if (session->state != SESSION_STARTING)
        return;
    session->state = SESSION_READY;
    session->promoted = 0;
    session_status(session, SPK_STATUS_READY, "");
}

/* A copy of the worker stands by until the running cell has ended. Without it, the cell runs unguarded. */
static void on_standby(struct spk_session *session, struct frame *frame)
{
    uint64_t id = ++session->last_id;
    int result = standby_take(&session->standby, id, frame, &session->worker.channel);
    if (result == 0)
        result = keeper_adopt(&session->keeper, id, session->standby.pid);
    if (result != 0)
        standby_drop(&session->standby);
}

/* Keep a text of the worker's: what it said first, or why it cannot work. */
static void keep_text(char **kept, struct frame *frame)
{
    struct spk_text text;
    if (frame_next_part(frame, &text) != 1)
        return;
    char *copy = strndup(text.data, text.len);
    if (!copy)
        return;
    free(*kept);
    *kept = copy;
}

static void on_comm(struct spk_session *session, struct frame *frame)
{
    struct spk_text content = {0}, metadata = {0}, ignored;
    const struct spk_host *host = &session->host;
    size_t count = 0;
    void (*deliver)(void *, uint64_t, struct spk_text, struct spk_text, const struct spk_text *, size_t) =
        frame->type == WORKER_FROM_COMM_OPEN      ? host->comm_open
        : frame->type == WORKER_FROM_COMM_MESSAGE ? host->comm_message
                                                  : host->comm_close;
    if (frame_next_part(frame, &content) != 1 || frame_next_part(frame, &metadata) != 1)
        return;
    for (struct frame ahead = *frame; frame_next_part(&ahead, &ignored) == 1;)
        count++;
    struct spk_text *buffers = calloc(count + 1, sizeof *buffers);
    for (size_t i = 0; buffers && i < count; i++)
        (void)frame_next_part(frame, &buffers[i]); /* counted above */
    if (deliver && buffers)
        deliver(host->ctx, frame->request, content, metadata, buffers, count);
    else if (deliver && host->log)
        host->log(host->ctx, SPK_LOG_ERROR, (struct spk_text){"no memory for a comm message", 28});
    free(buffers);
}

/* The outputs that are a content and nothing else. */
static void on_content(struct spk_session *session, struct frame *frame)
{
    const struct spk_host *host = &session->host;
    void (*deliver)(void *, uint64_t, struct spk_text) = NULL;
    struct spk_text content;
    switch (frame->type) {
    case WORKER_DISPLAY_DATA:
        deliver = host->display_data;
        break;
    case WORKER_UPDATE_DISPLAY_DATA:
        deliver = host->update_display_data;
        break;
    case WORKER_EXECUTE_RESULT:
        deliver = host->execute_result;
        break;
    case WORKER_ERROR:
        deliver = host->error;
        break;
    default:
        break;
    }
    if (deliver && frame_next_part(frame, &content) == 1)
        deliver(host->ctx, frame->request, content);
}

/* Python code asks the user. What cannot be asked has its answer at once. */
static void on_question(struct spk_session *session, struct frame *frame, struct spk_text prompt,
                        uint32_t password)
{
    const struct spk_host *host = &session->host;
    struct spk_text part = {0}, nothing = {"", 0};
    char why[128] = "this host cannot ask the user";
    (void)frame_next_part(frame, &part); /* without one it has the number 0 */
    uint32_t number = frame_u32(part, 0);
    if (host->input_request && questions_open(&session->questions, frame->request, number) == 0) {
        host->input_request(host->ctx, frame->request, prompt, password);
        return;
    }
    if (host->input_request)
        snprintf(why, sizeof why, "%u other questions wait for their answers, and more cannot be asked",
                 SPK_MAX_QUESTIONS);
    (void)send_answer(session, frame->request, number, nothing, why); /* or it ends, and needs none */
}

static void on_withdrawn(struct spk_session *session, struct frame *frame)
{
    const struct question *question = questions_find(&session->questions, frame->request);
    struct spk_text number;
    if (question && frame_next_part(frame, &number) == 1 && frame_u32(number, 0) == question->number)
        session_withdraw_question(session, frame->request);
}

/* The outputs with a number: clear_output, input_request, log. */
static void on_numbered(struct spk_session *session, struct frame *frame)
{
    const struct spk_host *host = &session->host;
    struct spk_text first = {0}, second = {0};
    if (frame_next_part(frame, &first) != 1)
        return;
    if (frame->type == WORKER_CLEAR_OUTPUT) {
        if (host->clear_output)
            host->clear_output(host->ctx, frame->request, frame_u32(first, 0));
    } else if (frame_next_part(frame, &second) != 1) {
        return;
    } else if (frame->type == WORKER_INPUT_REQUEST) {
        on_question(session, frame, first, frame_u32(second, 0));
    } else if (host->log) {
        host->log(host->ctx, frame_u32(first, SPK_LOG_INFO), second);
    }
}

void session_on_output(struct spk_session *session, struct frame *frame)
{
    switch (frame->type) {
    case WORKER_FROM_COMM_OPEN:
    case WORKER_FROM_COMM_MESSAGE:
    case WORKER_FROM_COMM_CLOSE:
        on_comm(session, frame);
        break;
    case WORKER_CLEAR_OUTPUT:
    case WORKER_INPUT_REQUEST:
    case WORKER_LOG:
        on_numbered(session, frame);
        break;
    case WORKER_INPUT_WITHDRAWN:
        on_withdrawn(session, frame);
        break;
    default:
        on_content(session, frame);
        break;
    }
}

void session_on_frame(struct spk_session *session, struct frame *frame)
{
    switch (frame->type) {
    case WORKER_HELLO:
        keep_text(&session->hello, frame);
        break;
    case WORKER_READY:
        on_ready(session);
        break;
    case WORKER_FAILED:
        keep_text(&session->failure, frame);
        break;
    case WORKER_SPARE:
        on_standby(session, frame);
        break;
    case WORKER_LAUNCH:
        launched_cell_launch(session, frame);
        break;
    case WORKER_NOT_FOR_ME:
        /* What has been answered meanwhile needs no interrupt. */
        if (session->active && session->active->number == frame->request &&
            launched_cell_has(&session->runner, frame->request))
            session_interrupt(session);
        break;
    case WORKER_REPLY:
        on_reply(session, frame);
        break;
    default:
        session_on_output(session, frame);
        break;
    }
    session_run_next(session);
}
