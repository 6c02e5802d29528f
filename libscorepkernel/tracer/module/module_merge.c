/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_merge: see module_merge.h. Arguments in, exceptions out. */
#include "tracer/module/module_merge.h"

#include <stdlib.h>

#include "tracer/module/arguments.h"
#include "tracer/otf2/merge.h"
#include "tracer/python/measurement.h"

#define HOST_MAX 255u /* bytes of a host's name, as in Linux's */

const char module_merge_doc[] =
    "merge(parts, into)\n--\n\n"
    "Make one archive in the existing directory `into` from those that a program's ranks wrote, each in a\n"
    "directory of its own, and remove these, but for files that are not the archive's. parts: tuples of\n"
    "(directory, rank, host, clock_offset_ns), in any order; the offset is added to the part's times.\n\n"
    "OSError: a file cannot be read or written, or `into` has an archive already. ValueError: a part is\n"
    "damaged or not the built-in tracer's, or an argument makes no sense. Then everything is as before.\n"
    "RuntimeError: a measurement is active.";

/* What Python handed over. */
struct given {
    PyObject *tuples; /* a tuple of them */
    PyObject **names; /* what the directories are borrowed from, count of them, NULL where none yet */
    struct merge_part *parts;
    uint32_t count;
};

static void given_finish(struct given *given)
{
    for (uint32_t i = 0; given->names && i < given->count; i++)
        Py_XDECREF(given->names[i]);
    free(given->names);
    free(given->parts);
    Py_XDECREF(given->tuples);
}

static int given_part(struct given *given, uint32_t i)
{
    PyObject *tuple = PyTuple_GetItem(given->tuples, i);
    PyObject *host;
    long long rank, offset;
    struct merge_part *part = &given->parts[i];
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "a part must be a tuple (directory, rank, host, clock_offset_ns)");
        return -1;
    }
    if (!PyArg_ParseTuple(tuple, "O&LOL;a part is (directory, rank, host, clock_offset_ns)",
                          PyUnicode_FSConverter, &given->names[i], &rank, &host, &offset))
        return -1;
    if (rank < 0 || rank > INT32_MAX) {
        PyErr_Format(PyExc_ValueError, "rank %lld is not from 0 to %d", rank, INT32_MAX);
        return -1;
    }
    if (offset < -MERGE_CLOCK_OFFSET_MAX || offset > MERGE_CLOCK_OFFSET_MAX) {
        PyErr_Format(PyExc_ValueError, "clock_offset_ns %lld is more than any clock's", offset);
        return -1;
    }
    *part = (struct merge_part){.directory = PyBytes_AsString(given->names[i]),
                                .host = arguments_text(host, "a host", HOST_MAX),
                                .clock_offset_ns = offset,
                                .rank = (uint32_t)rank};
    return part->directory && part->host ? 0 : -1;
}

/* -1 with an exception; to be finished in any case. */
static int given_read(struct given *given, PyObject *parts)
{
    *given = (struct given){.tuples = PySequence_Tuple(parts)};
    Py_ssize_t count = given->tuples ? PyTuple_Size(given->tuples) : -1;
    if (count < 0)
        return -1;
    if (count == 0 || count > (Py_ssize_t)MERGE_PARTS_MAX) {
        PyErr_Format(PyExc_ValueError, "parts must be from 1 to %u", MERGE_PARTS_MAX);
        return -1;
    }
    given->names = calloc((size_t)count, sizeof(PyObject *));
    given->parts = calloc((size_t)count, sizeof *given->parts);
    if (!given->names || !given->parts) {
        PyErr_NoMemory();
        return -1;
    }
    given->count = (uint32_t)count;
    for (uint32_t i = 0; i < given->count; i++)
        if (given_part(given, i) != 0)
            return -1;
    return 0;
}

/* NULL, with the exception. */
static PyObject *raise(int code, const struct problem *problem)
{
    if (code == ENOMEM)
        return PyErr_NoMemory();
    if (!problem->flaw) {
        errno = code;
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, problem->path);
    }
    PyObject *path = PyUnicode_DecodeFSDefault(problem->path);
    if (path)
        PyErr_Format(PyExc_ValueError, "%U cannot be merged: %s; leave it out, or measure again", path,
                     problem->flaw);
    Py_XDECREF(path);
    return NULL;
}

PyObject *module_merge(PyObject *module, PyObject *arguments)
{
    PyObject *parts, *into;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO&:merge", &parts, PyUnicode_FSConverter, &into))
        return NULL;
    struct given given = {0};
    PyObject *done = NULL;
    if (recording_is_active()) {
        PyErr_SetString(PyExc_RuntimeError, "a measurement is active: end it before merging");
    } else if (given_read(&given, parts) == 0) {
        struct problem problem = {0};
        int result = merge(given.parts, given.count, PyBytes_AsString(into), &problem);
        done = result == 0 ? Py_NewRef(Py_None) : raise(-result, &problem);
    }
    given_finish(&given);
    Py_DECREF(into);
    return done;
}
