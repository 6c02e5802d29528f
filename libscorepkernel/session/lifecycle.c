/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lifecycle.c - the life of the session's worker: its start, its end, and who goes on then - its standby, or
 * a new worker in a session that knows nothing. What the requests do is in requests.c.
 */
#include "session/lifecycle.h"

#include "base/failure.h"
#include "base/print.h"
#include "base/utf8.h"
#include "process/output_marks.h"
#include "process/process_end.h"
#include "session/answers.h"
#include "session/host_calls.h"
#include "session/input_requests.h"
#include "session/wake.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A worker that ends so soon after its start, and without a cell, would do so again. */
#define EARLY_END_NS (10 * INT64_C(1000000000))
#define EARLY_ENDS_MAX 3

/* The worker was started, or not, when the host did not have its session yet. */
void lifecycle_tell_start(struct spk_session *session)
{
    session->untold = 0;
    host_calls_status(&session->host, SPK_STATUS_STARTING, "");
    if (session->state == SESSION_IDLE && session->failure)
        host_calls_status(&session->host, SPK_STATUS_FAILED, session->failure);
}

/* Nothing can be sent to it; the keeper reports its end. */
void lifecycle_end_worker(struct spk_session *session, const char *why)
{
    session->lost = why;
    (void)keeper_signal(&session->keeper, session->worker.id, SIGKILL);
}

void lifecycle_lost(void *owner)
{
    lifecycle_end_worker(owner, WORKER_WAS_NOT_UNDERSTOOD);
}

void lifecycle_closed(void *owner)
{
    struct spk_session *session = owner;
    if (session->state != SESSION_ENDING) /* then it may take its time for what is done at exit */
        lifecycle_end_worker(session, WORKER_WAS_CLOSED);
}

void lifecycle_lose_standby(struct spk_session *session, const char *how)
{
    char text[1024];
    standby_drop(&session->standby);
    if (!session->active || !session->active->sent)
        return;
    size_t len = utf8_format(text, sizeof text,
                             "Warning: the copy of the session that guards this cell %s. The cell goes on "
                             "unguarded: should it end its process, the variables are lost.\n",
                             how);
    host_calls_text(&session->host, session->active->number, SPK_STDERR, (struct spk_text){text, len});
}

/* There is no worker: keep the reason, tell the host, and mark all waiting requests as tried. */
static void give_up(struct spk_session *session, const char *why)
{
    struct buffer visible = {
        0}; /* it may hold names of the user's, and what Python said at its end; with the NUL */
    if (print_visible(&visible, why, strlen(why)) == 0 && buffer_append(&visible, "", 1) == 0)
        why = (const char *)buffer_bytes(&visible);
    free(session->failure);
    session->failure = strdup(why);
    python_process_finish(&session->worker);
    if (session->state == SESSION_STARTING || session->state == SESSION_READY)
        session->state = SESSION_IDLE;
    host_calls_status(&session->host, SPK_STATUS_FAILED, why);
    if (session->active)
        session->active->tried = 1;
    for (struct request *request = session->queue.first; request; request = request->next)
        request->tried = 1;
    (void)wake_session(session, 0); /* as in requests_run_next */
    buffer_finish(&visible);
}

void lifecycle_start_worker(struct spk_session *session)
{
    char python[PATHS_MAX], package[PATHS_MAX + 16];
    struct spk_error error = {.size = sizeof error};
    int result = paths_python(session->python, session->environment, session->directory, python, &error);
    free(session->failure);
    session->failure = NULL;
    session->state = SESSION_STARTING;
    session->started_ns = loop_now_ns();
    session->lost = NULL;
    input_requests_withdraw_all(session);
    host_calls_status(&session->host, SPK_STATUS_STARTING, result == 0 ? python : "");
    if (result == 0 && !session->keeper_alive) {
        result = keeper_start(&session->keeper, &session->loop, session->private_path,
                              &lifecycle_keeper_events, session, &error);
        session->keeper_alive = result == 0;
    }
    if (result == 0) {
        snprintf(package, sizeof package, "%s/worker", session->private_path);
        struct python_process_start start = {.python = python,
                                             .package = package,
                                             .directory = session->directory,
                                             .environment = session->environment,
                                             .setup = session->setup};
        result = python_process_spawn(&session->worker, &session->loop, &session->keeper, ++session->last_id,
                                      &start, session->worker_events, session, &error);
    }
    if (result != 0)
        give_up(session, error.text);
}

