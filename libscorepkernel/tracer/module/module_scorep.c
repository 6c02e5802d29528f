/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_scorep: see module_scorep.h. */
#include "tracer/module/module_scorep.h"

#include <errno.h>

#include "scorep/engine.h"
#include "scorep/umbrella_object.h"
#include "tracer/module/arguments.h"
#include "tracer/python/measurement.h"

const char module_load_scorep_doc[] =
    "load_scorep(provider, libraries, subsystems)\n--\n\n"
    "Load Score-P into this process, once; nothing is measured by that.\n\n"
    "provider: path of libscorepkernel-subsystems.so, or None: Score-P is preloaded, and the rest is not\n"
    "looked at. libraries: tuple of absolute paths.\n"
    "subsystems: the symbols of `scorep-config --adapter-init`, separated by blanks.\n"
    "OSError: the loader said no; the text says what is missing.";

/* The items of a tuple of texts; borrowed from it. -1 with an exception. */
static int texts_of(PyObject *tuple, const char **texts, Py_ssize_t max)
{
    Py_ssize_t count = PyTuple_Size(tuple);
    if (count > max) {
        PyErr_SetString(PyExc_ValueError, "too many libraries");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        texts[i] = arguments_text(PyTuple_GetItem(tuple, i), "a library", REGION_TEXT_MAX);
        if (!texts[i])
            return -1;
    }
    return (int)count;
}

PyObject *module_load_scorep(PyObject *module, PyObject *arguments)
{
    const char *libraries[ENGINE_LIBRARIES_MAX];
    struct engine_parts parts = {.libraries = libraries};
    PyObject *tuple;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "zO!s:load_scorep", &parts.provider, &PyTuple_Type, &tuple,
                          &parts.subsystems))
        return NULL;
    int count = texts_of(tuple, libraries, ENGINE_LIBRARIES_MAX);
    if (count < 0)
        return NULL;
    parts.library_count = (size_t)count;
    struct fault fault = {0};
    if (engine_load(&parts, &fault) == 0)
        Py_RETURN_NONE;
    /* A path need not be UTF-8, and a long one is cut. */
    PyObject *detail = PyUnicode_DecodeUTF8(fault.detail, (Py_ssize_t)strlen(fault.detail), "replace");
    PyObject *error = detail ? Py_BuildValue("iN", fault.code, detail) : NULL;
    if (error)
        PyErr_SetObject(PyExc_OSError, error);
    Py_XDECREF(error);
    return NULL;
}

const char module_scorep_directory_doc[] =
    "scorep_directory()\n--\n\n"
    "The experiment directory, where a preloaded Score-P measures already, or None.";

PyObject *module_scorep_directory(PyObject *module, PyObject *unused)
{
    const char *directory = engine_directory();
    (void)module;
    (void)unused;
    return directory ? PyUnicode_DecodeFSDefault(directory) : Py_NewRef(Py_None);
}

const char module_join_ranks_doc[] =
    "join_ranks()\n--\n\n"
    "This process is one of several ranks: begin() initialises MPI, and end() "
    "finalises it, both with the others.";

PyObject *module_join_ranks(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    engine_join_ranks();
    Py_RETURN_NONE;
}

const char module_make_umbrella_doc[] =
    "make_umbrella(libraries)\n--\n\n"
    "A shared object, as bytes, that needs these libraries (absolute paths) and is nothing else.";

PyObject *module_make_umbrella(PyObject *module, PyObject *tuple)
{
    const char *libraries[ENGINE_LIBRARIES_MAX];
    static unsigned char image[1 << 16];
    (void)module;
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "libraries must be a tuple");
        return NULL;
    }
    int count = texts_of(tuple, libraries, ENGINE_LIBRARIES_MAX);
    if (count < 0)
        return NULL;
    long len = umbrella_object_make_here(libraries, (size_t)count, image, sizeof image);
    if (len < 0) {
        errno = (int)-len;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyBytes_FromStringAndSize((const char *)image, len);
}

const char module_scorep_messages_doc[] =
    "scorep_messages()\n--\n\nWhat Score-P wrote to standard error since the last begin().";

PyObject *module_scorep_messages(PyObject *module, PyObject *unused)
{
    size_t len;
    const char *text = engine_messages(&len);
    (void)module;
    (void)unused;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
}
