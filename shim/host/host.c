/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host.c - a kernel from its start to its end: one thread, one loop over the channels, the library's
 * descriptor, signals and the parent. The heartbeat alone has a thread of its own.
 *
 * Order of the start: signals before the first thread, the session before the channels, so that Python starts
 * while the sockets are opened.
 */
#include "shim/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"
#include "shim/host/control.h"
#include "shim/host/ending.h"
#include "shim/host/outputs.h"
#include "shim/host/plugin.h"
#include "shim/host/process_events.h"
#include "shim/host/publish.h"
#include "shim/host/shell.h"
#include "shim/xeus/connection.h"

/* Longer than the library's grace, shorter than Jupyter's patience (5 s). */
#define END_MS 3000
/* dispatch may fail now and then; a library that fails each time would have this loop spin. */
#define DISPATCH_FAILURES 20

struct loop {
    struct host *host;
    struct process_events *process_events;
    int failures;        /* of dispatch, in a row */
    int64_t deadline_ms; /* once the end has begun */
    int broken;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_message(void *ctx, enum server_channel channel, struct message *message)
{
    struct host *host = ctx;
    if (channel == SERVER_SHELL)
        shell_receive(host, message);
    else if (channel == SERVER_CONTROL)
        control_receive(host, message);
    else
        control_input(host, message);
}

static void dispatch(struct loop *loop)
{
    struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
    int code = loop->host->plugin->dispatch(loop->host->session, &error);
    if (!code) {
        loop->failures = 0;
        return;
    }
    log_print("The library failed: %s", error.text[0] ? error.text : log_reason(code));
    if (++loop->failures >= DISPATCH_FAILURES) {
        log_print("The library fails each time, so the kernel ends. The session's variables are lost.");
        loop->broken = 1;
    }
}

/* Say so under the cell that waits, where clients that do read see it. */
static void tell_stuck(struct host *host)
{
    static const char text[] =
        "The kernel holds this output back: a client of it (another browser tab, a console, a program) does "
        "not read what it is sent, and what waits for it has reached " FLOW_VARIABLE ". It goes on when that "
        "client reads or is closed. Nothing is lost; an interrupt ends the cell and keeps the variables.\n";
    publish_stream(host, requests_parent(&host->requests, host->active.number), "stderr",
                   (struct spk_text){text, sizeof text - 1});
}

/* Whether output is held back now. */
static int holds_output(struct host *host)
{
    unsigned found = flow_look(&host->flow, server_waiting(host->server), now_ms());
    if (found & FLOW_STUCK)
        tell_stuck(host);
    return (found & FLOW_HELD) != 0;
}

/* How long to wait for what the descriptors do not tell, in milliseconds; -1: for ever. */
static int turn_timeout(const struct loop *loop)
{
    int timeout = process_events_timeout(loop->process_events);
    int flow = flow_timeout(&loop->host->flow);
    if (flow >= 0 && (timeout < 0 || flow < timeout))
        timeout = flow;
    if (!loop->host->ending)
        return timeout;
    int64_t left = loop->deadline_ms - now_ms();
    return left <= 0 ? 0 : timeout >= 0 && timeout < left ? timeout : (int)left;
}

static void turn(struct loop *loop)
{
    struct host *host = loop->host;
    int held = holds_output(host);
    struct pollfd others[] = {
        {.fd = held ? -1 : host->plugin->descriptor(host->session), .events = POLLIN, .revents = 0},
        {.fd = loop->process_events->signals, .events = POLLIN, .revents = 0},
        {.fd = loop->process_events->parent, .events = POLLIN, .revents = 0},
    };
    size_t count = loop->process_events->parent >= 0 ? 3 : 2;
    int timeout = turn_timeout(loop);
    int code = server_poll(host->server, shell_wants(host), others, count, timeout);
    if (code) {
        log_print("The Jupyter channels failed, so the kernel ends: %s.", log_reason(code));
        loop->broken = 1;
        return;
    }
    if (others[0].revents && !held)
        dispatch(loop);
    unsigned seen =
        others[1].revents || others[2].revents || timeout > 0 ? process_events_take(loop->process_events) : 0;
    if (seen & PROCESS_EVENT_INTERRUPT)
        (void)ending_interrupt(host);
    if (seen & PROCESS_EVENT_END)
        ending_begin(host);
    shell_advance(host);
}

/* Until the end has been reached. */
static int serve(struct host *host, struct process_events *process_events)
{
    struct loop loop = {
        .host = host, .process_events = process_events, .failures = 0, .deadline_ms = 0, .broken = 0};
    publish_status(host, SERVER_SHELL, NULL, "starting");
    while (!host->ended && !loop.broken) {
        if (host->ending && !loop.deadline_ms)
            loop.deadline_ms = now_ms() + END_MS;
        if (loop.deadline_ms && now_ms() >= loop.deadline_ms)
            break;
        turn(&loop);
    }
    host->ending = 1;
    shell_abort_all(host);
    return loop.broken ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A file of the user's own, since names of files and lengths of code are in it. */
static int open_trace(struct host *host, const char *path, struct spk_error *error)
{
    if (!path)
        return 0;
    host->trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (host->trace < 0)
        return log_set(error, -errno,
                       "The trace of frames cannot be written to %s: %s. Give --trace another file.", path,
                       log_reason(-errno));
    /* The library looks for it in the environment. There is one thread yet. */
    return setenv("SCOREPKERNEL_LOG", "frames", 1) // NOLINT(concurrency-mt-unsafe)
               ? log_set(error, -errno, "There is no memory for a kernel.")
               : 0;
}

static int open_session(struct host *host, const struct host_options *options, struct spk_error *error)
{
    struct spk_host table;
    struct spk_options wanted = {.size = sizeof wanted,
                                 .python = options->python,
                                 .notebook = environment_variable("JPY_SESSION_NAME")};
    outputs_table(host, &table);
    int code = host->plugin->create(&table, &wanted, &host->session, error);
    if (code && error->text[0] == '\0')
        log_set(error, code, "The session could not be started: %s.", log_reason(code));
    return code;
}

static void close_host(struct host *host)
{
    if (host->session)
        (void)host->plugin->destroy(host->session); /* fails only inside a callback */
    shell_finish(host);
    server_destroy(host->server);
    requests_finish(&host->requests);
    free(host->kernel_info);
    if (host->trace >= 0)
        close(host->trace);
}

int host_run(const struct host_options *options)
{
    int status = EXIT_FAILURE;
    struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
    struct connection connection;
    struct process_events process_events = {.signals = -1, .parent = -1};
    struct flow flow;
    struct host host = {.connection = &connection, .trace = -1};
    host.last = &host.first;
    if (flow_init(&flow, &error) || process_events_init(&process_events, &error) ||
        connection_read(options->connection_file, &connection, &error) ||
        !(host.plugin = plugin_load(options->plugin, &error)))
        goto fail;
    host.flow = flow;
    if (requests_init(&host.requests)) {
        log_set(&error, -ENOMEM, "There is no memory to start the kernel.");
        goto fail;
    }
    if (open_trace(&host, options->trace, &error) || open_session(&host, options, &error) ||
        !(host.server = server_create(&connection, on_message, &host, &error)))
        goto fail;
    status = serve(&host, &process_events);
fail:
    if (error.text[0] != '\0')
        log_print("%s", error.text);
    close_host(&host);
    process_events_finish(&process_events);
    return status;
}
