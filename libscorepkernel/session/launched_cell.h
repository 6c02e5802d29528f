/* SPDX-License-Identifier: BSD-3-Clause
 *
 * launched_cell.h - the process beside the session in which a launched cell runs.
 */
#ifndef SESSION_LAUNCHED_CELL_H
#define SESSION_LAUNCHED_CELL_H

#include "process/python_process.h"

struct spk_session;

enum runner_state {
    RUNNER_NONE,
    RUNNER_STARTING, /* asked for, and has not said WORKER_READY */
    RUNNER_READY,    /* waits for a cell */
    RUNNER_BUSY,
};

struct launched_cell {
    struct python_process worker;
    enum runner_state state;
    char *key;        /* what kind of cells it is for */
    uint64_t request; /* the cell that it is for, 0: it was started ahead */
    char *options;    /* of that cell, until it is begun */
    int variables;    /* a descriptor: what the cell is to have, then what it changed; -1: none */
    char *changes;    /* JSON of WORKER_STATE */
    char *plan;       /* JSON of WORKER_LAUNCH: how the next one is started */
    char *said;       /* why it cannot work (WORKER_FAILED) */
};

/** A runner that there is not. */
#define RUNNER_CLOSED ((struct launched_cell){.worker = WORKER_CLOSED, .variables = -1})

/** The worker wants a cell to be launched, or a runner to be ready for the next one (WORKER_LAUNCH). */
void launched_cell_launch(struct spk_session *session, struct frame *frame);

/** A process of the keeper's has ended, or could not be started. 1: it was the runner's; 0: it was not. */
int launched_cell_ended(struct spk_session *session, uint64_t id, const char *how);

/** Whether the session's running cell runs there: interrupts and answers go there then. */
int launched_cell_has(const struct launched_cell *runner, uint64_t request);

/** The cell is interrupted while its runner is being started: it is given up. 1: so it was; 0: there is none
 * such. */
int launched_cell_interrupt(struct spk_session *session);

/** End it, whatever it does; the worker is not told. Safe to repeat. */
void launched_cell_drop(struct spk_session *session);

#endif
