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

#include "tracer/python/recording.h"

/* How it is to be measured. Borrowed, but for scope, which is taken over. */
struct measurement_options {
    const char *directory;
    const char *process;
    uint64_t memory_limit;
    const struct engine_setting
        *settings; /* of Score-P, which makes the directory itself; NULL: the archive's */
    size_t setting_count;
    bool profiled;   /* Score-P's profile tells the times */
    bool traceless;  /* no archive is written */
    bool instrument; /* as in struct recording, and so are the two below */
    bool c_functions;
    struct scope scope;
    struct series *series;
    struct filter filter; /* of our own archive; Score-P has filters itself */
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

/* Whether measurement_end has a result to return. */
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

#endif
