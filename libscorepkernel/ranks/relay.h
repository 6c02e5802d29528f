/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay.h - beside each rank: what a parallel launcher starts.
 */
#ifndef RANKS_RELAY_H
#define RANKS_RELAY_H

/** Run the command (closed by NULL) as a worker, for the job that RANK_RENDEZVOUS tells of. The exit code. */
int relay_run(char **command);

#endif
