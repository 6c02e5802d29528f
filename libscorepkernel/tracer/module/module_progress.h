/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_progress: the part of the module that lets the library see how far a measured cell has come. See
 * module.c for how it is put together. */
#ifndef TRACER_MODULE_MODULE_PROGRESS_H
#define TRACER_MODULE_MODULE_PROGRESS_H

#include "tracer/python/python.h"

/* The rows for the module's table of functions. */
#define MODULE_PROGRESS_METHODS                                                             \
    {"progress_open", module_progress_open, METH_NOARGS, module_progress_open_doc},         \
        {"progress_begin", module_progress_begin, METH_VARARGS, module_progress_begin_doc}, \
        {"progress_ends", module_progress_ends, METH_NOARGS, module_progress_ends_doc},     \
    {                                                                                       \
        "progress_end", module_progress_end, METH_NOARGS, module_progress_end_doc           \
    }

extern const char module_progress_open_doc[], module_progress_begin_doc[], module_progress_ends_doc[],
    module_progress_end_doc[];

PyObject *module_progress_open(PyObject *module, PyObject *unused);
PyObject *module_progress_begin(PyObject *module, PyObject *arguments);
PyObject *module_progress_ends(PyObject *module, PyObject *unused);
PyObject *module_progress_end(PyObject *module, PyObject *unused);

#endif
