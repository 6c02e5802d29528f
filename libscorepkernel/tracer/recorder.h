/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorder: decides what is recorded, and keeps every location's events balanced and nested.
 *
 * Each thread has a shadow of its Python stack, with what is not recorded in it too: a frame is known by its
 * key (a frame or a code object, never looked into), so that a leave whose enter was never seen is ignored,
 * and an enter whose leave was never seen is left together with the frame below it.
 * It knows nothing of Python. Its callers hold the GIL, which is the only lock. */
#ifndef TRACER_RECORDER_H
#define TRACER_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "regions.h"
#include "scope.h"
#include "sink.h"
#include "summary.h"

#define RECORDER_DEPTH_MAX (1u << 20)
/* So many threads get locations of their own; later ones reuse those of ended threads. */
#define RECORDER_FRESH_LOCATIONS 1024u

/* What may be recorded where a thread is now. */
enum door {
    DOOR_LOCKED, /* nothing but a root */
    DOOR_CLOSED, /* the user's code, but not libraries: we are inside the kernel's code */
    DOOR_OPEN    /* the user's code and the libraries that it calls */
};

struct frame {
    const void *key; /* NULL: not a function but a region that the user's code began */
    uint64_t entered_ns;
    uint64_t siblings_ns; /* time of earlier children of the frame below */
    uint32_t region;      /* REGION_NONE: not recorded */
    uint8_t door;         /* as it was before this frame */
    bool outermost;       /* no other visit of this region lies below */
    bool ended;           /* a region of the user's, to be left as soon as nothing lies above */
};

struct thread {
    struct frame *frames;
    uint32_t depth;
    uint32_t capacity;
    uint32_t overflow; /* frames beyond RECORDER_DEPTH_MAX */
    uint32_t ended;    /* how many frames have `ended` set */
    enum door door;
    bool awaits;          /* the root is suspended in an `await`: its tasks count as called by it */
    bool suspended;       /* by the user */
    uint64_t children_ns; /* of the topmost recorded frame */
    uint32_t *active;     /* by region: open visits */
    uint32_t active_len;
    struct location *location; /* NULL until the first event */
    /* For threads.c: */
    struct thread *next;
    uint64_t serial; /* changes when the thread leaves the measurement */
    unsigned long ident;
    bool is_master;
};

struct recorder {
    struct sink *sink;
    struct regions regions;
    struct summary summary;
    struct location *spare_locations; /* of ended threads */
    uint64_t events;
    uint64_t lost;
    bool on; /* between start and stop */
};

/* What a code object's frames are to the recorder. */
struct visit {
    enum kind kind;
    bool coroutine;
    uint32_t region; /* REGION_NONE: recorder_wants said no, or there is no room for more regions */
};

/* The sink stays the caller's. */
void recorder_init(struct recorder *recorder, struct sink *sink);
void recorder_finish(struct recorder *recorder);

/* A region's number, made known to sink and summary; REGION_NONE if there is no room for it. */
uint32_t recorder_region(struct recorder *recorder, const char *name, const char *file, uint32_t line);

/* Whether a function of that kind would be recorded here: only then its region is needed. */
static inline bool recorder_wants(const struct recorder *recorder, const struct thread *thread,
                                  enum kind kind)
{
    if (!recorder->on || thread->suspended || kind == KIND_OWN)
        return false;
    if (kind == KIND_ROOT)
        return true;
    return thread->door >= (kind == KIND_USER ? DOOR_CLOSED : DOOR_OPEN);
}

void recorder_enter(struct recorder *recorder, struct thread *thread, const void *key, struct visit visit);
void recorder_leave(struct recorder *recorder, struct thread *thread, const void *key);

/* While the user suspends recording, too: that is about functions, as it is with the bindings. */
static inline bool recorder_accepts_regions(const struct recorder *recorder, const struct thread *thread)
{
    return recorder->on && thread->door != DOOR_LOCKED;
}

/* A region of the user's, on whatever is the innermost recorded function. Left at the latest with it.
 * Only where recorder_accepts_regions. */
void recorder_region_begin(struct recorder *recorder, struct thread *thread, uint32_t region);
/* Ends the innermost one of that name; if functions entered since are still open, as soon as they are left.
 */
void recorder_region_end(struct recorder *recorder, struct thread *thread, const char *name);

/* Leaves everything that is open. */
void recorder_unwind(struct recorder *recorder, struct thread *thread);
/* The thread is gone: unwinds it and keeps its location for another one. Its memory is freed. */
void recorder_retire(struct recorder *recorder, struct thread *thread);

#endif
