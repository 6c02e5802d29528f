/* SPDX-License-Identifier: BSD-3-Clause
 *
 * job.h - beside the session: a cell that runs as many ranks.
 */
#ifndef RANKS_JOB_H
#define RANKS_JOB_H

/** What the job is to do. */
struct job_order {
    int everywhere;        /* ranks may be on other machines */
    const char *directory; /* what comes back goes by way of a file there; NULL: of memory */
    char **launch;         /* the command that starts the relays, closed by NULL */
};

/** Serve the library on WORKER_FD as a runner does, for one cell. The exit code. */
int job_run(const struct job_order *order);

#endif
