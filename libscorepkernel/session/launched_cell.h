/* SPDX-License-Identifier: BSD-3-Clause
 *
 * launched_cell.h - the process beside the session in which a launched cell runs.
 */
#ifndef SESSION_LAUNCHED_CELL_H
#define SESSION_LAUNCHED_CELL_H

#include "process/python_process.h"

enum runner_state {
    RUNNER_NONE,
    RUNNER_STARTING, /* asked for, and has not said WORKER_READY */
    RUNNER_READY,    /* waits for a cell */
    RUNNER_BUSY,
};

/* What the owner is told of a launched cell, and asked about it. Called from loop_dispatch, or from the
 * functions below. */
struct launched_cell_calls {
    void (*text)(void *owner, uint64_t request, uint32_t which, struct spk_text text);
    void (*output)(void *owner, struct frame *frame); /* an output or a question of the cell */
    void (*gone)(void *owner,
                 uint64_t request); /* the request's cell has no process any more: it asks nothing */
    int (*find_cell)(void *owner, uint64_t request, struct spk_text parts[2]); /* its content and metadata,
                                                     borrowed; 0, or -ESRCH: it has been answered */
    void (*trace)(void *owner, int sent, const struct frame *frame);           /* of the runner */
    int (*is_ready)(void *owner); /* whether the session's worker takes cells: then runners start ahead */
};

struct launched_cell {
    /* What it needs; all borrowed, and there as long as it is. */
    struct loop *loop;
    struct keeper *keeper;
    uint64_t *last_id;              /* of the processes that the keeper was asked for */
    struct python_process *session; /* the worker that asks for cells to be launched, and answers them */
    const char *directory;          /* where runners start */
    const char *setup;              /* JSON of WORKER_SETUP */
    const struct launched_cell_calls *calls;
    void *owner;

    char *plan; /* JSON of WORKER_LAUNCH: how the next runner is started */
    struct runner {
        struct python_process worker;
        enum runner_state state;
        char *key;              /* what kind of cells it is for */
        uint64_t request;       /* the cell that it is for, 0: it was started ahead */
        char *options;          /* of that cell, until it is begun */
        int variables;          /* a descriptor: what the cell is to have, then what it changed; -1: none */
        char *changes;          /* JSON of WORKER_STATE */
        char *said;             /* text of WORKER_FAILED: why it cannot work; or why it was ended */
        int is_copy;            /* of the session */
        int64_t interrupted_ns; /* when its cell was first interrupted; 0: it was not */
    } runner;
};

/** The value of a runner that does not exist. */
#define RUNNER_CLOSED ((struct runner){.worker = WORKER_CLOSED, .variables = -1})

/** A WORKER_LAUNCH frame: the worker wants a cell to be launched, or (request 0) a runner to be started for
 * the next cell. ahead: whether the settings want runners to be started ahead; if not, the latter is ignored.
 */
void launched_cell_launch(struct launched_cell *launched, struct frame *frame, int ahead);

/** A process has ended or could not be started. 1: it was the runner; 0: it was another one. */
int launched_cell_ended(struct launched_cell *launched, uint64_t id, const char *how);

/** Whether the request's cell runs in the runner, which then gets its interrupts and answers. */
int launched_cell_has(const struct launched_cell *launched, uint64_t request);

/** The cell is interrupted. 1: its runner, which was being started, has been given up; or it is ended, as it
 * is a copy of the session that goes on after an earlier interrupt. 0: the runner is to be told. */
int launched_cell_interrupt(struct launched_cell *launched);

/** End the runner, whatever it does; the worker is not told. Safe to repeat. */
void launched_cell_drop(struct launched_cell *launched);

#endif
