/* SPDX-License-Identifier: BSD-3-Clause
 *
 * watched_thread: what a sampled thread did with the time since it was looked at last. */
#ifndef TRACER_SAMPLING_WATCHED_THREAD_H
#define TRACER_SAMPLING_WATCHED_THREAD_H

#include "tracer/sampling/sample_tree.h"
#include "tracer/sampling/stack.h"
#include "tracer/sampling/thread_list.h"

#define TIMELINE_LEN 96u /* pieces that a thread's time is divided into */

/* What a piece of a thread's time line tells apart. Either: Python or native code, nobody knows which. */
enum timeline_part {
    TIMELINE_PYTHON,
    TIMELINE_NATIVE,
    TIMELINE_WAITING,
    TIMELINE_GIL,
    TIMELINE_EITHER,
    TIMELINE_PARTS
};

struct sampled_thread {
    pid_t native_id;
    bool is_master;                                  /* it runs the cell */
    uint32_t root;                                   /* its node, below which all of its functions are */
    uint64_t begin_ns, end_ns;                       /* since the sampling began */
    uint64_t timeline[TIMELINE_LEN][TIMELINE_PARTS]; /* ns, from the beginning of the sampling on */
};

struct watched_thread {
    struct sampled_thread found;
    uint64_t state; /* the address of its thread state */
    struct activity activity;
    uint64_t now_ns, seen_ns;  /* of this look and of the one before */
    uint64_t ran_ns, ready_ns; /* all in all, as of this look */
    uint64_t ran_since,
        owed_ns;                /* since the last look; counted as ready, and not yet told of by the system */
    uint32_t node, node_before; /* where it is in the tree, and where it was at the last look */
    enum doing waits_as;        /* what it waited for at the last look; DOING_KINDS: it did not */
    uint64_t frame, instruction; /* where it was at the last look */
    uint32_t node_waited;        /* where it was seen waiting last, and for what */
    enum doing waited_as;
    uint64_t listed_at; /* the look at which it was listed last */
    bool is_new, has_ended;
};

/* The time since the last look, divided. */
struct spent {
    struct {
        uint32_t node;
        enum doing doing;
        uint64_t ns;
    } parts[3];
    int count;
};

void watched_thread_begin(struct watched_thread *thread, const struct listed_thread *listed, bool is_master,
                          uint32_t root, uint64_t now_ns);
void watched_thread_end(struct watched_thread *thread);

/* One that has ended stands for another from now on, or is there after all. */
void watched_thread_succeed(struct watched_thread *thread, const struct listed_thread *listed,
                            uint64_t now_ns);

/* The sampling goes on after a pause: what the thread did meanwhile does not count. */
void watched_thread_go_on(struct watched_thread *thread, uint64_t now_ns);

/* Looks at the thread. Whether its stack may be another one than it was at the last look. */
bool watched_thread_look(struct watched_thread *thread, uint64_t now_ns);

/* Its stack has been read, and is that node's. */
void watched_thread_move(struct watched_thread *thread, uint32_t node);

/* What a look needs to know. */
struct looking {
    const struct frame_offsets *offsets;
    const struct stack *stack; /* the thread's own, if it may have moved */
    const struct lock_range *locks;
    const uint8_t *plain; /* as in struct sampler_options */
};

/* What it did since the last look. */
void watched_thread_spent(struct watched_thread *thread, const struct looking *looking, struct spent *spent);

void watched_thread_add_to_timeline(struct watched_thread *thread, uint32_t piece, enum doing doing,
                                    uint64_t ns);
/* Each piece becomes twice as long. */
void watched_thread_halve_timeline(struct watched_thread *thread);

#endif
