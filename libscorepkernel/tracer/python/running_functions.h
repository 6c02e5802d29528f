/* SPDX-License-Identifier: BSD-3-Clause
 *
 * running_functions: the functions that a thread is in when its hooks are put in. */
#ifndef TRACER_PYTHON_RUNNING_FUNCTIONS_H
#define TRACER_PYTHON_RUNNING_FUNCTIONS_H

#include "tracer/python/codes.h"

/* Puts them on the stack of the thread, which is the calling one; without memory they are left out. Sets no
 * exception. Needs the GIL. */
void running_functions_seed(struct thread *thread, struct codes *codes, const struct scope *scope);

#endif
