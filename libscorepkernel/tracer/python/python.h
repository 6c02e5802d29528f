/* SPDX-License-Identifier: BSD-3-Clause
 *
 * python: Python.h as this module wants it. From 3.12 on the stable ABI, so that one build serves every
 * later Python; before, hooks_profile.c needs what the stable ABI does not have. Free-threaded builds have
 * no stable ABI and get a module that says that it cannot measure. */
#ifndef TRACER_PYTHON_PYTHON_H
#define TRACER_PYTHON_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <patchlevel.h>
#include <pyconfig.h>

#if PY_VERSION_HEX < 0x03090000
#error "the tracer needs CPython 3.9 or later"
#endif
#if PY_VERSION_HEX >= 0x030c0000
#define TRACER_USES_MONITORING 1
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x030c0000
#endif
#else
#define TRACER_USES_MONITORING 0
#endif

#include <Python.h>

#if PY_VERSION_HEX < 0x030a0000
static inline PyObject *Py_XNewRef(PyObject *object)
{
    Py_XINCREF(object);
    return object;
}

#define Py_NewRef Py_XNewRef
#endif

#endif
