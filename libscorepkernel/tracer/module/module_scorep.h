/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_scorep: the part of the module that is about Score-P. See module.c for how it is put together. */
#ifndef TRACER_MODULE_MODULE_SCOREP_H
#define TRACER_MODULE_MODULE_SCOREP_H

#include "tracer/python/python.h"

extern const char module_load_scorep_doc[], module_scorep_directory_doc[], module_join_ranks_doc[],
    module_make_umbrella_doc[], module_scorep_messages_doc[];

PyObject *module_load_scorep(PyObject *module, PyObject *arguments);
PyObject *module_scorep_directory(PyObject *module, PyObject *unused);
PyObject *module_join_ranks(PyObject *module, PyObject *unused);
PyObject *module_make_umbrella(PyObject *module, PyObject *tuple);
PyObject *module_scorep_messages(PyObject *module, PyObject *unused);

#endif
