/* SPDX-License-Identifier: BSD-3-Clause
 *
 * arguments: what Python hands over, checked: everything has a type and a maximum. */
#ifndef TRACER_MODULE_ARGUMENTS_H
#define TRACER_MODULE_ARGUMENTS_H

#include "tracer/python/python.h"
#include "tracer/record/scope.h"

/* The UTF-8 of a string of 1 to max_len bytes without zeros, borrowed from it; NULL with an exception that
 * calls it `what`. */
const char *arguments_text(PyObject *text, const char *what, size_t max_len);

/* The arguments of begin() that say whose code a file is. Borrowed; through may be NULL. */
struct arguments_code {
    PyObject *cell, *through, *own, *library;
};

/* Fills an empty scope; -1 with an exception, and the scope is then to be finished all the same. */
int arguments_scope(struct scope *scope, const struct arguments_code *code);

/* The number of a line of source, from 0 on; -1 with an exception. */
long arguments_line(PyObject *line);

#endif
