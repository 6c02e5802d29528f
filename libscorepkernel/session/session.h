/* SPDX-License-Identifier: BSD-3-Clause
 *
 * session.h - one notebook: its requests, its worker, its host.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "directives/marked_cells.h"
#include "directives/settings.h"
#include "process/keeper_client.h"
#include "process/paths.h"
#include "process/python_process.h"
#include "session/launched_cell.h"
#include "session/questions.h"
#include "session/request_queue.h"
#include "session/standby.h"

#include <stdatomic.h>

struct json;

enum session_state {
    SESSION_IDLE,     /* there is no worker; the next request that needs one starts it */
    SESSION_STARTING, /* a worker has been asked for, and has not said WORKER_READY */
    SESSION_READY,
    SESSION_ENDING, /* shutdown was called */
    SESSION_ENDED,
};

/* In session.wanted, set by any thread. */
#define SESSION_WANTS_INTERRUPT 1u
#define SESSION_WANTS_SHUTDOWN 2u

struct spk_session {
    struct spk_host host;
    struct loop loop;
    struct keeper keeper;
    struct python_process worker;
    struct settings settings;
    struct settings proposed; /* what the active cell asks for, until the worker has answered */
    enum settings_part asked; /* which part of it is new; SETTINGS_NONE: the worker was asked nothing */
    struct marked_cells marked;
    struct launched_cell runner;
    struct standby standby; /* while a guarded cell runs */
    int promoted;           /* the worker was the standby, and has not said WORKER_READY */
    struct source wake;     /* an eventfd: written when there is something to do but no descriptor to tell */
    atomic_uint wanted;
    atomic_uint grace_ms;
    atomic_ullong begun;       /* how many requests there have been */
    atomic_ullong interrupted; /* of them, how many had been begun when interrupt was called */
    enum session_state state;
    int dispatching;
    int untold; /* the host does not know yet how its creation began */
    int keeper_alive;
    uint64_t last_id; /* of the processes that the keeper was asked for */
    struct request_queue queue;
    struct request *active; /* begun, and not yet answered */
    const char *lost;       /* why this worker is being ended by us; NULL: it is not */
    int64_t started_ns;     /* when this worker was asked for */
    unsigned early_ends;    /* of workers, one after another, soon after their start and without a cell */
    struct questions questions;
    char *hello;   /* what the worker said first, JSON; NULL before */
    char *failure; /* why there is no worker; NULL: none was tried, or it was an ordinary end */

    char *python;
    char *directory;
    char *setup; /* JSON */
    const char **environment;
    char private_path[PATHS_MAX];
};

/** As spk_plugin.create and its fellows say. */
int session_create(const struct spk_host *host, const struct spk_options *options,
                   struct spk_session **session, struct spk_error *error);
int session_dispatch(struct spk_session *session, struct spk_error *error);
int session_destroy(struct spk_session *session);

/** Begin a request of enum worker_frame or REQUEST_KERNEL_INFO; parts are copied. */
int session_begin(struct spk_session *session, uint16_t kind, uint64_t number, uint64_t execution_count,
                  const struct spk_text *parts, size_t count, struct spk_error *error);

/** As spk_plugin.input_reply says (run.c). */
int session_input_reply(struct spk_session *session, uint64_t request, struct spk_text value,
                        struct spk_error *error);

/** The request, or each, does not wait for input any more (run.c); the host is told if it did. */
void session_withdraw_question(struct spk_session *session, uint64_t request);
void session_withdraw_questions(struct spk_session *session);

/** Start a worker. When that fails at once, the session is idle again, and every waiting request is marked
 * tried. */
void session_start_worker(struct spk_session *session);

/** Interrupt the active request, which there must be (session.c). */
void session_interrupt(struct spk_session *session);

/** Any thread. */
int session_want(struct spk_session *session, unsigned what);

/** Give the answer to the active request, which is gone after this. Takes content over; NULL stands for one
 * that there was no memory for. */
void session_reply(struct spk_session *session, uint32_t how, struct json *content);

/** Show an error in the active cell, and answer it with that error. */
void session_reply_error(struct spk_session *session, const char *ename, const char *text);

/** Begin what stands first in the queue, as far as that is possible now (run.c). */
void session_run_next(struct spk_session *session);

/** A frame from the worker, and of its frames those that are output (run.c). */
void session_on_frame(struct spk_session *session, struct frame *frame);
void session_on_output(struct spk_session *session, struct frame *frame);

/** Text for the host. */
void session_on_text(struct spk_session *session, uint64_t request, uint32_t which, struct spk_text text);

void session_status(struct spk_session *session, uint32_t status, const char *text);

#endif
