/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_profile: the part of the module that reads profiles which Score-P wrote. */
#ifndef TRACER_MODULE_MODULE_PROFILE_H
#define TRACER_MODULE_MODULE_PROFILE_H

#include "tracer/python/python.h"

extern const char module_read_call_paths_doc[], module_read_profile_doc[];

PyObject *module_read_call_paths(PyObject *module, PyObject *path);
PyObject *module_read_profile(PyObject *module, PyObject *path);

#endif