static void on_spawned(void *owner, uint64_t id, uint32_t pid)
{
    (void)owner;
    (void)id;
    (void)pid;
}

static void restart_after_death(struct spk_session *session, const char *how);

/* For messages: not more than a line's worth. */
static int shown_path(const char *path)
{
    return (int)utf8_cut(path, strlen(path), 200);
}

static void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    struct spk_session *session = owner;
    char text[512];
    if (id == session->standby.id && id) { /* nobody would report its end */
        utf8_format(text, sizeof text, "cannot be watched: %s (%.*s)", failure_text(-code), (int)stage.len,
                    stage.data);
        lifecycle_lose_standby(session, text);
    }
    if (id != session->worker.id) {
        utf8_format(text, sizeof text, "could not be started: %s (%.*s)", failure_text(-code), (int)stage.len,
                    stage.data);
        (void)launched_cell_ended(&session->launched, id, text);
        return;
    }
    /* The standby that became the worker could not be adopted: nobody would report its end. */
    if (session->state == SESSION_READY || (session->state == SESSION_STARTING && session->promoted)) {
        utf8_format(text, sizeof text, "could not go on in its copy: %s (%.*s)", failure_text(-code),
                    (int)stage.len, stage.data);
        restart_after_death(session, text);
        return;
    }
    utf8_format(text, sizeof text,
                "The Python interpreter \"%.*s\" could not be started: %s (%.*s). Check it by hand, or point "
                "the kernel "
                "at another: scorepkernel install --python PATH",
                shown_path(session->python), session->python, failure_text(-code), (int)stage.len,
                stage.data);
    give_up(session, text);
}

/* The worker ended before it could work: what it said on the way is the best explanation. */
static void explain_failed_start(struct spk_session *session, const char *how)
{
    struct buffer text = {0}, said = {0};
    if (session->failure) {
        (void)print_text(&text, "%s", session->failure);
    } else {
        /* What the process wrote need not be UTF-8, and may begin within a character. */
        (void)output_marks_text(&said, session->worker.errors.bytes, session->worker.errors.len,
                                session->worker.output.token);
        (void)print_text(
            &text,
            "The Python interpreter \"%.*s\" %s before the session was ready. Check it by hand, or "
            "point the "
            "kernel at another: scorepkernel install --python PATH\n%.*s",
            shown_path(session->python), session->python, how, (int)said.len,
            said.len ? (const char *)buffer_bytes(&said) : "");
    }
    give_up(session, text.len ? (const char *)buffer_bytes(&text)
                              : "The Python session could not be started, as there is no memory for it.");
    buffer_finish(&text);
    buffer_finish(&said);
}

/* Take all waiting requests off the queue, so that those which the host begins in the following callbacks are
 * not among them. */
static struct request_queue take_waiting(struct spk_session *session)
{
    struct request_queue waiting = session->queue;
    session->queue = (struct request_queue){0};
    return waiting;
}

/* Stop starting workers that end each time without a cell having run. */
static void stop_starting(struct spk_session *session, const char *how)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "The Python session %s, soon after its start and without a cell; so did %u before it. The next "
        "cell starts one again, nothing else does. Look for what ends it: sitecustomize.py and what else "
        "Python runs at its start, a limit of memory or of processor time.",
        how, session->early_ends - 1);
    give_up(session, text);
}

/* The worker has ended with its variables. Tell the running cell, and abort the cells behind it: they were
 * meant for those variables. */
static void restart_after_death(struct spk_session *session, const char *how)
{
    char text[1024];
    utf8_format(
        text, sizeof text,
        "The Python session %s. Its variables are lost; a new session has been started. Run the cells "
        "again that "
        "define what you need.%s",
        how, session->asked ? " The settings that this cell asked for are not in force." : "");
    python_process_finish(&session->worker);
    standby_drop(&session->standby);
    launched_cell_drop(&session->launched);
    session->promoted = 0;
    session->state = SESSION_IDLE;
    struct request_queue waiting = take_waiting(session);
    int told = session->active && session->active->sent;
    int early = !told && loop_now_ns() - session->started_ns < EARLY_END_NS;
    session->early_ends = early ? session->early_ends + 1 : 0;
    int again = session->early_ends < EARLY_ENDS_MAX;
    int shown = told && session->active->kind == WORKER_EXECUTE; /* clients show no other reply's error */
    if (told)
        answers_give_error(session, "SessionDied", text);
    else if (session->active)
        answers_abort_active(session);
    answers_abort_queue(session, &waiting);
    host_calls_status(&session->host, SPK_STATUS_DIED, shown || !again ? "" : text);
    if (again)
        lifecycle_start_worker(session);
    else
        stop_starting(session, how);
}

