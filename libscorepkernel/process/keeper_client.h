/* SPDX-License-Identifier: BSD-3-Clause
 *
 * keeper_client.h - the library's side of its keeper, the process that parents the session's Python
 * processes.
 */
#ifndef PROCESS_KEEPER_CLIENT_H
#define PROCESS_KEEPER_CLIENT_H

#include "base/loop.h"
#include "process/process_end.h"
#include "scorepkernel.h"
#include "wire/channel.h"

#include <sys/types.h>

/* Calls from loop_dispatch. */
struct keeper_events {
    void (*spawned)(void *owner, uint64_t id, uint32_t pid);
    void (*failed)(void *owner, uint64_t id, int code, struct spk_text stage);
    void (*exited)(void *owner, uint64_t id, const struct process_end *end);
    void (*gone)(void *owner); /* the keeper itself has ended; nothing more comes */
    /* Sees each frame, before it is sent or handed on. NULL: nobody does. */
    void (*trace)(void *owner, int sent, const struct frame *frame);
};

struct keeper {
    struct loop *loop;
    struct channel channel;
    struct source source;
    const struct keeper_events *events;
    void *owner;
    int ending; /* keeper_end was called: it goes on by itself */
};

/* What to start. */
struct keeper_spawn {
    const char *program;
    const char *directory;
    const char *const *argv; /* closed by NULL, as is environment */
    const char *const *environment;
    const int *fds; /* become the process's 0, 1, 2 ...; stay the caller's */
    size_t fd_count;
};

/** Start the helper program in directory. 0 or -errno; on failure keeper is as after keeper_finish. */
int keeper_start(struct keeper *keeper, struct loop *loop, const char *directory,
                 const struct keeper_events *events, void *owner, struct spk_error *error);

/** Ask for a process, under an id of the caller's; spawned or failed will follow, and exited. 0 or -errno. */
int keeper_spawn(struct keeper *keeper, uint64_t id, const struct keeper_spawn *spawn);

/** Give the keeper an id for a process that it inherited when the process's parent ended; exited will follow.
 */
int keeper_adopt(struct keeper *keeper, uint64_t id, uint32_t pid);

/** Send a signal to the process's group. 0 or -errno; a process that has ended is no failure. */
int keeper_signal(struct keeper *keeper, uint64_t id, int number);

/** Give the processes grace_ms to end by themselves, then kill; gone follows. */
int keeper_end(struct keeper *keeper, uint32_t grace_ms);

/** Let go of the keeper. Without keeper_end before, it kills all that is left, and is waited for; after it,
 * it goes on in the background for the rest of the grace time. Safe to repeat. */
void keeper_finish(struct keeper *keeper);

#endif
