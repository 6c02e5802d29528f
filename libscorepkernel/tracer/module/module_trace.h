/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_trace: the part of the module that reads traces of any writer. */
#ifndef TRACER_MODULE_MODULE_TRACE_H
#define TRACER_MODULE_MODULE_TRACE_H

#include "tracer/python/python.h"

extern const char module_read_trace_doc[];

PyObject *module_read_trace(PyObject *module, PyObject *arguments);

#endif
