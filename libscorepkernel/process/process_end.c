/* SPDX-License-Identifier: BSD-3-Clause
 *
 * process_end.c - how a process ended, in words. Pure.
 */
#include "process/process_end.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void process_end_text(const struct process_end *end, char *text, size_t size)
{
    if (WIFEXITED(end->status)) {
        snprintf(text, size, "ended with exit code %d", WEXITSTATUS(end->status));
        return;
    }
    int number = WTERMSIG(end->status);
    const char *name = sigabbrev_np(number), *description = sigdescr_np(number);
    if (number == SIGKILL)
        snprintf(text, size,
                 "was killed by SIGKILL (by somebody, or because memory ran out: at its peak it held %llu "
                 "MiB)",
                 (unsigned long long)(end->peak_rss_kib >> 10));
    else
        snprintf(text, size, "was ended by SIG%s (%s)", name ? name : "?",
                 description ? description : "signal");
}
