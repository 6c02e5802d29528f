/* SPDX-License-Identifier: BSD-3-Clause
 *
 * state.h - the state of one notebook's session: its requests, its worker, its host. Which file may change
 * what:
 *
 *   session.c    what the host calls; loop, wake, environment
 *   lifecycle.c  state, worker, keeper, standby, promoted, last_id, and what is known of the worker's start
 * and end; it takes all requests off the queue when the worker has ended requests.c   queue, active,
 * settings, proposed, asked, marked; and by what the worker says of itself: state and promoted (it is ready),
 * hello and failure (in its words), standby and last_id (it is guarded), early_ends (it has answered)
 *   answers.c    ends the active request: active, asked, marked.writing, progress; and questions
 *   interrupt.c  patience, and of the active request awaited and taken
 *
 * One thread runs all of it, but for wanted, grace_ms, begun and interrupted, which any thread may change.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "directives/marked_cells.h"
#include "directives/settings.h"
#include "process/keeper_client.h"
#include "process/paths.h"
#include "process/python_process.h"
#include "session/launched_cell.h"
#include "session/progress_display.h"
#include "session/questions.h"
#include "session/request_queue.h"
#include "session/standby.h"

#include <stdatomic.h>

enum session_state {
    SESSION_IDLE,     /* there is no worker; the next request that needs one starts it */
    SESSION_STARTING, /* a worker has been asked for, and has not said WORKER_READY */
    SESSION_READY,
    SESSION_ENDING, /* shutdown was called */
    SESSION_ENDED,
};

struct spk_session {
    struct spk_host host;
    struct loop loop;
    struct keeper keeper;
    struct python_process worker;
    const struct python_process_events *worker_events; /* what is done with what it says */
    struct settings settings;
    struct settings proposed; /* what the active cell asks for, until the worker has answered */
    enum settings_part asked; /* which part of it is new; SETTINGS_NONE: the worker was asked nothing */
    struct marked_cells marked;
    struct launched_cell launched;
    struct standby standby; /* while a guarded cell runs */
    int promoted;           /* the worker was the standby, and has not said WORKER_READY */
    struct source wake;     /* an eventfd: written when there is something to do but no descriptor to tell */
    atomic_uint wanted;     /* of WAKE_ (wake.h) */
    atomic_uint grace_ms;
    atomic_ullong begun;       /* how many requests there have been */
    atomic_ullong interrupted; /* of them, how many had been begun when interrupt was called */
    enum session_state state;
    int dispatching;
    int untold; /* the host has not been told yet how the start of the worker went */
    int keeper_alive;
    uint64_t last_id; /* of the processes that the keeper was asked for */
    struct request_queue queue;
    struct request *active; /* begun, and not yet answered */
    struct source patience; /* a timer: until then, the worker has to take what it was interrupted in */
    const char *lost;       /* why the library is ending this worker, static; NULL: it is not */
    int64_t started_ns;     /* when this worker was asked for */
    unsigned early_ends;    /* how many workers in a row ended soon after their start and without a cell */
    struct questions questions;
    struct progress_display progress; /* while a measured cell runs */
    char *hello;                      /* JSON of WORKER_HELLO; NULL before it came */
    char *failure; /* why there is no worker; NULL: none was tried, or it was an ordinary end */

    char *python;
    char *directory;
    char *setup; /* JSON */
    const char **environment;
    int traces_frames; /* each is told to the host's log: SCOREPKERNEL_LOG=frames */
    char private_path[PATHS_MAX];
};

#endif
