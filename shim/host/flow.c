/* SPDX-License-Identifier: BSD-3-Clause
 *
 * flow.c - when output is held back, and what the log says of it. The limit is passed by what one turn of the
 * loop brings at most: the bytes count when they have been sent.
 */
#include "shim/host/flow.h"

#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"

#define MEBI ((uint64_t)1 << 20)
#define LIMIT_DEFAULT (64 * MEBI)
/* A limit below what one turn brings would hold back all output; one above means none. */
#define LIMIT_MIN (4 * MEBI)
#define LIMIT_MAX (MEBI << 20)

/* ZeroMQ tells nobody what has left: it is looked at so often. */
#define LOOK_MS 20
#define LOOK_STUCK_MS 250
#define STUCK_MS 10000

/* If more than this was in use for a moment, the free memory is given back to the system afterwards. */
#define BURST (4 * MEBI)
#define BURST_OVER MEBI
#define LOOK_BURST_MS 100

/* The size that a text says; 0: it is not a size within the limits. */
static uint64_t size_of(const char *text)
{
    static const char units[] = "KMG";
    char *end = NULL;
    errno = 0;
    unsigned long long number = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (!number || errno)
        return 0;
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    if (end[unit ? 1 : 0] != '\0' || number > LIMIT_MAX >> shift)
        return 0;
    return number << shift >= LIMIT_MIN ? number << shift : 0;
}

int flow_init(struct flow *flow, struct spk_error *error)
{
    const char *text = environment_variable(FLOW_VARIABLE);
    uint64_t limit = text ? size_of(text) : LIMIT_DEFAULT;
    *flow = (struct flow){.limit = limit, .room = limit};
    if (limit)
        return 0;
    return log_set(error, -EINVAL,
                   FLOW_VARIABLE "=%s is no size from 4M to 1024G. It is how much output may wait in the "
                                 "kernel's memory for clients that read slowly, in bytes or with K, M or "
                                 "G behind the number; without it, 64M.",
                   text);
}

static void hold(struct flow *flow, uint64_t waiting, int64_t now_ms)
{
    flow->held = 1;
    flow->least = waiting;
    flow->moved_ms = now_ms;
    if (flow->began_ms)
        return; /* the log says it already */
    flow->began_ms = now_ms;
    log_print("Output is held back: %llu MiB of it wait for a client that reads more slowly than it comes. "
              "Cells that print wait until less is waiting (" FLOW_VARIABLE "). Nothing is lost.",
              (unsigned long long)(waiting / MEBI));
}

static void flow_on(struct flow *flow)
{
    flow->room = flow->limit;
    flow->held = flow->stuck = 0;
}

/* Clients have taken all output that was held back. */
static void catch_up(struct flow *flow, int64_t now_ms)
{
    log_print(
        "Output is not held back any more, %.1f s after it became too much: clients have taken all of it.",
        (double)(now_ms - flow->began_ms) / 1000);
    flow->began_ms = 0;
}

static int is_stuck(struct flow *flow, int64_t now_ms)
{
    if (!flow->held || flow->stuck || now_ms - flow->moved_ms < STUCK_MS)
        return 0;
    flow->stuck = 1;
    log_print("No client has taken any output for %d s. Output goes on when the client that does not read "
              "reads again, or is closed. Interrupts, control requests and shutdown are served meanwhile.",
              STUCK_MS / 1000);
    return 1;
}

/* Replies to other requests come and go meanwhile, so only a new minimum shows that clients take something.
 */
static void note_progress(struct flow *flow, uint64_t waiting, int64_t now_ms)
{
    if (waiting >= flow->least)
        return;
    flow->least = waiting;
    flow->moved_ms = now_ms;
    flow->stuck = 0;
}

unsigned flow_look(struct flow *flow, uint64_t waiting, int64_t now_ms)
{
    note_progress(flow, waiting, now_ms);
    if (waiting <= flow->limit / 4 * 3)
        flow_on(flow);
    else if (!flow->held && waiting > flow->room)
        hold(flow, waiting, now_ms);
    if (flow->began_ms && waiting <= BURST_OVER)
        catch_up(flow, now_ms);
    flow_used(flow, waiting);
    if (flow->burst && waiting <= BURST_OVER) {
        flow->burst = 0;
        (void)malloc_trim(0); /* whether there was anything to give back does not matter */
    }
    return (flow->held ? FLOW_HELD : 0) | (is_stuck(flow, now_ms) ? FLOW_STUCK : 0);
}

static void grant(struct flow *flow, uint64_t room)
{
    if (room <= flow->room)
        return;
    flow->room = room;
    flow->held = flow->stuck = 0;
}

void flow_interrupt(struct flow *flow, uint64_t waiting)
{
    grant(flow, waiting + FLOW_GRANT);
}

void flow_request(struct flow *flow, uint64_t waiting)
{
    uint64_t most = 2 * flow->limit;
    flow->stuck = 0; /* its user has not been told */
    grant(flow, waiting + FLOW_GRANT < most ? waiting + FLOW_GRANT : most);
}

void flow_used(struct flow *flow, uint64_t bytes)
{
    flow->burst |= bytes > BURST;
}

int flow_timeout(const struct flow *flow)
{
    if (flow->held)
        return flow->stuck ? LOOK_STUCK_MS : LOOK_MS;
    return flow->burst ? LOOK_BURST_MS : -1;
}
