/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recording: what is being recorded by this process, as the hooks see it: the state of the one measurement
 * (measurement.h begins and ends it), and what a function's begin and end do to it.
 *
 * Needs the GIL. A fork ends the recording for the child, which writes nothing and may begin anew. */
#ifndef TRACER_PYTHON_RECORDING_H
#define TRACER_PYTHON_RECORDING_H

#include "tracer/otf2/archive.h"
#include "tracer/python/codes.h"
#include "tracer/python/python.h"
#include "tracer/python/scorep_sink.h"
#include "tracer/python/threads.h"
#include "tracer/record/cost.h"
#include "tracer/record/filter.h"
#include "tracer/record/recorder.h"
#include "tracer/record/series.h"
#include "tracer/record/traceless_sink.h"

struct recording {
    uint64_t number;         /* 1 for the process's first; 0 while there is none */
    struct archive *archive; /* our own archive, or NULL: the events go to Score-P */
    struct scorep_sink *scorep_sink;
    struct traceless_sink *traceless; /* or nowhere: no trace is wanted */
    struct recorder recorder;
    struct scope scope;
    struct filter filter;
    struct codes codes;
    struct cost cost;
    struct series *series; /* of what the process uses, borrowed; NULL: there is none for the trace */
    char *process;
    uint64_t begin_ns;
    uint64_t begin_realtime_ns;
    uint64_t first_start_ns; /* 0: not yet */
    uint64_t last_stop_ns;
    bool instrument;  /* functions are recorded from the start on, not only where the user's code says so */
    bool c_functions; /* and so are functions that are written in C */
    bool hooked;      /* hooks have been put in since the beginning */
    bool replaced;    /* somebody else's hook was found in the place of ours: functions are missing */
    bool untimed;     /* not all times in the summary are there: what comes from Score-P's profile counts */
    bool over;        /* the user's code has ended it: nothing is recorded any more */
    bool ending; /* it is being ended: code that runs meanwhile (audit hooks, finalisers) must not end it a
                    second time */
    bool forked; /* this process is the child of the one that measures */
};

extern struct recording recording;

/* Whether something is being measured by this very process. */
static inline bool recording_is_active(void)
{
    return recording.number != 0 && !recording.forked;
}

/* From now on a forked child is told, before it does anything, that the measurement is its parent's. 0 or an
 * errno; may be repeated. */
int recording_watch_forks(void);

/* Takes the recording out of everybody's reach: what follows may run Python code, and that may begin
 * another measurement. The caller ends it with recording_release. */
struct recording recording_detach(void);

/* Frees what belongs to a recording that was detached, but for its archive and Score-P's. */
void recording_release(struct recording *over);

/* In a forked child, outside the fork itself, when the hooks are out: forgets the parent's measurement. */
void recording_abandon(void);

/* Called when the cell's own code begins to run in the thread that measures, or goes on, and is a coroutine;
 * NULL: nobody wants to know. */
extern void (*recording_on_coroutine)(void);

/* For the hooks. key: of the frame. */
void recording_enter(struct thread *thread, const void *key, PyObject *code);

/* The same for functions that are written in C. callable: the function, and its key. */
void recording_enter_c(struct thread *thread, PyObject *callable);

/* Whether the filter excludes the function of a code object that has been entered: nobody needs to hear of it
 * again in this measurement. */
bool recording_is_filtered(PyObject *code);

static inline void recording_leave(struct thread *thread, const void *key)
{
    uint64_t begin_ns = cost_begin(&recording.cost), events = recording.recorder.events;
    recorder_leave(&recording.recorder, thread, key);
    if (begin_ns)
        cost_end(&recording.cost, begin_ns, recording.recorder.events - events);
}

#endif
