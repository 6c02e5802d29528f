/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fault: the first thing that went wrong, kept for whoever asks later. Owned by the caller, no memory. */
#ifndef TRACER_FAULT_H
#define TRACER_FAULT_H

#include <stdio.h>
#include <string.h>

struct fault {
    int code;         /* an errno value; 0 while nothing went wrong */
    char detail[256]; /* what was being done, or to which file; may be empty */
};

/* Later failures mostly follow from the first, and would hide it. */
static inline void fault_note(struct fault *fault, int code, const char *detail)
{
    if (fault->code != 0)
        return;
    fault->code = code;
    (void)snprintf(fault->detail, sizeof fault->detail, "%s", detail ? detail : "");
}

#endif
