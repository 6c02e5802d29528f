/* SPDX-License-Identifier: BSD-3-Clause
 *
 * python_process.h - one Python process: start it, speak to it, read what it says.
 */
#ifndef PROCESS_PYTHON_PROCESS_H
#define PROCESS_PYTHON_PROCESS_H

#include "process/keeper_client.h"
#include "process/last_words.h"
#include "process/output_order.h"
#include "wire/channel.h"
#include "wire/worker_protocol.h"

/* Calls from loop_dispatch, in the order in which things happened in the worker. */
struct python_process_events {
    void (*text)(void *owner, uint64_t request, uint32_t which, struct spk_text text);
    void (*frame)(void *owner, struct frame *frame);
    void (*lost)(void *owner); /* it sent something that is no frame: it must be ended */
    /* The process closed its end of the socket a moment ago and has not ended, as far as is known: nothing
     * can be sent to it any more. May be NULL, if the owner does not mind. */
    void (*closed)(void *owner);
    /* Sees each frame, before it is sent or handed on. NULL: nobody does. */
    void (*trace)(void *owner, int sent, const struct frame *frame);
};

/* Where a process is to come from. */
struct python_process_start {
    const char *python;      /* absolute path */
    const char *package;     /* directory that holds the package spk_worker */
    const char *const *argv; /* the complete command, used instead of python and package; closed by NULL */
    const char *directory;   /* its working directory */
    const char *const *environment;
    const char *setup; /* JSON members for WORKER_SETUP besides the token, or NULL */
};

struct python_process {
    uint64_t id;         /* towards the keeper; 0: there is no process */
    uint32_t interrupts; /* sent to it */
    int64_t closed_ns;   /* when it counts as cut off, since its end of the socket is closed; 0: it is not */
    struct loop *loop;
    struct channel channel;
    struct source socket, pipes[2], timer;
    struct output_order output;
    const struct python_process_events *events;
    void *owner;
    struct last_words errors; /* the last that it wrote on standard error */
};

/** How a process ended that the owner killed when its closed() was called. */
#define WORKER_WAS_CLOSED                                                                                 \
    "was ended by the kernel, since its connection to the kernel had been closed: by os.closerange, for " \
    "example, or as another program was run in its place (os.exec)"

/** And one that was killed when lost() was called. */
#define WORKER_WAS_NOT_UNDERSTOOD "was ended by the kernel, since what it sent was not understood"

/** The value of a worker that does not exist: it owns no descriptor. */
#define WORKER_CLOSED         \
    ((struct python_process){ \
        .channel = CHANNEL_CLOSED, .socket.fd = -1, .pipes = {{.fd = -1}, {.fd = -1}}, .timer.fd = -1})

/** Ask the keeper for a process, and watch its channels. 0 or -errno; after a failure worker is as after
 * python_process_finish. */
int python_process_spawn(struct python_process *worker, struct loop *loop, struct keeper *keeper, uint64_t id,
                         const struct python_process_start *start, const struct python_process_events *events,
                         void *owner, struct spk_error *error);

/** Make the channels to a process that is started later, and send WORKER_SETUP. ends: all -1 before;
 * afterwards what the process gets as its descriptors 0 to 3, which the caller closes, also after a failure.
 * setup: as in struct python_process_start. 0 or -errno; after a failure the caller calls
 * python_process_finish. */
int python_process_open(struct python_process *worker, struct loop *loop, uint64_t id, int ends[4],
                        const char *setup, const struct python_process_events *events, void *owner);

/** Watch the channels of a process that exists and waits for WORKER_SETUP: a standby. setup: as in struct
 * python_process_start. fds: its socket and its two pipes, which are taken over in any case. 0 or -errno;
 * after a failure worker is as after python_process_finish. */
int python_process_adopt(struct python_process *worker, struct loop *loop, uint64_t id, const int fds[3],
                         const char *setup, const struct python_process_events *events, void *owner);

/** Send a frame. 0 or -errno. */
int python_process_send(struct python_process *worker, uint16_t type, uint64_t request,
                        const struct spk_text *parts, size_t count);

/** The same with a descriptor, which stays the caller's; -1: without. */
int python_process_send_fd(struct python_process *worker, uint16_t type, uint64_t request,
                           const struct spk_text *parts, size_t count, int fd);

/** The same with the payload of a frame that came from elsewhere. */
int python_process_forward(struct python_process *worker, uint16_t type, uint64_t request,
                           struct spk_text payload);

/** The process has ended: read what is left in its channels, and give it to the owner. */
void python_process_drain(struct python_process *worker);

/** Close everything. Safe to repeat. The process itself is the keeper's business. */
void python_process_finish(struct python_process *worker);

#endif
