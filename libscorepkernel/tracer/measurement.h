/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measurement: the one measurement that a process can have at a time, from begin to end.
 *
 * Ties archive, recorder, codes and threads together and tells the hooks when to come and go. All of it
 * needs the GIL, and the GIL is its only lock: free-threaded Pythons are refused.
 *
 * A fork ends the measurement for the child: it records nothing and writes nothing, and may begin anew. */
#ifndef TRACER_MEASUREMENT_H
#define TRACER_MEASUREMENT_H

#include "codes.h"
#include "python.h"
#include "recorder.h"
#include "threads.h"

struct measurement {
    uint64_t number; /* 1 for the process's first; 0 while there is none */
    struct recorder recorder;
    struct scope scope;
    struct codes codes;
    char *process;
    uint64_t begin_ns;
    uint64_t begin_realtime_ns;
    uint64_t first_start_ns; /* 0: not yet */
    uint64_t last_stop_ns;
    bool forked; /* this process is the child of the one that measures */
};

extern struct measurement measurement;

/* Whether something is being measured by this very process. */
static inline bool measurement_is_active(void)
{
    return measurement.number != 0 && !measurement.forked;
}

/* These set a Python exception and return -1 when they fail. scope is taken over in any case. */
int measurement_begin(const char *directory, const char *process, uint64_t memory_limit, struct scope *scope);
int measurement_start(void);
int measurement_stop(void);
/* A new reference to the result; NULL with an exception only without memory. */
PyObject *measurement_end(void);

/* In a forked child, outside the fork itself: takes the hooks out and forgets the parent's measurement. */
void measurement_abandon(void);

/* For the hooks. key: of the frame. */
void measurement_enter(struct thread *thread, const void *key, PyObject *code);

static inline void measurement_leave(struct thread *thread, const void *key)
{
    recorder_leave(&measurement.recorder, thread, key);
}

#endif
