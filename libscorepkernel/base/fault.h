/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fault: the first thing that went wrong, kept for whoever asks later. Owned by the caller, no memory. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdio.h>
#include <string.h>

#include "base/utf8_cut.h"

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
    size_t len = detail ? utf8_cut(detail, strlen(detail), sizeof fault->detail - 1) : 0;
    (void)snprintf(fault->detail, sizeof fault->detail, "%.*s", (int)len, detail ? detail : "");
}

#endif
