/* SPDX-License-Identifier: BSD-3-Clause
 *
 * session.c - the life of one notebook session: its start, its worker's start and end, interrupt, shutdown.
 * What the requests do is in run.c.
 */
#include "session/session.h"

#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/print.h"
#include "base/utf8.h"
#include "process/output_marks.h"
#include "process/process_end.h"
#include "session/replies.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A worker that ends so soon after its start, and without a cell, would do so again. */
#define EARLY_END_NS (10 * INT64_C(1000000000))
#define EARLY_ENDS_MAX 3

extern char **environ;

void session_status(struct spk_session *session, uint32_t status, const char *text)
{
    if (session->host.status)
        session->host.status(session->host.ctx, status, (struct spk_text){text, strlen(text)});
}

/* The worker was started, or not, when the host did not have its session yet. */
static void tell_start(struct spk_session *session)
{
    session->untold = 0;
    session_status(session, SPK_STATUS_STARTING, "");
    if (session->state == SESSION_IDLE && session->failure)
        session_status(session, SPK_STATUS_FAILED, session->failure);
}

/* --- the worker ------------------------------------------------------------------------------------ */

void session_on_text(struct spk_session *session, uint64_t request, uint32_t which, struct spk_text text)
{
    if (session->host.stream)
        session->host.stream(session->host.ctx, request, which, text);
}

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    session_on_text(owner, request, which, text);
}

static void on_frame(void *owner, struct frame *frame)
{
    session_on_frame(owner, frame);
}

/* A worker that cannot be spoken to is of no use; its end comes from the keeper. */
static void end_worker(struct spk_session *session, const char *why)
{
    session->lost = why;
    (void)keeper_signal(&session->keeper, session->worker.id, SIGKILL);
}

static void on_lost(void *owner)
{
    end_worker(owner, "was ended by the kernel, since what it sent was not understood");
}

static void on_closed(void *owner)
{
    struct spk_session *session = owner;
    if (session->state != SESSION_ENDING) /* then it may take its time for what is done at exit */
        end_worker(session, WORKER_WAS_CLOSED);
}

static const struct python_process_events worker_events = {on_text, on_frame, on_lost, on_closed};

/* There is no worker, and why: everything that waits is told. */
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
    session_status(session, SPK_STATUS_FAILED, why);
    if (session->active)
        session->active->tried = 1;
    for (struct request *request = session->queue.first; request; request = request->next)
        request->tried = 1;
    (void)session_want(session, 0); /* as in session_run_next */
    buffer_finish(&visible);
}

static const struct keeper_events keeper_events;

void session_start_worker(struct spk_session *session)
{
    char python[PATHS_MAX], package[PATHS_MAX + 16];
    struct spk_error error = {.size = sizeof error};
    int result = paths_python(session->python, session->environment, session->directory, python, &error);
    free(session->failure);
    session->failure = NULL;
    session->state = SESSION_STARTING;
    session->started_ns = loop_now_ns();
    session->lost = NULL;
    session_withdraw_questions(session);
    session_status(session, SPK_STATUS_STARTING, result == 0 ? python : "");
    if (result == 0 && !session->keeper_alive) {
        result = keeper_start(&session->keeper, &session->loop, session->private_path, &keeper_events,
                              session, &error);
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
                                      &start, &worker_events, session, &error);
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

static void bury(struct spk_session *session, const char *how);

/* For messages: not more than a line's worth. */
static int shown_path(const char *path)
{
    return (int)utf8_cut(path, strlen(path), 200);
}

static void on_failed(void *owner, uint64_t id, int code, struct spk_text stage)
{
    struct spk_session *session = owner;
    char text[512];
    if (id == session->standby.id && id) /* it could not be adopted: nobody would know of its end */
        standby_drop(&session->standby);
    if (id != session->worker.id) {
        utf8_format(text, sizeof text, "could not be started: %s (%.*s)", failure_text(-code), (int)stage.len,
                    stage.data);
        (void)launched_cell_ended(session, id, text);
        return;
    }
    /* The standby that goes on was not adopted: nobody would know of its end. */
    if (session->state == SESSION_READY || (session->state == SESSION_STARTING && session->promoted)) {
        utf8_format(text, sizeof text, "could not go on in its copy: %s (%.*s)", failure_text(-code),
                    (int)stage.len, stage.data);
        bury(session, text);
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
    give_up(session, text.len ? (const char *)buffer_bytes(&text) : "There is no memory.");
    buffer_finish(&text);
    buffer_finish(&said);
}

/* All that waits, off the queue: what the host begins in the callbacks that follow is not among it. */
static struct request_queue take_waiting(struct spk_session *session)
{
    struct request_queue waiting = session->queue;
    session->queue = (struct request_queue){0};
    return waiting;
}

static void abort_active(struct spk_session *session)
{
    session_reply(session, SPK_REPLY_ABORTED, reply_failed(NULL, NULL, session->active->execution_count));
}

static void abort_waiting(struct spk_session *session, struct request_queue *waiting)
{
    while ((session->active = request_pop(waiting)))
        abort_active(session);
}

/* One that ends each time, and not for a cell, would be started without end. */
static void stop_starting(struct spk_session *session, const char *how)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "The Python session %s, soon after its start and without a cell; so did %u before it. The next "
        "cell starts one again, nothing else does. Look for what ends it: sitecustomize.py and what else "
        "Python runs at its start, a limit of memory or of processor time.",
        how, session->early_ends - 1);
    give_up(session, text);
}

