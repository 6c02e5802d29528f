/* SPDX-License-Identifier: BSD-3-Clause
 *
 * arguments: see arguments.h. */
#include "tracer/module/arguments.h"

#include <errno.h>
#include <string.h>

const char *arguments_text(PyObject *text, const char *what, size_t max_len)
{
    Py_ssize_t len;
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be a string", what);
        return NULL;
    }
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &len);
    if (!utf8)
        return NULL;
    if (len == 0 || (size_t)len > max_len || strlen(utf8) != (size_t)len) {
        PyErr_Format(PyExc_ValueError, "%s must have 1 to %zu bytes, none of them zero", what, max_len);
        return NULL;
    }
    return utf8;
}

static int add_prefixes(struct scope *scope, PyObject *tuple, enum kind kind, const char *what)
{
    Py_ssize_t count = PyTuple_Size(tuple);
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *prefix = arguments_text(PyTuple_GetItem(tuple, i), what, SCOPE_TEXT_MAX);
        if (!prefix)
            return -1;
        int result = scope_add(scope, prefix, kind);
        if (result == -E2BIG) {
            PyErr_Format(PyExc_ValueError, "at most %u prefixes in all", SCOPE_PREFIXES_MAX);
            return -1;
        }
        if (result != 0) {
            PyErr_NoMemory();
            return -1;
        }
    }
    return count < 0 ? -1 : 0;
}

/* name: a text, or NULL. */
static int add_cell(struct scope *scope, PyObject *file, PyObject *name)
{
    const char *file_text = arguments_text(file, "cell", SCOPE_TEXT_MAX);
    const char *name_text = file_text && name ? arguments_text(name, "a cell's name", SCOPE_TEXT_MAX) : NULL;
    if (!file_text || (name && !name_text))
        return -1;
    int result = scope_add_cell(scope, file_text, name_text);
    if (result == -E2BIG)
        PyErr_Format(PyExc_ValueError, "at most %u cells", SCOPE_CELLS_MAX);
    else if (result != 0)
        PyErr_NoMemory();
    return result;
}

static int add_cells(struct scope *scope, PyObject *pairs)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(pairs); i++) {
        PyObject *file, *name;
        if (!PyArg_ParseTuple(PyTuple_GetItem(pairs, i), "OO:cell", &file, &name) ||
            add_cell(scope, file, name) != 0)
            return -1;
    }
    return 0;
}

int arguments_scope(struct scope *scope, const struct arguments_code *code)
{
    PyObject *cell = code->cell;
    if (PyTuple_Check(cell) ? add_cells(scope, cell) != 0 : add_cell(scope, cell, NULL) != 0)
        return -1;
    if (code->through && add_prefixes(scope, code->through, KIND_THROUGH, "a prefix in through") != 0)
        return -1;
    if (add_prefixes(scope, code->own, KIND_OWN, "a prefix in own") != 0)
        return -1;
    return add_prefixes(scope, code->library, KIND_LIBRARY, "a prefix in library");
}

long arguments_line(PyObject *line)
{
    long number = PyLong_AsLong(line);
    if (PyErr_Occurred())
        return -1;
    if (number >= 0 && number <= INT32_MAX)
        return number;
    PyErr_SetString(PyExc_ValueError, "line is out of range");
    return -1;
}
