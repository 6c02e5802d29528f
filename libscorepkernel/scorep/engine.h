/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine.h - Score-P in this process: load it, measure with it again and again, survive it.
 *
 * Score-P measures a process once, from its start to its end, and ends the process when it cannot go on. Here
 * it measures a cell, then another one. There is one engine in a process; its calls are made under one lock
 * (the GIL), begin and end by the thread that loaded it. It knows nothing of Python.
 */
#ifndef SCOREP_ENGINE_H
#define SCOREP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define ENGINE_LIBRARIES_MAX 128
#define ENGINE_SETTINGS_MAX 64

/* What to load. Borrowed. */
struct engine_parts {
    const char *provider; /* path of the shared object with the list of subsystems (provider.c); NULL: all of
                             Score-P is in the process already, preloaded, and the rest is not looked at */
    const char *const *libraries; /* absolute paths of Score-P's */
    size_t library_count;
    const char *subsystems; /* their symbols, separated by blanks */
};

/** 0, or -1 with *fault set. A second call does nothing. Score-P stays idle until a measurement begins. */
int engine_load(const struct engine_parts *parts, struct fault *fault);
bool engine_is_loaded(void);

/** This process is one of several that are measured as one, by a Score-P for MPI: engine_begin, which waits
 * for the others then, initialises MPI, and the measurement's end finalises it. */
void engine_join_ranks(void);
/** Whether engine_join_ranks has been called. */
bool engine_is_rank(void);

/** The experiment directory, where Score-P measures already: it was preloaded, and something that it wraps
 * was called. Then engine_begin goes on with that. NULL: it does not. */
const char *engine_directory(void);

/* A variable that Score-P is to find in place of the environment's. Borrowed. */
struct engine_setting {
    const char *name;
    const char *value;
};

/** Begin a measurement. What settings do not say comes from the environment. 0, or -1 with *fault set:
 * Score-P said why in engine_messages, and another begin may be tried. */
int engine_begin(const struct engine_setting *settings, size_t count, struct fault *fault);

/** A region; its handle is valid until engine_end. NULL: Score-P has given up. */
void *engine_region(const char *name, const char *file, uint32_t line);

/** Record an event of the calling thread. false: Score-P has given up, and the event is lost. */
bool engine_enter(void *region);
bool engine_leave(void *region);

/** A parameter of the innermost region of the calling thread. */
bool engine_parameter_signed(const char *name, int64_t value);
bool engine_parameter_unsigned(const char *name, uint64_t value);
bool engine_parameter_text(const char *name, const char *value);

/** Begin and end a region whose events are taken back when it ends with rewound. */
bool engine_rewind_begin(void *region);
bool engine_rewind_end(void *region, bool rewound);

/** Stop and restart all recording. */
bool engine_record(bool on);

/** Write the experiment and forget the measurement. 0, or -1 with *fault set: it is incomplete. */
int engine_end(struct fault *fault);

/** Whether Score-P wanted to end the process since the last begin. */
bool engine_has_given_up(void);

/** Whether something of the experiment since the last begin could not be written, of which Score-P knows
 * nothing. */
bool engine_is_unwritten(void);

/** Before a fork: nothing of Score-P's is left in a buffer that the child could write, too. */
void engine_flush(void);

/** In a forked child, whose measurement is its parent's: as if none had begun. Async-signal-safe. */
void engine_forget(void);

/** What Score-P has written to standard error since the last begin; not terminated. */
const char *engine_messages(size_t *len);

#endif