/* The session is lost. The running cell is told; those behind it are not run in a session that knows nothing.
 */
static void bury(struct spk_session *session, const char *how)
{
    char text[512];
    utf8_format(
        text, sizeof text,
        "The Python session %s. Its variables are lost; a new session has been started. Run the cells "
        "again that "
        "define what you need.%s",
        how, session->asked ? " The settings that this cell asked for are not in force." : "");
    python_process_finish(&session->worker);
    standby_drop(&session->standby);
    launched_cell_drop(session);
    session->promoted = 0;
    session->state = SESSION_IDLE;
    struct request_queue waiting = take_waiting(session);
    int told = session->active && session->active->sent;
    int early = !told && loop_now_ns() - session->started_ns < EARLY_END_NS;
    session->early_ends = early ? session->early_ends + 1 : 0;
    int again = session->early_ends < EARLY_ENDS_MAX;
    if (told)
        session_reply_error(session, "SessionDied", text);
    else if (session->active)
        abort_active(session);
    abort_waiting(session, &waiting);
    session_status(session, SPK_STATUS_DIED, told || !again ? "" : text);
    if (again)
        session_start_worker(session);
    else
        stop_starting(session, how);
}

/* The active one, and all that waits behind it. */
static void abort_requests(struct spk_session *session)
{
    struct request_queue waiting = take_waiting(session);
    if (session->active)
        abort_active(session);
    abort_waiting(session, &waiting);
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
                                      &worker_events, session);
    free(standby.lacks);
    if (result != 0)
        return result;
    session->state = SESSION_STARTING;
    session->promoted = 1;
    session->lost = NULL; /* that was the other's */
    session_withdraw_questions(session);
    session_reply_error(session, "SessionRestored", text);
    return 0;
}

static void on_exited(void *owner, uint64_t id, const struct process_end *end)
{
    struct spk_session *session = owner;
    char how[256];
    if (id == session->standby.id)
        standby_drop(&session->standby); /* given up when memory ran short, or killed */
    process_end_text(end, how, sizeof how);
    if (launched_cell_ended(session, id, how) || id != session->worker.id)
        return;
    if (session->lost)
        snprintf(how, sizeof how, "%s", session->lost);
    python_process_drain(&session->worker);
    if (session->state == SESSION_ENDING) {
        python_process_finish(&session->worker);
        abort_requests(session);
    } else if (session->state == SESSION_STARTING && !session->promoted) {
        explain_failed_start(session, how);
    } else if (!(session->state == SESSION_READY && session->standby.id && session->active &&
                 session->active->sent && promote(session, how) == 0)) {
        bury(session, how);
    }
}

static void finish_ending(struct spk_session *session)
{
    python_process_finish(&session->worker);
    abort_requests(session);
    session->state = SESSION_ENDED;
    session_status(session, SPK_STATUS_ENDED, "");
}

static void on_gone(void *owner)
{
    struct spk_session *session = owner;
    session->keeper_alive = 0;
    if (session->state == SESSION_ENDING) {
        finish_ending(session);
    } else if (session->worker.id) {
        python_process_drain(&session->worker);
        bury(session, "was ended because its helper program, scorepkernel-keeper, was killed");
    }
}

static const struct keeper_events keeper_events = {on_spawned, on_failed, on_exited, on_gone};

/* --- interrupt and shutdown ------------------------------------------------------------------------ */

/* The signal goes by way of the keeper and may overtake the request: so a frame that says which request is
 * meant goes ahead of it. */
