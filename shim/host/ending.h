/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ending.h - interrupting the running cell, and ending the kernel.
 */
#ifndef SHIM_HOST_ENDING_H
#define SHIM_HOST_ENDING_H

#include "shim/host/state.h"

/* How long the session's processes have to end by themselves. */
#define ENDING_GRACE_MS 2000U

/** Interrupt the running cell. 0 or a negative errno. */
int ending_interrupt(struct host *host);

/** Begin to end: the library is told, host_run goes on until it is done. Repeating it does nothing. */
void ending_begin(struct host *host);

#endif
