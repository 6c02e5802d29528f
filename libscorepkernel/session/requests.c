/* SPDX-License-Identifier: BSD-3-Clause
 *
 * requests.c - requests on their way to the worker, and what the worker says of them. One request is with the
 * worker at a time. What is to be done with a cell is decided in directives/decide.c, and done here.
 */
#include "session/requests.h"

#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/print.h"
#include "directives/decide.h"
#include "directives/measured_cell.h"
#include "report/report.h"
#include "session/answers.h"
#include "session/host_calls.h"
#include "session/input_requests.h"
#include "session/interrupt.h"
#include "session/lifecycle.h"
#include "session/outputs.h"
#include "session/replies.h"
#include "session/wake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_AT_ONCE 64

/* --- a cell ----------------------------------------------------------------------------------------------
 */

/* Show a text of ours, which may hold words of the user's. */
static void show_text(struct spk_session *session, uint32_t which, const char *text)
{
    struct buffer shown = {0};
    if (print_visible(&shown, text, strlen(text)) == 0 && shown.len)
        host_calls_text(&session->host, session->active->number, which,
                        (struct spk_text){(const char *)buffer_bytes(&shown), shown.len});
    buffer_finish(&shown);
}

/* Processes are started ahead for what the settings say; ranks are not, as a launcher starts them. */
static void plan_ahead(struct spk_session *session)
{
    struct json *way = measured_cell_way(&session->settings, NULL);
    size_t len;
    char *text = way ? json_print(way, &len) : NULL;
    if (session->settings.process != SETTINGS_LAUNCH || *session->settings.launcher)
        launched_cell_drop(&session->launched);
    else if (text)
        (void)python_process_send(&session->worker, WORKER_PLAN, 0, &(struct spk_text){text, len},
                                  1); /* it need not be */
    free(text);
    json_free(way);
}

static void put_into_force(struct spk_session *session, const struct settings *settings)
{
    session->settings = *settings;
    plan_ahead(session);
}

/* 0 or -errno. */
static int send_cell(struct spk_session *session, const struct decision *decision)
{
    const struct request *request = session->active;
    size_t len;
    char *text = json_print(decision->options, &len);
    int result = -ENOMEM;
    if (text) {
        struct spk_text parts[] = {request->parts[0], request->parts[1], {text, len}};
        result = python_process_send(&session->worker, WORKER_EXECUTE, request->number, parts, 3);
    }
    free(text);
    if (result != 0)
        return result;
    session->asked = decision->asked;
    session->proposed = decision->settings;
    session->marked.writing = decision->ends == MARKED_WRITE;
    if (decision->ends == MARKED_MEASURE)
        marked_cells_clear(&session->marked);
    if (json_get(decision->options, "measure"))
        progress_display_begin(&session->progress, request->number, request->parts[0]);
    return 0;
}

/* 0, or -errno: the worker could not be told. */
static int carry_out(struct spk_session *session, const struct decision *decision)
{
    const char *text = (const char *)buffer_bytes(&decision->text);
    if (*decision->note)
        show_text(session, SPK_STDERR, decision->note);
    if (decision->kind == DECISION_SEND)
        return send_cell(session, decision);
    if (decision->kind == DECISION_REFUSED) {
        answers_give_error(session, "ScorePDirectiveError", text);
        return 0;
    }
    if (decision->has_settings)
        put_into_force(session, &decision->settings);
    show_text(session, SPK_STDOUT, text);
    answers_give(session, SPK_REPLY_OK, reply_done(session->active->execution_count));
    return 0;
}

/* Parse the active cell, decide what is done with it, and do that. 0, or -errno. */
static int run_cell(struct spk_session *session)
{
    const struct request *request = session->active;
    struct json *content = json_parse(request->parts[0].data, request->parts[0].len), *metadata = NULL;
    struct cell cell = {.execution_count = request->execution_count,
                        .silent = json_boolean(json_get(content, "silent"), 0),
                        .settings = &session->settings,
                        .marked = &session->marked};
    struct decision decision = {0};
    int result = 0;
    cell.code.data = json_text(json_get(content, "code"), &cell.code.len);
    if (session->marked.mode != MARKED_OFF) {
        metadata = json_parse(request->parts[1].data, request->parts[1].len);
        cell.id.data = json_text(json_get(metadata, "cellId"), &cell.id.len);
    }
    if (!cell.id.data)
        cell.id = (struct spk_text){"", 0};
    if (cell.code.data) {
        result = decide(&cell, &decision);
        result = result ? result : carry_out(session, &decision);
    } else {
        answers_give_error(session, "ValueError",
                           "The execute request has no member \"code\" that is a text.");
    }
    decision_finish(&decision);
    json_free(metadata);
    json_free(content);
    return result;
}

/* The worker accepted the proposed settings: put them into force and tell the user. stays: JSON, the names of
 * settings that stay as they were. 0; -EINVAL: stays cannot be read, and nothing was changed. */
static int settings_passed(struct spk_session *session, struct spk_text stays)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    struct json *names = json_parse(stays.data, stays.len);
    if (!names)
        return -EINVAL;
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_at(names, i), NULL);
        settings_keep(&session->proposed, &session->settings, name ? name : "");
    }
    json_free(names);
    put_into_force(session, &session->proposed);
    settings_say(&session->settings, session->asked, said, sizeof said);
    show_text(session, SPK_STDOUT, said);
    return 0;
}

