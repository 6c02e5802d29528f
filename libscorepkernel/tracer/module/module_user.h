/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_user: the part of the module that users' code reaches, by way of scorep.user and
 * scorep.instrumenter. See module.c for how it is put together. */
#ifndef TRACER_MODULE_MODULE_USER_H
#define TRACER_MODULE_MODULE_USER_H

#include "tracer/python/python.h"

/* The rows for the module's table of functions. */
#define MODULE_USER_METHODS                                                           \
    {"region_begin", module_region_begin, METH_VARARGS, module_region_begin_doc},     \
        {"region_end", module_region_end, METH_VARARGS, module_region_end_doc},       \
        {"stray_end", module_stray_end, METH_VARARGS, module_stray_end_doc},          \
        {"function_begin", module_function_begin, METH_O, module_function_begin_doc}, \
        {"function_end", module_function_end, METH_O, module_function_end_doc},       \
        {"suspend", module_suspend, METH_NOARGS, module_suspend_doc},                 \
        {"resume", module_resume, METH_NOARGS, module_resume_doc},                    \
        {"recording", module_recording, METH_NOARGS, module_recording_doc},           \
        {"parameter", module_parameter, METH_VARARGS, module_parameter_doc},          \
        {"rewind_begin", module_rewind_begin, METH_VARARGS, module_rewind_begin_doc}, \
        {"rewind_end", module_rewind_end, METH_VARARGS, module_rewind_end_doc},       \
        {"record", module_record, METH_O, module_record_doc},                         \
        {"cell", module_cell, METH_O, module_cell_doc},                               \
    {                                                                                 \
        "finalize", module_finalize, METH_NOARGS, module_finalize_doc                 \
    }

extern const char module_region_begin_doc[], module_region_end_doc[], module_stray_end_doc[],
    module_function_begin_doc[], module_function_end_doc[], module_suspend_doc[], module_resume_doc[],
    module_recording_doc[], module_parameter_doc[], module_rewind_begin_doc[], module_rewind_end_doc[],
    module_record_doc[], module_cell_doc[], module_finalize_doc[];

PyObject *module_region_begin(PyObject *module, PyObject *arguments);
PyObject *module_region_end(PyObject *module, PyObject *arguments);
PyObject *module_stray_end(PyObject *module, PyObject *arguments);
PyObject *module_function_begin(PyObject *module, PyObject *function);
PyObject *module_function_end(PyObject *module, PyObject *number);
PyObject *module_suspend(PyObject *module, PyObject *unused);
PyObject *module_resume(PyObject *module, PyObject *unused);
PyObject *module_recording(PyObject *module, PyObject *unused);
PyObject *module_parameter(PyObject *module, PyObject *arguments);
PyObject *module_rewind_begin(PyObject *module, PyObject *arguments);
PyObject *module_rewind_end(PyObject *module, PyObject *arguments);
PyObject *module_record(PyObject *module, PyObject *on);
PyObject *module_cell(PyObject *module, PyObject *file);
PyObject *module_finalize(PyObject *module, PyObject *unused);

#endif
