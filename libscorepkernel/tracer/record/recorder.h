/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recorder: decides what is recorded, and keeps every location's events balanced and nested.
 *
 * Each thread has a shadow of its Python stack, with what is not recorded in it too: a frame is known by its
 * key (a frame or a code object, never looked into), so that a leave whose enter was never seen is ignored,
 * and an enter whose leave was never seen is left together with the frame below it.
 * A cell's module-level code is one region, from its first statement to the end of the recording, however
 * many code objects its statements are. It knows nothing of Python. Its callers hold the GIL, which is the
 * only lock. What the user's code asks for by itself (regions, parameters, rewinding) is in recorder_user.c.
 */
#ifndef TRACER_RECORD_RECORDER_H
#define TRACER_RECORD_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "tracer/record/filter.h"
#include "tracer/record/regions.h"
#include "tracer/record/scope.h"
#include "tracer/record/sink.h"
#include "tracer/record/summary.h"

#define RECORDER_DEPTH_MAX (1u << 20)
/* How many threads get locations of their own; later threads reuse the locations of ended ones. */
#define RECORDER_FRESH_LOCATIONS 1024u
/* How many open regions of the user's are continued in the next of several cells that are measured as one. */
#define RECORDER_CARRIED_MAX 64u

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
    bool is_cell;         /* not a function but the region of the cell's module-level code */
    bool is_statement; /* one of the cell's code objects: other code of the cell that it runs belongs to the
                          same region */
};

/* A place to which the user's code may take the trace back. */
struct rewind {
    struct rewind *next; /* begun before this one */
    uint64_t begin_ns;
    uint64_t events; /* of the location, when it was begun */
    uint32_t region; /* its name */
    uint32_t open;   /* how many regions were open then */
    bool crossed;    /* one of these has been left since: taking its leave back would tear the trace apart */
    bool unknown;    /* the sink could not remember the place: the rewind is refused at its end */
};

struct thread {
    struct frame *frames;
    uint32_t depth;
    uint32_t capacity;
    uint32_t overflow; /* frames beyond RECORDER_DEPTH_MAX */
    uint32_t ended;    /* how many frames have `ended` set */
    uint32_t open;     /* how many are recorded */
    enum door door;
    bool cell_counts;       /* the region of the cell's module-level code is recorded, too */
    bool awaits;            /* the root is suspended in an `await`: its tasks count as called by it */
    bool suspended;         /* by the user */
    uint64_t children_ns;   /* of the topmost recorded frame */
    struct rewind *rewinds; /* owned; the one begun last comes first */
    uint32_t carried[RECORDER_CARRIED_MAX]; /* regions of the user's that were open when recording stopped */
    uint32_t carried_count;
    uint32_t *active; /* by region: open visits */
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
    const struct filter *filter; /* of what is not to be recorded; NULL: there is none */
    struct regions regions;
    struct summary summary;
    struct location *spare_locations; /* locations of ended threads, to be used again */
    uint64_t events;
    uint64_t lost;
    uint64_t rewinds_refused; /* rewinds that were refused: their events are still in the trace */
    uint64_t parameters;
    bool on;         /* between start and stop */
    bool muted;      /* the user has switched all recording off */
    bool incomplete; /* a beginning may be missing: an end without one is nobody's mistake */
    bool registered; /* functions of threads that begin now are recorded */
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
    if (!recorder->on || recorder->muted || thread->suspended || kind == KIND_OWN || kind == KIND_THROUGH)
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
    return recorder->on && !recorder->muted && thread->door != DOOR_LOCKED;
}

/* --- what the user's code asks for (recorder_user.c); all but the ends only where recorder_accepts_regions -
 */

/* A region of the user's, on whatever is the innermost recorded function. Left at the latest with it. */
void recorder_region_begin(struct recorder *recorder, struct thread *thread, uint32_t region);
/* Ends the innermost region of that name. If functions entered since are still open, it ends as soon as they
 * are left. false: no region of that name is open, and its beginning was not missed by us. */
bool recorder_region_end(struct recorder *recorder, struct thread *thread, const char *name);
/* The same for a region by its number. */
bool recorder_region_end_number(struct recorder *recorder, struct thread *thread, uint32_t region);
/* A region that was ended without having begun: it becomes a visit of `error_region`, with that name as its
 * parameter. */
void recorder_stray_end(struct recorder *recorder, struct thread *thread, const char *name, const char *file,
                        uint32_t line);

void recorder_parameter(struct recorder *recorder, struct thread *thread, const struct parameter *parameter);

/* Switches all recording off or on; what is open is left in its time. */
void recorder_mute(struct recorder *recorder, struct thread *thread, bool muted);

void recorder_rewind_begin(struct recorder *recorder, struct thread *thread, uint32_t region);
/* Ends the innermost rewind region of that name, and those begun after it. rewound: the events within it are
 * taken back. If that would separate events that belong together, nothing is taken back, and rewinds_refused
 * counts it. false: no region of that name is open. */
bool recorder_rewind_end(struct recorder *recorder, struct thread *thread, const char *name, bool rewound);

/* A function that had begun before its thread's functions were seen. */
struct unseen {
    const void *key;
    enum kind kind;
};

/* Puts the functions that the thread is in on its stack, innermost first, below the regions that its code has
 * begun: what they call from now on is recorded as what they call. */
void recorder_seed(struct thread *thread, const struct unseen *functions, uint32_t count);

/* Whether the thread is in a cell's code already: what of that kind it runs now belongs to the same cell. */
bool recorder_is_in_cell(const struct thread *thread);

/* Enters the regions again that the user's code began in the cell before and did not end. */
void recorder_carry_on(struct recorder *recorder, struct thread *thread);

/* Leaves all open regions. Those that the user's code began are entered again in the next cell. */
void recorder_unwind(struct recorder *recorder, struct thread *thread);
/* The thread has ended: leaves its open regions, keeps its location for another thread, and frees its memory.
 */
void recorder_retire(struct recorder *recorder, struct thread *thread);

#endif
