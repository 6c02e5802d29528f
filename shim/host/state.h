/* SPDX-License-Identifier: BSD-3-Clause
 *
 * state.h - a running kernel: the state that its channels share. One thread runs all of it.
 */
#ifndef SHIM_HOST_STATE_H
#define SHIM_HOST_STATE_H

#include <stdint.h>

#include "scorepkernel.h"
#include "shim/common/timestamp.h"
#include "shim/host/flow.h"
#include "shim/host/requests.h"
#include "shim/xeus/server.h"

struct queued {
    struct queued *next;
    struct message *message;
    int aborted; /* waited when a cell failed: not to be run if it is a cell */
};

/* The shell request that the library is working on; number 0: none. */
struct active {
    uint64_t number;
    char reply_type[32]; /* "" for a kind that has no reply */
    int is_cell;
    int silent;
    int stop_on_error;
    int64_t execution_count;
    char started[TIMESTAMP_MAX];
};

/* A question that waits for its answer on stdin. */
struct question {
    uint64_t request;
    char id[SERVER_ID_MAX];
};

struct host {
    const struct connection *connection;
    const struct spk_plugin *plugin;
    struct spk_session *session;
    struct server *server;
    struct requests requests;
    struct queued *first, **last; /* shell requests that were taken from their socket and are not begun */
    size_t queued;                /* how many these are */
    uint64_t queued_len;          /* and the bytes of their contents */
    int aborting;                 /* messages that are taken from shell now were waiting when a cell failed */
    struct active active;
    struct question questions[SPK_MAX_QUESTIONS]; /* those that are open, the oldest first */
    size_t question_count;
    struct flow flow;
    int64_t executed;  /* cells that count; the newest one's number */
    char *kernel_info; /* the library's last good answer, as JSON; NULL: none yet */
    int ending;        /* shutdown was asked for */
    int ended;         /* and is done */
    int trace; /* a descriptor: where the library's debugging lines go; -1: to the log, if asked for */
};

#endif
