/* SPDX-License-Identifier: BSD-3-Clause
 *
 * c_functions: see c_functions.h. Attributes are looked up at each call: a bound method is a new object each
 * time, and what is shared by all calls of it is not in the stable ABI. */
#include "tracer/python/c_functions.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8_cut.h"

/* What the kernel's own modules are called. */
#define OWN_MODULE "spk_worker"

bool c_functions_is_one(PyObject *callable)
{
    return PyObject_TypeCheck(callable, &PyCFunction_Type) || Py_TYPE(callable) == &PyMethodDescr_Type;
}

/* The text of an attribute as UTF-8; "" where it has none. *keep is what it is borrowed from. */
static const char *text_of(PyObject *object, const char *name, PyObject **keep)
{
    PyObject *value = object ? PyObject_GetAttrString(object, name) : NULL;
    bool is_text = value && PyUnicode_Check(value);
    *keep = is_text ? PyUnicode_AsEncodedString(value, "utf-8", "backslashreplace") : NULL;
    const char *text = *keep ? PyBytes_AsString(*keep) : NULL;
    Py_XDECREF(value);
    PyErr_Clear();
    return text ? text : "";
}

static PyTypeObject *base_of(PyTypeObject *class)
{
#if TRACER_USES_MONITORING
    return PyType_GetSlot(class, Py_tp_base);
#else
    return class->tp_base;
#endif
}

/* Whether a class has a method of that name itself. A class whose own class is the user's is not asked: that
 * would run users' code. */
static bool defines(PyTypeObject *class, const char *name)
{
    PyObject *own = Py_TYPE((PyObject *)class) == &PyType_Type
                        ? PyObject_GetAttrString((PyObject *)class, "__dict__")
                        : NULL;
    bool found = own && PyMapping_HasKeyString(own, name);
    Py_XDECREF(own);
    PyErr_Clear();
    return found;
}

/* The class that has a method, of those that an object's class inherits from: a new reference, or NULL. */
static PyObject *class_of(PyObject *callable, const char *name)
{
    if (Py_TYPE(callable) == &PyMethodDescr_Type)
        return PyObject_GetAttrString(callable, "__objclass__");
    PyObject *self = PyCFunction_GetSelf(callable); /* borrowed; NULL: it is static */
    if (!self || PyModule_Check(self))
        return NULL;
    PyTypeObject *class = PyType_Check(self) ? (PyTypeObject *)self : Py_TYPE(self);
    while (class && !defines(class, name))
        class = base_of(class);
    return Py_XNewRef((PyObject *)class);
}

/* As Score-P's bindings name Python's functions: module.Class:function. */
static void compose_name(char *name, size_t size, PyObject *callable)
{
    enum { TEXTS = 3 };
    PyObject *keep[TEXTS];
    const char *own = text_of(callable, "__name__", &keep[0]);
    PyObject *class = class_of(callable, own);
    const char *owner = text_of(class, "__name__", &keep[1]);
    const char *module = text_of(class ? class : callable, "__module__", &keep[2]);
    int len = snprintf(name, size, "%s%s%s:%s", *module ? module : "builtins", *owner ? "." : "", owner, own);
    if (len >= (int)size)
        name[utf8_whole(name, size - 1)] = '\0';
    for (int i = 0; i < TEXTS; i++)
        Py_XDECREF(keep[i]);
    Py_XDECREF(class);
    PyErr_Clear();
}

uint32_t c_functions_region(PyObject *callable, struct recorder *recorder)
{
    char name[REGION_TEXT_MAX];
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    compose_name(name, sizeof name, callable);
    PyErr_Restore(type, value, traceback);
    if (strncmp(name, OWN_MODULE, sizeof OWN_MODULE - 1) == 0 ||
        (recorder->filter && filter_excludes(recorder->filter, name, C_FUNCTIONS_FILE)))
        return REGION_NONE;
    return recorder_region(recorder, name, C_FUNCTIONS_FILE, 0);
}
