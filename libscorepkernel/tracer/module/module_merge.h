/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_merge: the part of the module that makes one archive of many. */
#ifndef TRACER_MODULE_MODULE_MERGE_H
#define TRACER_MODULE_MODULE_MERGE_H

#include "tracer/python/python.h"

extern const char module_merge_doc[];

PyObject *module_merge(PyObject *module, PyObject *arguments);

#endif
