/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_sampling: the part of the module that samples what threads execute. See module.c for how it is put
 * together. */
#ifndef TRACER_MODULE_MODULE_SAMPLING_H
#define TRACER_MODULE_MODULE_SAMPLING_H

#include "tracer/python/python.h"
#include "tracer/record/series.h"

/* The rows for the module's table of functions. */
#define MODULE_SAMPLING_METHODS                                                                         \
    {"sampling_begin", module_sampling_begin, METH_VARARGS, module_sampling_begin_doc},                 \
        {"sampling_start", module_sampling_start, METH_NOARGS, module_sampling_start_doc},              \
        {"sampling_stop", module_sampling_stop, METH_NOARGS, module_sampling_stop_doc},                 \
        {"sampling_pause", module_sampling_pause, METH_NOARGS, module_sampling_pause_doc},              \
        {"sampling_go_on", module_sampling_go_on, METH_NOARGS, module_sampling_go_on_doc},              \
        {"sampling_statement", module_sampling_statement, METH_NOARGS, module_sampling_statement_doc},  \
    {                                                                                                   \
        "sampling_end", (PyCFunction)(void (*)(void))module_sampling_end, METH_VARARGS | METH_KEYWORDS, \
            module_sampling_end_doc                                                                     \
    }

extern const char module_sampling_begin_doc[], module_sampling_start_doc[], module_sampling_stop_doc[],
    module_sampling_pause_doc[], module_sampling_go_on_doc[], module_sampling_statement_doc[],
    module_sampling_end_doc[];

/* What the process uses while it is sampled, for the trace. */
struct series *module_sampling_series(void);

PyObject *module_sampling_begin(PyObject *module, PyObject *arguments);
PyObject *module_sampling_start(PyObject *module, PyObject *unused);
PyObject *module_sampling_stop(PyObject *module, PyObject *unused);
PyObject *module_sampling_pause(PyObject *module, PyObject *unused);
PyObject *module_sampling_go_on(PyObject *module, PyObject *unused);
PyObject *module_sampling_statement(PyObject *module, PyObject *unused);
PyObject *module_sampling_end(PyObject *module, PyObject *arguments, PyObject *keywords);

#endif
