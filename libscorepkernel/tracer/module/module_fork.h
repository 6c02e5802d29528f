/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_fork: the part of the module that is about copies of the process. */
#ifndef TRACER_MODULE_MODULE_FORK_H
#define TRACER_MODULE_MODULE_FORK_H

#include "tracer/python/python.h"

extern const char module_prepare_fork_doc[], module_fork_plainly_doc[], module_hold_child_signal_doc[],
    module_die_with_parent_doc[];

PyObject *module_prepare_fork(PyObject *module, PyObject *unused);
PyObject *module_fork_plainly(PyObject *module, PyObject *unused);
PyObject *module_hold_child_signal(PyObject *module, PyObject *on);
PyObject *module_die_with_parent(PyObject *module, PyObject *number);

#endif
