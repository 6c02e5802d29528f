/* SPDX-License-Identifier: BSD-3-Clause
 *
 * thread_list: the threads that run Python code, from the interpreter's own list of them, read from outside
 * while it may change. */
#ifndef TRACER_SAMPLING_THREAD_LIST_H
#define TRACER_SAMPLING_THREAD_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tracer/sampling/frame_offsets.h"

#define THREAD_LIST_MAX 256u

struct listed_thread {
    uint64_t state; /* the address of its thread state */
    pid_t native_id;
};

struct thread_list {
    struct frame_offsets offsets;
    struct listed_thread
        own; /* the one that made the list; CPython 3.11 does not note a forked one's number */
    uint32_t native_id_in_pthread;    /* where the C library keeps it, before 3.11 */
    struct listed_thread *threads;    /* THREAD_LIST_MAX of them; as of the last reading */
    uint32_t count, left_out;         /* and there was no room for */
    struct listed_thread *bystanders; /* THREAD_LIST_MAX of them */
    uint32_t bystander_count;
};

/* state: the calling thread's. false: its number is not found where it should be, or there is no memory. */
bool thread_list_init(struct thread_list *list, const struct frame_offsets *offsets, uint64_t state);
void thread_list_finish(struct thread_list *list);

/* Reads the list, to which the thread with that state belongs: it comes first, whatever there is no room for.
 * A thread that is being made has the number of the one that makes it, and is not listed yet. */
void thread_list_read(struct thread_list *list, uint64_t state);

/* The threads that are there now, but for the one with that state, are not the measured cell's: they are not
 * listed from now on. */
void thread_list_note_bystanders(struct thread_list *list, uint64_t state);

#endif
