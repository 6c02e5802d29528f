/* SPDX-License-Identifier: BSD-3-Clause
 *
 * children.h - the keeper's processes: start, signal, reap, end.
 */
#ifndef KEEPER_CHILDREN_H
#define KEEPER_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define CHILDREN_MAX 64

struct child {
    uint64_t id; /* the library's name for it */
    pid_t pid;   /* leader of a process group of its own */
};

struct children {
    struct child list[CHILDREN_MAX];
    size_t count;
};

/* What to exec. The vectors end with NULL. fds become 0, 1, 2 ...; they stay the caller's. */
struct spawn {
    const char *program;
    const char *directory;
    char *const *argv;
    char *const *envp;
    const int *fds;
    size_t fd_count;
};

/** Start a process. 0, or a negative errno with *stage telling what was being done. */
int children_spawn(struct children *children, uint64_t id, const struct spawn *spawn, const char **stage);

/** Take a process that was inherited under an id. 0, -EAGAIN: there are too many; -ESRCH: it is no child of
 * ours; -EEXIST: it has an id already. */
int children_adopt(struct children *children, uint64_t id, pid_t pid);

/** The process's whole group. 0, -ESRCH. */
int children_signal(const struct children *children, uint64_t id, int signal_number);

/** A process that has ended, adopted or not, and is not reaped yet; 0: there is none. */
pid_t children_ended(void);

/** Reap it. 1: *id (0: it has none), *status and *usage are set; 0: it cannot be reaped. */
int children_reap(struct children *children, pid_t pid, uint64_t *id, int *status, struct rusage *usage);

/** Kill the groups of those that are left. */
void children_kill(const struct children *children);

/** Kill and reap every descendant, adopted or not, that can be found. */
void children_kill_descendants(void);

#endif