/* Abort the active request and all that wait behind it. */
static void abort_requests(struct spk_session *session)
{
    struct request_queue waiting = take_waiting(session);
    if (session->active)
        answers_abort_active(session);
    answers_abort_queue(session, &waiting);
}

/* The worker has ended in a guarded cell: its standby goes on in its place. 0, or -errno: it cannot. */
static int promote(struct spk_session *session, const char *how)
{
    struct standby standby = session->standby;
    char text[1024];
    session->standby = STANDBY_NONE;
    standby_explain(&standby, how, text, sizeof text);
    python_process_finish(&session->worker);
    int result = python_process_adopt(&session->worker, &session->loop, standby.id, standby.fds, NULL,
                                      session->worker_events, session);
    free(standby.lacks);
    if (result != 0)
        return result;
    session->state = SESSION_STARTING;
    session->promoted = 1;
    session->lost = NULL; /* the reason was for the former worker, and so was its last word */
    free(session->failure);
    session->failure = NULL;
    input_requests_withdraw_all(session);
    answers_give_error(session, "SessionRestored", text);
    return 0;
}

static void on_exited(void *owner, uint64_t id, const struct process_end *end)
{
    struct spk_session *session = owner;
    char how[512];
    process_end_text(end, how, sizeof how);
    if (id && id == session->standby.id)
        lifecycle_lose_standby(session, how); /* given up when memory ran short, or killed */
    if (!id || launched_cell_ended(&session->launched, id, how) || id != session->worker.id)
        return; /* 0 is the number of no process */
    python_process_drain(&session->worker);
    if (session->lost)
        snprintf(how, sizeof how, "%s", session->lost);
    else if (session->failure && session->state == SESSION_READY)
        utf8_format(how, sizeof how, "%s", session->failure); /* its own word, for which it ended itself */
    if (session->state == SESSION_ENDING) {
        python_process_finish(&session->worker);
        abort_requests(session);
    } else if (session->state == SESSION_STARTING && !session->promoted) {
        explain_failed_start(session, how);
    } else if (!(session->state == SESSION_READY && session->standby.id && session->active &&
                 session->active->sent && promote(session, how) == 0)) {
        restart_after_death(session, how);
    }
}

static void finish_ending(struct spk_session *session)
{
    python_process_finish(&session->worker);
    abort_requests(session);
    session->state = SESSION_ENDED;
    host_calls_status(&session->host, SPK_STATUS_ENDED, "");
}

static void on_gone(void *owner)
{
    struct spk_session *session = owner;
    session->keeper_alive = 0;
    if (session->state == SESSION_ENDING) {
        finish_ending(session);
    } else if (session->worker.id) {
        python_process_drain(&session->worker);
        restart_after_death(session, "was ended because its helper program, scorepkernel-keeper, was killed");
    }
}

static void on_keeper_trace(void *owner, int sent, const struct frame *frame)
{
    const struct spk_session *session = owner;
    if (session->traces_frames)
        host_calls_trace(&session->host, FRAME_OF_KEEPER, "keeper", sent, frame);
}

const struct keeper_events lifecycle_keeper_events = {on_spawned, on_failed, on_exited, on_gone,
                                                      on_keeper_trace};

int lifecycle_begin_shutdown(struct spk_session *session)
{
    if (session->state >= SESSION_ENDING)
        return 0;
    atomic_store(&session->interrupted, atomic_load(&session->begun));
    /* Replies come in order: with a request running, the others have to wait for its end. */
    if (!session->active || !session->active->sent)
        abort_requests(session);
    return 1;
}

void lifecycle_shutdown(struct spk_session *session)
{
    standby_drop(&session->standby);
    if (!launched_cell_has(&session->launched, session->active ? session->active->number : 0))
        launched_cell_drop(&session->launched);
    session->state = SESSION_ENDING;
    if (session->worker.id)
        (void)python_process_send(&session->worker, WORKER_SHUTDOWN, 0, NULL,
                                  0); /* one that cannot hear it is killed */
    if (!session->keeper_alive || keeper_end(&session->keeper, atomic_load(&session->grace_ms)) != 0)
        finish_ending(session);
}
