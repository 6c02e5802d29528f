/* SPDX-License-Identifier: BSD-3-Clause
 *
 * call_tree.h - the call tree of a measured cell, folded to what matters to its user: a function of the
 * user's is open, line by line; a library is one entry, the function that the user's code called, with all
 * that it calls in turn, but for the user's code that it calls back; what the kernel and IPython do below the
 * cell, and to show its value, is left out. A function that calls itself is one entry. Pure.
 */
#ifndef REPORT_CALL_TREE_H
#define REPORT_CALL_TREE_H

#include "report/samples.h"

#define CALL_TREE_DEPTH_MAX 64 /* deeper entries count as those above them */

enum call_kind {
    CALL_ALL,    /* the root: all threads */
    CALL_THREAD, /* one of them, where they are shown apart; below the root only */
    CALL_RANK,   /* and one of several processes */
    CALL_FUNCTION,
    CALL_LINE,  /* what a function of the user's did in one line */
    CALL_KERNEL /* IPython and the kernel, called by the user's code */
};

struct call {
    int32_t parent; /* -1: the root; always less than its own number */
    int32_t first,
        next; /* the first of what it calls, and what its caller calls next; -1: none. Longest first */
    enum call_kind kind;
    int32_t function; /* -1: none */
    int32_t line;     /* CALL_LINE, CALL_THREAD and CALL_RANK: which */
    int depth;
    int is_recursive;
    double own_s[SPENT_KINDS], spent_s[SPENT_KINDS]; /* without what it calls, and with it */
    long long visits;                                /* 0: they are not known */
};

/* What has a tree of its own. */
enum call_tree_apart { CALL_TREE_TOGETHER, CALL_TREE_THREADS, CALL_TREE_RANKS };

struct call_tree {
    struct call *calls; /* owned; the root is the first */
    uint32_t count;
};

/** 0 or -ENOMEM. */
int call_tree_make(struct call_tree *tree, const struct samples *samples, enum call_tree_apart apart);

void call_tree_finish(struct call_tree *tree);

double call_total(const struct call *call);

#endif
