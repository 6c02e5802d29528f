/* SPDX-License-Identifier: BSD-3-Clause
 *
 * threads: which of the process's threads take part in the measurement, and the recorder's state of each.
 *
 * A thread finds its state through a thread-local pointer with a serial number: a state that left the
 * measurement (its thread ended, the measurement ended, the process was forked) has another number, so that
 * no thread can come back to it. States are never freed, only used again: a stale pointer is harmless.
 * Needs the GIL. */
#ifndef TRACER_PYTHON_THREADS_H
#define TRACER_PYTHON_THREADS_H

#include "tracer/python/python.h"
#include "tracer/record/recorder.h"

struct threads_self {
    struct thread *thread;
    uint64_t serial;
    uint64_t refused; /* the measurement that does not want this thread */
    uint64_t gone;    /* 1 + number of the Python thread state whose end was seen */
};

/* In the usual model: the faster ones take from the little room that the C library keeps for libraries that
 * are loaded late, and no difference could be measured. */
extern _Thread_local struct threads_self threads_own;

/* The calling thread's state, NULL if it does not take part. */
static inline struct thread *threads_find(void)
{
    struct thread *thread = threads_own.thread;
    return thread && thread->serial == threads_own.serial ? thread : NULL;
}

/* Whether this measurement has turned the calling thread away. */
static inline bool threads_refused(uint64_t measurement)
{
    return threads_own.refused == measurement;
}

static inline void threads_refuse(uint64_t measurement)
{
    threads_own.refused = measurement;
}

/* Lets the calling thread take part. NULL without memory, or if its Python thread state is being cleared:
 * what still runs in it then comes after its end. No exception is set. */
struct thread *threads_adopt(struct recorder *recorder, bool is_master);

/* The master's state, NULL without one. */
struct thread *threads_master(void);

/* Sets the time of entry of all open regions, in all threads, to now. Returns how many regions are open. */
uint64_t threads_begin_at(uint64_t now_ns);

/* Remembers every thread that runs now and does not take part. Called when recording starts. */
int threads_note_bystanders(void);
/* Whether the calling thread is a bystander. It is forgotten then: numbers of ended threads are given to new
 * ones. */
bool threads_is_bystander(void);

/* Ends the measurement for all threads: leaves what is open, frees their memory. */
void threads_release_all(struct recorder *recorder);
/* For a forked child, where the recorder is the parent's. threads_cut_off, which is async-signal-safe, keeps
 * everybody away from the recorder; threads_abandon is called later. */
void threads_cut_off(void);
void threads_abandon(void);

#endif
