/* SPDX-License-Identifier: BSD-3-Clause
 *
 * hooks: how Python tells of calls and returns. Two implementations, one is compiled: hooks_profile.c for
 * CPython 3.9 to 3.11, hooks_monitoring.c from 3.12 on. They need the GIL. */
#ifndef TRACER_PYTHON_HOOKS_H
#define TRACER_PYTHON_HOOKS_H

#include "tracer/python/recording.h"

/* Puts the hooks in. Called in the thread that starts recording, or whose code asks for its functions to be
 * recorded; harmless if they are in. -1 with an exception. */
int hooks_start(void);
/* Takes the hook out of the thread that started. Returns whether somebody else's hook was in its place. */
bool hooks_stop(void);
/* Puts our hook back in the calling thread if none is there. *replaced: whether somebody else's hook is or
 * was there. */
int hooks_refresh(bool *replaced);

/* Takes out every hook in every thread, as far as they are still ours, and puts back what was there before
 * the measurement. From any thread, also in a forked child; harmless if there is none. */
void hooks_remove(void);

#endif