/* --- to the worker --------------------------------------------------------------------------------- */

/* The active request has not reached the worker, which knows nothing of it. */
static void refuse_unsent(struct spk_session *session, int code)
{
    char text[256];
    snprintf(
        text, sizeof text,
        "The request was not run, as it could not be sent to the session: %s. The variables are as before.",
        failure_text(code));
    answers_give_error(session, "NotSent", text);
}

/* Begin the active request. 1: it was begun or answered; 0: it has to wait for the worker. */
static int begin_active(struct spk_session *session)
{
    struct request *request = session->active;
    if (request->kind == REQUEST_KERNEL_INFO) {
        if (!session->hello && session->state == SESSION_STARTING)
            return 0;
        answers_give(session, SPK_REPLY_OK, reply_kernel_info(session->hello));
        return 1;
    }
    if (session->state == SESSION_IDLE && !request->tried)
        lifecycle_start_worker(session); /* starting now, or idle again and tried */
    if (session->state == SESSION_IDLE) {
        answers_give_error(session, "NoSession",
                           session->failure
                               ? session->failure
                               : "There is no Python session, and nothing was run. Restart the kernel.");
        return 1;
    }
    if (session->state != SESSION_READY)
        return 0;
    request->sent = 1;
    int result = request->kind == WORKER_EXECUTE
                     ? run_cell(session)
                     : python_process_send(&session->worker, request->kind, request->number, request->parts,
                                           request->count);
    /* The worker has just ended. The keeper reports that next, with the reason. */
    if (result == -EPIPE || result == -ECONNRESET)
        return 1;
    if (result != 0 && session->active)
        refuse_unsent(session, result);
    return 1;
}

void requests_run_next(struct spk_session *session)
{
    /* Bounded, as a host may begin a request in the reply of another for ever. */
    for (int i = 0; i < RUN_AT_ONCE; i++) {
        if (!session->active)
            session->active = request_pop(&session->queue);
        if (!session->active || session->active->sent || !begin_active(session))
            return;
    }
    (void)wake_session(session, 0); /* fails only when there is nothing but waking to do already */
}

/* --- from the worker ------------------------------------------------------------------------------- */

static void on_reply(struct spk_session *session, struct frame *frame)
{
    struct spk_text how = {0}, content = {0}, measurement = {0};
    const struct request *request = session->active;
    if (!request || !request->sent || frame->request != request->number)
        return; /* the answer to a request that is not active */
    if (frame_next_part(frame, &how) != 1 || frame_next_part(frame, &content) != 1) {
        lifecycle_lost(session); /* users' code has written into the socket: nothing more can be relied on */
        return;
    }
    standby_drop(&session->standby);
    int ok = frame_u32(how, SPK_REPLY_ERROR) == SPK_REPLY_OK;
    int more = frame_next_part(frame, &measurement) == 1;
    if (session->asked && ok && settings_passed(session, measurement) != 0) {
        answers_give_error(session, "NotUnderstood",
                           "What the session says of these settings could not be read. Nothing was changed.");
        return;
    }
    progress_display_end(&session->progress); /* the report takes its place */
    if (more && !session->asked)
        host_calls_display(&session->host, request->number, report_content(measurement));
    if (session->marked.writing && ok)
        marked_cells_clear(&session->marked);
    session->early_ends = 0;
    answers_give_text(session, frame_u32(how, SPK_REPLY_ERROR), content);
}

static void on_ready(struct spk_session *session)
{
    if (session->state != SESSION_STARTING)
        return;
    session->state = SESSION_READY;
    session->promoted = 0;
    host_calls_status(&session->host, SPK_STATUS_READY, "");
}

/* A copy of the worker stands by until the running cell has ended. */
static void on_standby(struct spk_session *session, struct frame *frame)
{
    uint64_t id = ++session->last_id;
    int result = standby_take(&session->standby, id, frame, &session->worker.channel);
    if (result == 0)
        result = keeper_adopt(&session->keeper, id, session->standby.pid);
    if (result != 0) {
        char how[128];
        snprintf(how, sizeof how, "cannot be used: %s", failure_text(result));
        lifecycle_lose_standby(session, how);
    }
}

/* Keep the text of a WORKER_HELLO or WORKER_FAILED frame. */
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

void requests_on_frame(void *owner, struct frame *frame)
{
    struct spk_session *session = owner;
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
    case WORKER_STANDBY:
        on_standby(session, frame);
        break;
    case WORKER_LAUNCH:
        launched_cell_launch(&session->launched, frame, session->settings.process == SETTINGS_LAUNCH);
        break;
    case WORKER_NOT_FOR_ME:
        /* What has been answered meanwhile needs no interrupt. */
        if (session->active && session->active->number == frame->request &&
            launched_cell_has(&session->launched, frame->request))
            interrupt_active(session);
        break;
    case WORKER_TAKEN:
        if (session->active && session->active->number == frame->request)
            interrupt_taken(session);
        break;
    case WORKER_REPLY:
        on_reply(session, frame);
        break;
    case WORKER_PROGRESS:
        progress_display_take_file(&session->progress, channel_claim_fd(&session->worker.channel));
        break;
    default:
        outputs_deliver(session, frame);
        break;
    }
    requests_run_next(session);
}
