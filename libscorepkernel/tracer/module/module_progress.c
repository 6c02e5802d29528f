/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_progress: see module_progress.h. */
#include "tracer/module/module_progress.h"

#include <errno.h>

#include "tracer/sampling/progress.h"

const char module_progress_open_doc[] =
    "progress_open()\n--\n\n"
    "The descriptor of a file in memory, the caller's, in which it is written from now on how far measured\n"
    "cells have come. None: this process, or the one that it was forked from, has such a file. OSError.";
const char module_progress_begin_doc[] =
    "progress_begin(request, is_traced)\n--\n\n"
    "The cell of that request is measured from now on. Without a file nothing happens.";
const char module_progress_ends_doc[] =
    "progress_ends()\n--\n\nThe measured cell's statements have ended; what was recorded is being written.";
const char module_progress_end_doc[] = "progress_end()\n--\n\nNo cell is measured any more.";

PyObject *module_progress_open(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    int fd = progress_open();
    if (fd == -EALREADY)
        Py_RETURN_NONE;
    if (fd >= 0)
        return PyLong_FromLong(fd);
    errno = -fd;
    return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *module_progress_begin(PyObject *module, PyObject *arguments)
{
    unsigned long long request;
    int is_traced;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "Kp:progress_begin", &request, &is_traced))
        return NULL;
    progress_begin(request, is_traced != 0);
    Py_RETURN_NONE;
}

PyObject *module_progress_ends(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    progress_ends();
    Py_RETURN_NONE;
}

PyObject *module_progress_end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    progress_end();
    Py_RETURN_NONE;
}
