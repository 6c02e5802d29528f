/* SPDX-License-Identifier: BSD-3-Clause
 *
 * session.c - a notebook's session as the host has it: created, dispatched, destroyed. Puts the parts of this
 * folder together; what its worker does is lifecycle.c's, what requests do is requests.c's.
 */
#include "session/session.h"

#include "base/failure.h"
#include "base/json_bridge.h"
#include "session/host_calls.h"
#include "session/input_requests.h"
#include "session/interrupt.h"
#include "session/lifecycle.h"
#include "session/outputs.h"
#include "session/requests.h"
#include "session/wake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

extern char **environ;

static void shut_down(struct spk_session *session)
{
    if (!lifecycle_begin_shutdown(session))
        return;
    interrupt_requests(session);
    lifecycle_shutdown(session);
}

static void on_wake(void *owner, unsigned events)
{
    struct spk_session *session = owner;
    uint64_t count;
    (void)events;
    (void)!read(session->wake.fd, &count, sizeof count);
    unsigned wanted = atomic_exchange(&session->wanted, 0);
    /* An interrupt is meant for what was begun before it: begin that first. */
    if (session->state < SESSION_ENDING)
        requests_run_next(session);
    if (wanted & WAKE_INTERRUPT)
        interrupt_requests(session);
    if (wanted & WAKE_SHUTDOWN)
        shut_down(session);
}

/* --- what the parts of a session tell it ------------------------------------------------------------------
 */

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    struct spk_session *session = owner;
    host_calls_text(&session->host, request, which, text);
    progress_display_saw_text(&session->progress, request, text);
}

static void on_progress(void *owner, uint64_t request, struct json *content, int is_update)
{
    struct spk_session *session = owner;
    if (is_update)
        host_calls_update_display(&session->host, request, content);
    else
        host_calls_display(&session->host, request, content);
}

static void on_worker_trace(void *owner, int sent, const struct frame *frame)
{
    const struct spk_session *session = owner;
    if (session->traces_frames)
        host_calls_trace(&session->host, FRAME_OF_WORKER, "worker", sent, frame);
}

static void on_runner_trace(void *owner, int sent, const struct frame *frame)
{
    const struct spk_session *session = owner;
    if (session->traces_frames)
        host_calls_trace(&session->host, FRAME_OF_WORKER, "runner", sent, frame);
}

static const struct python_process_events worker_events = {on_text, requests_on_frame, lifecycle_lost,
                                                           lifecycle_closed, on_worker_trace};

static void on_launched_output(void *owner, struct frame *frame)
{
    outputs_deliver(owner, frame);
}

static void on_runner_gone(void *owner, uint64_t request)
{
    input_requests_withdraw(owner, request);
}

static int find_cell(void *owner, uint64_t request, struct spk_text parts[2])
{
    const struct spk_session *session = owner;
    if (!session->active || session->active->number != request || session->active->count < 2)
        return -ESRCH;
    memcpy(parts, session->active->parts, 2 * sizeof *parts);
    return 0;
}

static int is_ready(void *owner)
{
    const struct spk_session *session = owner;
    return session->state == SESSION_READY;
}

static const struct launched_cell_calls launched_calls = {on_text,   on_launched_output, on_runner_gone,
                                                          find_cell, on_runner_trace,    is_ready};

/* --- the session ----------------------------------------------------------------------------------- */

/* A copy of the environment in one block: the pointers, then the strings. NULL: no memory. */
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
        return failure_set(
            error, -errno,
            "The session's directory cannot be entered: %s. Start the host in a directory that exists.",
            failure_text(errno));
    session->setup = make_setup(notebook);
    session->environment = copy_environment(environment);
    const char *log = paths_variable(environment, "SCOREPKERNEL_LOG");
    session->traces_frames = log && strcmp(log, "frames") == 0;
    if (!session->python || !session->setup || !session->environment)
        return failure_set(error, -ENOMEM, "There is no memory for a session.");
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
        return failure_set(error, result,
                           "There are no descriptors for a session: %s. Raise the limit (ulimit -n).",
                           failure_text(-result));
    return 0;
}

static void release(struct spk_session *session)
{
    standby_drop(&session->standby);
    launched_cell_drop(&session->launched);
    marked_cells_clear(&session->marked);
    keeper_finish(&session->keeper);
    python_process_finish(&session->worker);
    loop_forget(&session->loop, &session->wake);
    if (session->wake.fd >= 0)
        close(session->wake.fd);
    interrupt_finish(session);
    progress_display_finish(&session->progress);
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
        return failure_set(error, -ENOMEM, "There is no memory for a session.");
    made->loop.fd = made->wake.fd = made->patience.fd = made->keeper.channel.fd = -1;
    made->standby = STANDBY_NONE;
    made->progress = PROGRESS_DISPLAY_NONE;
    made->progress.loop = &made->loop;
    made->progress.show = on_progress;
    made->progress.owner = made;
    made->worker_events = &worker_events;
    made->launched = (struct launched_cell){.loop = &made->loop,
                                            .keeper = &made->keeper,
                                            .last_id = &made->last_id,
                                            .session = &made->worker,
                                            .calls = &launched_calls,
                                            .owner = made,
                                            .runner = RUNNER_CLOSED};
    /* A host built before the newest member gives a smaller table: what it lacks is NULL. */
    memcpy(&made->host, host, host->size < sizeof made->host ? host->size : sizeof made->host);
    int result = fill_in(made, options, error);
    made->launched.directory = made->directory;
    made->launched.setup = made->setup;
    if (result == 0)
        result = open_loop(made, error);
    if (result == 0) {
        result = keeper_start(&made->keeper, &made->loop, made->private_path, &lifecycle_keeper_events, made,
                              error);
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
    lifecycle_start_worker(made);
    made->host = real;
    made->dispatching = 0;
    made->untold = 1;
    (void)wake_session(made, 0); /* a full counter is readable, too */
    *session = made;
    return 0;
}

int session_begin(struct spk_session *session, uint16_t kind, uint64_t number, uint64_t execution_count,
                  const struct spk_text *parts, size_t count, struct spk_error *error)
{
    size_t total = 0;
    if (session->state >= SESSION_ENDING)
        return failure_set(error, -ESHUTDOWN, "The session is being shut down and takes no more requests.");
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > REQUEST_MAX_LEN - total)
            return failure_set(
                error, -EINVAL,
                "A request must not be larger than 64 MiB. Let the cell read large data from a file.");
        total += parts[i].len;
    }
    if (!number)
        return failure_set(error, -EINVAL, "A request needs a number other than 0.");
    struct request *request = request_create(kind, number, parts, count);
    if (!request)
        return failure_set(error, -ENOMEM, "There is no memory for a request of %zu bytes.", total);
    request->order = atomic_fetch_add(&session->begun, 1) + 1;
    request->execution_count = execution_count;
    int result = wake_session(session, 0);
    if (result != 0) {
        free(request);
        return failure_set(error, result, "The session cannot be woken: %s. The request was not begun.",
                           failure_text(-result));
    }
    request_push(&session->queue, request);
    return 0;
}

int session_dispatch(struct spk_session *session, struct spk_error *error)
{
    if (session->dispatching)
        return failure_set(error, -EBUSY,
                           "Dispatch was called from a callback. Call it from the host's loop.");
    session->dispatching = 1;
    if (session->untold)
        lifecycle_tell_start(session);
    int result = loop_dispatch(&session->loop);
    session->dispatching = 0;
    if (result != 0)
        return failure_set(error, result, "The session's descriptors cannot be polled: %s.",
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
