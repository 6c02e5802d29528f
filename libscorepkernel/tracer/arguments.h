/* SPDX-License-Identifier: BSD-3-Clause
 *
 * arguments: what Python hands over, checked: everything has a type and a maximum. */
#ifndef TRACER_ARGUMENTS_H
#define TRACER_ARGUMENTS_H

#include "python.h"
#include "scope.h"

/* The UTF-8 of a string of 1 to max_len bytes without zeros, borrowed from it; NULL with an exception that
 * calls it `what`. */
const char *arguments_text(PyObject *text, const char *what, size_t max_len);

/* Fills an empty scope from a string and two tuples of strings; -1 with an exception, and the scope is then
 * to be finished all the same. */
int arguments_scope(struct scope *scope, PyObject *cell, PyObject *own, PyObject *library);

#endif
