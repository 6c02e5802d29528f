/* SPDX-License-Identifier: BSD-3-Clause
 *
 * samples.h - what a measured cell's threads were seen executing, as the worker reports it
 * (tracer/module/module_sampling.c, worker/measure/sampling.py). Pure.
 */
#ifndef REPORT_SAMPLES_H
#define REPORT_SAMPLES_H

#include "base/json_bridge.h"

#include <stdint.h>

#define SAMPLES_FUNCTIONS_MAX (1u << 18)
#define SAMPLES_NODES_MAX (1u << 18)
#define SAMPLES_THREADS_MAX (1u << 16)
/* The sampler sees no more calls within each other; recorded ones may be as deep as there are nodes. */
#define SAMPLES_DEPTH_MAX 2048u

/* What time was spent on. The time in which a thread was ready and had no processor, or ran and nobody knows
 * what, is divided as that is which is known of the same line. Events do not tell: their time is of a kind of
 * its own. */
enum spent_on {
    ON_PYTHON,
    ON_NATIVE,
    ON_WAITING,
    ON_GIL,
    SAMPLED_KINDS,
    ON_ANYTHING = SAMPLED_KINDS,
    SPENT_KINDS
};

/* What it waited for. */
enum waited_for { FOR_UNKNOWN, FOR_SLEEP, FOR_FILE, FOR_LOCK, FOR_CHILD, FOR_GIL, WAITED_KINDS };

/* Whose code a function is: enum kind of tracer/record/scope.h. */
enum code_of { CODE_OF_USER, CODE_OF_LIBRARY, CODE_OF_KERNEL, CODE_OF_WRAPPER, CODE_OF_CELL };

/* Texts are borrowed from the worker's JSON. */
struct sampled_function {
    const char *name, *file;
    const char *cell;   /* the number of the cell that it is in; NULL: it is in none */
    const char *source; /* of its file; NULL: it is not known */
    long long line;     /* its first one */
    enum code_of code;
};

/* A function in a line of it, as it was called by the node above. */
struct sampled_node {
    int32_t parent;            /* less than its own number; -1: it stands for a thread */
    int32_t function;          /* -1: it stands for a thread */
    int32_t line;              /* of a thread, its number in threads */
    double own_s[SPENT_KINDS]; /* without what it called */
    double waited_s[WAITED_KINDS];
    uint32_t depth;   /* below its thread */
    double ready_s;   /* contained in own_s */
    double grown;     /* bytes */
    long long visits; /* of events: how often it was called so; 0: it is not known */
};

struct sampled_thread {
    int is_master; /* it ran the cell */
    double begin_s, end_s;
    const struct json *timeline; /* borrowed; rows of ns: of each kind that is sampled, and of Python or
                                  * native code, where it is not known which of them */
    double piece_s;              /* that each of them stands for */
    long long rank;              /* of several; -1: there is one process */
    const char *name;            /* NULL: it has none */
};

/* Empty where nothing was sampled, and no call paths are known either. */
struct samples {
    struct sampled_function *functions; /* these are owned */
    struct sampled_node *nodes;
    struct sampled_thread *threads;
    uint32_t function_count, node_count, thread_count;
    uint64_t count;                                /* of samples; 0: of events */
    double seconds;                                /* that were sampled */
    double cost_s;                                 /* processor time that the sampling took */
    double memory_first, memory_last, memory_peak; /* bytes resident */
    double of_cell_s[SPENT_KINDS];                 /* what the thread did that ran the cell */
    double ready_s;                                /* contained in it: it had no processor */
    double shown_s; /* and not contained in it: IPython showed the cell's value */
};

/** Whether a function was defined by the user, or is a cell's own code. */
int samples_is_users(const struct sampled_function *function);

/** Whether a function is IPython's displayhook, which Python calls with the value of a cell's last
 * expression. */
int samples_is_displayhook(const struct sampled_function *function);

/** Read the member "sampling" of what the worker says of a measured cell. What is malformed in it makes it
 * empty. 0 or -ENOMEM. */
int samples_read(struct samples *samples, const struct json *measured);

/** Read the member "call_paths" of what the worker says of an experiment (worker/experiments/archives.py): in
 * the same form, with calls that were recorded instead of seen. As samples_read. */
int samples_read_call_paths(struct samples *samples, const struct json *measured);

void samples_finish(struct samples *samples);

#endif
