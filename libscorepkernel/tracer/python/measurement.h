/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measurement: the one measurement that a process can have at a time, from begin to end.
 *
 * Ties archive or scorep_sink, recorder, codes and threads together and tells the hooks when to come and go.
 * All of it needs the GIL, and the GIL is its only lock: free-threaded Pythons are refused.
 *
 * A fork ends the measurement for the child: it records nothing and writes nothing, and may begin anew. */
#ifndef TRACER_PYTHON_MEASUREMENT_H
#define TRACER_PYTHON_MEASUREMENT_H

#include "tracer/otf2/archive.h"
#include "tracer/python/codes.h"
#include "tracer/python/python.h"
#include "tracer/python/scorep_sink.h"
#include "tracer/python/threads.h"
#include "tracer/record/recorder.h"

struct measurement {
    uint64_t number;         /* 1 for the process's first; 0 while there is none */
    struct archive *archive; /* of our own, or NULL: the events are Score-P's */
    struct scorep_sink *scorep_sink;
    struct recorder recorder;
    struct scope scope;
    struct codes codes;
    char *process;
    uint64_t begin_ns;
    uint64_t begin_realtime_ns;
    uint64_t first_start_ns; /* 0: not yet */
    uint64_t last_stop_ns;
    bool instrument; /* functions are recorded from the start on, not only where the user's code says so */
    bool hooked;     /* hooks have been put in since the beginning */
    bool replaced;   /* somebody else's hook was found in the place of ours: functions are missing */
    bool untimed;    /* not all times in the summary are there: what comes from Score-P's profile counts */
    bool over;       /* the user's code has ended it: nothing is recorded any more */
    bool ending;     /* it is being ended: what runs meanwhile (audit hooks, finalisers) may not do so, too */
    bool forked;     /* this process is the child of the one that measures */
};

extern struct measurement measurement;

/* Whether something is being measured by this very process. */
static inline bool measurement_is_active(void)
{
    return measurement.number != 0 && !measurement.forked;
}

/* How it is to be measured. Borrowed, but for scope, which is taken over. */
struct measurement_options {
    const char *directory;
    const char *process;
    uint64_t memory_limit;
    const struct engine_setting
        *settings; /* of Score-P, which makes the directory itself; NULL: the archive's */
    size_t setting_count;
    bool profiled;   /* Score-P's profile tells the times */
    bool instrument; /* as in struct measurement */
    struct scope scope;
};

/* These set a Python exception and return -1 when they fail. */
int measurement_begin(struct measurement_options *options);
int measurement_start(void);
int measurement_stop(void);
/* A new reference to the result; NULL with an exception only without memory. Of a measurement that
 * measurement_finalize has ended it is the one that was kept. */
PyObject *measurement_end(void);

/* Ends the measurement in the middle of the cell: in the thread that started it all is written, elsewhere
 * nothing is recorded any more. Harmless if there is none. */
int measurement_finalize(void);

/* Whether measurement_end has something to say. */
bool measurement_has_result(void);

/* The calling thread takes part from now on, whenever it began: its own code asks for it. Its functions are
 * recorded only after measurement_resume. NULL: nothing is being recorded, or there is no memory. */
struct thread *measurement_join(void);

/* The functions of the thread are recorded from now on, and those of threads that it begins; or not. */
int measurement_resume(struct thread *thread);
void measurement_suspend(struct thread *thread);

/* Times are taken here from now on, too, and not by Score-P's profile alone. */
void measurement_take_time(void);

/* Where a cell's next statement begins: puts a hook back that somebody has taken out. */
int measurement_refresh(void);

/* The region of a function, named as if it had been entered; REGION_NONE: it is not the user's to name. */
uint32_t measurement_region_of(PyObject *function);

/* In a forked child, outside the fork itself: takes the hooks out and forgets the parent's measurement. */
void measurement_abandon(void);

/* For the hooks. key: of the frame. */
void measurement_enter(struct thread *thread, const void *key, PyObject *code);

static inline void measurement_leave(struct thread *thread, const void *key)
{
    recorder_leave(&measurement.recorder, thread, key);
}

#endif
