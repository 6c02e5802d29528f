/* SPDX-License-Identifier: BSD-3-Clause
 *
 * c_functions: the functions that Python calls and that are not written in Python: built-in functions and
 * methods, and those of extension modules. Recorded only where the user asks for it. Needs the GIL. */
#ifndef TRACER_PYTHON_C_FUNCTIONS_H
#define TRACER_PYTHON_C_FUNCTIONS_H

#include <stdbool.h>

#include "tracer/python/python.h"
#include "tracer/record/recorder.h"

/* What their regions have as the file. */
#define C_FUNCTIONS_FILE "C"

/* Whether it is such a function; other callables, such as classes, are called by way of them. */
bool c_functions_is_one(PyObject *callable);

/* Its region, `time:sleep` or `builtins.list:append`; REGION_NONE: the filter leaves it out, it is the
 * kernel's own, or there is no room. No exception leaves it, and one that was set stays set. */
uint32_t c_functions_region(PyObject *callable, struct recorder *recorder);

#endif
