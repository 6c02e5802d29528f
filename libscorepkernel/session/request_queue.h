/* SPDX-License-Identifier: BSD-3-Clause
 *
 * request_queue.h - what a host has asked for and has not been answered, in order.
 */
#ifndef SESSION_REQUEST_QUEUE_H
#define SESSION_REQUEST_QUEUE_H

#include "scorepkernel.h"
#include "wire/worker_protocol.h"

/* In request.kind, beside the worker's frames: answered by the library itself. */
#define REQUEST_KERNEL_INFO 0u

#define REQUEST_MAX_LEN ((size_t)64 << 20)
#define REQUEST_MAX_BUFFERS 1024

struct request {
    struct request *next;
    uint64_t number; /* the host's */
    uint64_t execution_count;
    uint64_t order; /* 1 for the session's first */
    uint16_t kind;  /* enum worker_frame, or REQUEST_KERNEL_INFO */
    int sent;       /* it is with the worker */
    int taken;      /* which has begun it */
    int awaited;    /* it was interrupted before that, and must soon be taken */
    int tried;      /* the worker could not be started while this request was waiting for it */
    size_t count;   /* of parts, the first of which is the content */
    struct spk_text parts[];
};

struct request_queue {
    struct request *first, *last;
};

/** A copy of what the host said. NULL: no memory. To be freed with free(). */
struct request *request_create(uint16_t kind, uint64_t number, const struct spk_text *parts, size_t count);

void request_push(struct request_queue *queue, struct request *request);

/** Take the first one off, now the caller's; NULL: there is none. */
struct request *request_pop(struct request_queue *queue);

#endif
