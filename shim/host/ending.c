/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ending.c - interrupting the running cell, and ending the kernel.
 */
#include "shim/host/ending.h"

#include "shim/common/log.h"

int ending_interrupt(struct host *host)
{
    /* It is delivered by dispatch, and a writer that waits for its pipe sees it when that has room. */
    flow_interrupt(&host->flow, server_waiting(host->server));
    return host->plugin->interrupt(host->session); /* without effect when no cell runs */
}

void ending_begin(struct host *host)
{
    if (host->ending)
        return;
    host->ending = 1;
    flow_interrupt(&host->flow, server_waiting(host->server)); /* what comes at the end is to come through */
    int code = host->plugin->shutdown(host->session, ENDING_GRACE_MS);
    if (code) {
        log_print("The session could not be ended in order, so its processes are killed: %s.",
                  log_reason(code));
        host->ended = 1; /* destroy ends what is left */
    }
}
