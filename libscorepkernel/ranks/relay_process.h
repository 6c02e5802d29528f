/* SPDX-License-Identifier: BSD-3-Clause
 *
 * relay_process.h - a rank's process: who it is, and how it begins.
 */
#ifndef RELAY_PROCESS_H
#define RELAY_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct rank_identity {
    uint32_t rank;
    uint32_t count; /* 1 where no launcher says how many there are */
};

/** What the launcher says in the environment. */
struct rank_identity relay_identify(void);

/** Start command (closed by NULL) with a socket and pipes as a worker has them; it leads a process group, and
 * ends with this process. fds: our ends, and the process's of the socket, which takes what is sent even if
 * that has ended; the caller's to close, -1 after a failure. 0 or -errno. */
int relay_start_process(char *const *command, int fds[4], pid_t *pid);

#endif