static void send_interrupt(struct spk_session *session)
{
    unsigned char number[4];
    struct python_process *worker = launched_cell_has(&session->runner, session->active->number)
                                        ? &session->runner.worker
                                        : &session->worker;
    frame_put_u32(number, ++worker->interrupts);
    struct spk_text part = {(const char *)number, sizeof number};
    /* A process that has ended needs neither. */
    (void)python_process_send(worker, WORKER_INTERRUPT, session->active->number, &part, 1);
    (void)keeper_signal(&session->keeper, worker->id, SIGINT);
}

void session_interrupt(struct spk_session *session)
{
    if (launched_cell_interrupt(session))
        return;
    if (session->active->sent)
        send_interrupt(session);
    else if (session->active->kind == WORKER_EXECUTE)
        session_reply_error(session, "KeyboardInterrupt",
                            "The cell was interrupted before the session was ready.");
}

static void interrupt_now(struct spk_session *session)
{
    /* What was begun later than the call is not meant. */
    if (session->active && session->active->order <= atomic_load(&session->interrupted))
        session_interrupt(session);
}

static void shutdown_now(struct spk_session *session)
{
    if (session->state >= SESSION_ENDING)
        return;
    atomic_store(&session->interrupted, atomic_load(&session->begun));
    /* Replies come in order: with a request running, the others have to wait for its end. */
    if (!session->active || !session->active->sent)
        abort_requests(session);
    interrupt_now(session);
    standby_drop(&session->standby);
    if (!launched_cell_has(&session->runner, session->active ? session->active->number : 0))
        launched_cell_drop(session);
    session->state = SESSION_ENDING;
    if (session->worker.id)
        (void)python_process_send(&session->worker, WORKER_SHUTDOWN, 0, NULL,
                                  0); /* one that cannot hear it is killed */
    if (!session->keeper_alive || keeper_end(&session->keeper, atomic_load(&session->grace_ms)) != 0)
        finish_ending(session);
}

static void on_wake(void *owner, unsigned events)
{
    struct spk_session *session = owner;
    uint64_t count;
    (void)events;
    (void)!read(session->wake.fd, &count, sizeof count);
    unsigned wanted = atomic_exchange(&session->wanted, 0);
    /* What was begun before the interrupt is what it is meant for. */
    if (session->state < SESSION_ENDING)
        session_run_next(session);
    if (wanted & SESSION_WANTS_INTERRUPT)
        interrupt_now(session);
    if (wanted & SESSION_WANTS_SHUTDOWN)
        shutdown_now(session);
}

