/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sample_tree: a call tree made of samples. A node is a function in a line of it, as it was called by the
 * node above: what a function does in two lines are two nodes. Pure. */
#ifndef TRACER_SAMPLING_SAMPLE_TREE_H
#define TRACER_SAMPLING_SAMPLE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracer/sampling/activity.h"

#define SAMPLE_TREE_MAX (1u << 17) /* nodes; deeper calls then count as their callers' */
#define SAMPLE_NODE_NONE UINT32_MAX

/* What a thread did with its time. */
enum doing {
    DOING_PYTHON, /* it ran Python code */
    DOING_NATIVE, /* it ran native code that Python called */
    DOING_RAN, /* it ran one of both: it had lost its processor when it was looked at, so that nobody knows */
    DOING_STOOD,   /* the same, and it was where it had been at the look before, as native code often is */
    DOING_READY,   /* it waited for a processor */
    DOING_WAITING, /* and then the kinds of enum waiting */
    DOING_KINDS = DOING_WAITING + WAITING_KINDS
};

struct sample_node {
    uint32_t parent; /* SAMPLE_NODE_NONE: it is the outermost function of its thread */
    uint32_t function;
    int32_t line;
    uint32_t samples;
    uint64_t ns[DOING_KINDS]; /* of its own, without what it called */
    int64_t memory;           /* bytes by which the process grew, in samples of its own */
};

struct sample_tree {
    struct sample_node *nodes; /* parents before their children */
    uint32_t count, capacity;
    uint32_t *slots; /* numbers of nodes, by hash; a power of two, at most half full */
    uint32_t slot_count;
    bool is_full; /* nodes are missing */
};

void sample_tree_init(struct sample_tree *tree);
void sample_tree_finish(struct sample_tree *tree);

/* The node of a function in a line, called by a node; made if it is not there. Without room for it, the
 * caller. */
uint32_t sample_tree_child(struct sample_tree *tree, uint32_t parent, uint32_t function, int32_t line);

#endif
