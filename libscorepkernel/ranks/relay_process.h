/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay_process.h - a rank's process: who it is, and how it begins.
 */
#ifndef RANKS_RELAY_PROCESS_H
#define RANKS_RELAY_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct rank_identity {
    uint32_t rank;
    uint32_t count; /* 1 where no launcher says how many there are */
};

/** What the launcher says in the environment. */
struct rank_identity relay_identify(void);

/** Start command (closed by NULL) with these as its descriptors 0 to 3; it leads a process group, and ends
 * with this process. 0 or -errno. */
int relay_start_process(char *const *command, const int ends[4], pid_t *pid);

#endif