int session_want(struct spk_session *session, unsigned what)
{
    uint64_t one = 1;
    atomic_fetch_or(&session->wanted, what);
    /* Full only after 2^64 - 2 calls that nobody dispatched. */
    return write(session->wake.fd, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
}

/* --- the session ----------------------------------------------------------------------------------- */

/* A copy in one block: the pointers, then the strings. NULL: no memory. */
static const char **copy_environment(const char *const *from)
{
    size_t count = 0, size = 0;
    for (; from[count]; count++)
        size += strlen(from[count]) + 1;
    const char **copy = malloc((count + 1) * sizeof *copy + size);
    if (!copy)
        return NULL;
    char *at = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = at;
        at = stpcpy(at, from[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

/* The JSON members of WORKER_SETUP. */
static char *make_setup(const char *notebook)
{
    struct json *setup = json_object();
    size_t len;
    int result = json_set_text(setup, "version", SCOREPKERNEL_VERSION, strlen(SCOREPKERNEL_VERSION));
    if (result == 0 && notebook)
        result = json_set_text(setup, "notebook", notebook, strlen(notebook));
    char *text = result == 0 ? json_print(setup, &len) : NULL;
    json_free(setup);
    return text;
}

static int fill_in(struct spk_session *session, const struct spk_options *options, struct spk_error *error)
{
    static const struct spk_options none = {.size = sizeof none};
    const struct spk_options *wanted = options ? options : &none;
    const char *python = SPK_HAS(wanted, python) && wanted->python ? wanted->python : "python3";
    const char *notebook = SPK_HAS(wanted, notebook) ? wanted->notebook : NULL;
    const char *const *environment = SPK_HAS(wanted, environment) && wanted->environment
                                         ? wanted->environment
                                         : (const char *const *)environ;
    session->python = strdup(python);
    const char *directory = SPK_HAS(wanted, directory) ? wanted->directory : NULL;
    session->directory = directory ? realpath(directory, NULL) : getcwd(NULL, 0);
    if (!session->directory)
        return failure_set(error, -errno,
                           "the session's directory cannot be entered: %s; start the host in a "
                           "directory that exists",
                           failure_text(errno));
    session->setup = make_setup(notebook);
    session->environment = copy_environment(environment);
    if (!session->python || !session->setup || !session->environment)
        return failure_set(error, -ENOMEM, "no memory for a session");
    return paths_private(session->private_path, error);
}

static int open_loop(struct spk_session *session, struct spk_error *error)
{
    int result = loop_init(&session->loop);
    if (result == 0) {
        session->wake =
            (struct source){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_wake, .owner = session};
        result = session->wake.fd < 0 ? -errno : loop_watch(&session->loop, &session->wake, LOOP_READ);
    }
    if (result != 0)
        return failure_set(error, result, "no descriptors for a session: %s; raise the limit (ulimit -n)",
                           failure_text(-result));
    return 0;
}

static void release(struct spk_session *session)
{
    standby_drop(&session->standby);
    launched_cell_drop(session);
    marked_cells_clear(&session->marked);
    keeper_finish(&session->keeper);
    python_process_finish(&session->worker);
    loop_forget(&session->loop, &session->wake);
    if (session->wake.fd >= 0)
        close(session->wake.fd);
    loop_finish(&session->loop);
    free(session->active);
    for (struct request *request; (request = request_pop(&session->queue));)
        free(request);
    free(session->environment);
    free(session->python);
    free(session->directory);
    free(session->setup);
    free(session->hello);
    free(session->failure);
    free(session);
}

int session_create(const struct spk_host *host, const struct spk_options *options,
                   struct spk_session **session, struct spk_error *error)
{
    struct spk_session *made = calloc(1, sizeof *made);
    if (!made)
        return failure_set(error, -ENOMEM, "no memory for a session");
    made->loop.fd = made->wake.fd = made->keeper.channel.fd = -1;
    made->standby = STANDBY_NONE;
    made->runner = RUNNER_CLOSED;
    /* A host built before the newest member gives a smaller table: what it lacks is NULL. */
    memcpy(&made->host, host, host->size < sizeof made->host ? host->size : sizeof made->host);
    int result = fill_in(made, options, error);
    if (result == 0)
        result = open_loop(made, error);
    if (result == 0) {
        result = keeper_start(&made->keeper, &made->loop, made->private_path, &keeper_events, made, error);
        made->keeper_alive = result == 0;
    }
    if (result != 0) {
        release(made);
        return result;
    }
    made->dispatching = 1; /* the host does not have the session yet: it must not be called about it */
    struct spk_host silent = {.size = sizeof silent};
    struct spk_host real = made->host;
    made->host = silent;
    session_start_worker(made);
    made->host = real;
    made->dispatching = 0;
    made->untold = 1;
    (void)session_want(made, 0); /* a full counter is readable, too */
    *session = made;
    return 0;
}

int session_begin(struct spk_session *session, uint16_t kind, uint64_t number, uint64_t execution_count,
                  const struct spk_text *parts, size_t count, struct spk_error *error)
{
    size_t total = 0;
    if (session->state >= SESSION_ENDING)
        return failure_set(error, -ESHUTDOWN, "the session is being shut down");
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > REQUEST_MAX_LEN - total)
            return failure_set(error, -EINVAL, "a request must not be larger than 64 MiB");
        total += parts[i].len;
    }
    if (!number)
        return failure_set(error, -EINVAL, "a request needs a number other than 0");
    struct request *request = request_create(kind, number, parts, count);
    if (!request)
        return failure_set(error, -ENOMEM, "no memory for a request of %zu bytes", total);
    request->order = atomic_fetch_add(&session->begun, 1) + 1;
    request->execution_count = execution_count;
    int result = session_want(session, 0);
    if (result != 0) {
        free(request);
        return failure_set(error, result, "the session cannot be woken: %s", failure_text(-result));
    }
    request_push(&session->queue, request);
    return 0;
}

int session_dispatch(struct spk_session *session, struct spk_error *error)
{
    if (session->dispatching)
        return failure_set(error, -EBUSY, "dispatch was called from a callback");
    session->dispatching = 1;
    if (session->untold)
        tell_start(session);
    int result = loop_dispatch(&session->loop);
    session->dispatching = 0;
    if (result != 0)
        return failure_set(error, result, "the session's descriptors cannot be polled: %s",
                           failure_text(-result));
    return 0;
}

int session_destroy(struct spk_session *session)
{
    if (session && session->dispatching)
        return -EBUSY;
    if (session)
        release(session);
    return 0;
}
