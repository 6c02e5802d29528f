/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sampler: a thread that looks, about a thousand times a second, at what the threads of this Python are
 * executing, and adds it up. It never takes the GIL and stops nobody: it reads memory (stack.h) and what the
 * system says of threads (activity.h). What it finds is a call tree with times (sample_tree.h).
 *
 * All functions need the GIL, and belong to the thread that is measured. A forked child has no such thread:
 * there nothing is sampled. */
#ifndef TRACER_SAMPLING_SAMPLER_H
#define TRACER_SAMPLING_SAMPLER_H

#include "tracer/record/series.h"
#include "tracer/sampling/functions.h"
#include "tracer/sampling/sample_tree.h"
#include "tracer/sampling/watched_thread.h"

#define SAMPLER_THREADS_MAX 256u
struct sampler_options {
    uint32_t version;           /* PY_VERSION_HEX of the running Python */
    const void *runtime;        /* _PyRuntime */
    struct lock_range locks;    /* where that lies */
    uint64_t code_type, thread; /* PyCode_Type, and the thread state that is measured */
    uint64_t frame_code;        /* what the innermost frame executes, to try whether it is found */
    uint32_t frame_line;
    const uint8_t
        *plain;          /* by operation of Python's, 256 of them: whether it is never native code for long */
    const char *package; /* what the names of the kernel's own files begin with */
    const char
        *cell; /* the name of the file that the cell's own code is compiled as; NULL: there is no one */
    const uint64_t *events; /* how many have been recorded so far */
    struct series *series;  /* gets what the process uses; borrowed */
};

struct sampler;

/* NULL: it cannot be done here, and *problem says why, as the end of a sentence. */
struct sampler *sampler_create(const struct sampler_options *options, const char **problem);

/* Begins to sample, or goes on. 0 or an errno: there is no thread to be had. */
int sampler_start(struct sampler *sampler);
/* Samples no more until the next start. Harmless where nothing is sampled. */
void sampler_stop(struct sampler *sampler);

/* Around a fork: the sampling stops, and goes on in the process in which it was started. What passes between
 * counts. 0 or an errno: there is no thread to be had, and nothing is sampled until the next start. */
void sampler_pause(struct sampler *sampler);
int sampler_go_on(struct sampler *sampler);

/* Another statement of the cell begins: its code may lie where that of the one before lay. */
void sampler_note_statement(struct sampler *sampler);

/* The calling thread is about to run a coroutine that is a cell's own code: while it is suspended, it waits
 * for what this thread does. */
void sampler_note_coroutine(struct sampler *sampler);

void sampler_destroy(struct sampler *sampler);

struct sampling {
    const struct functions *functions;
    const struct sample_tree *tree;
    uint32_t thread_count;
    uint64_t sampled_ns;                             /* between starts and stops */
    uint64_t samples;                                /* of all threads */
    uint64_t cost_ns;                                /* processor time of the sampling itself */
    uint64_t piece_ns;                               /* of a time line */
    uint32_t threads_missed;                         /* as there was no room for them */
    uint64_t stacks_cut;                             /* that were too deep to be seen as a whole */
    uint64_t memory_first, memory_last, memory_peak; /* bytes resident, as sampled */
};

/* What was found; to be asked while nothing is sampled. Borrowed. */
struct sampling sampler_result(const struct sampler *sampler);
const struct sampled_thread *sampler_thread(const struct sampler *sampler, uint32_t number);

#endif
