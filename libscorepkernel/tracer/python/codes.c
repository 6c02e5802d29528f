/* SPDX-License-Identifier: BSD-3-Clause
 *
 * codes: see codes.h. Everything here happens once per code object: attributes are looked up by name, which
 * every Python has. No exception leaves this file, and one that was set stays set. Nothing here makes objects
 * that the garbage collector tracks: a collection would run finalisers, and these anything, even end(). */
#include "tracer/python/codes.h"

#if PY_VERSION_HEX < 0x030b0000
#include <frameobject.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8_cut.h"

/* From CPython's code.h, which the stable ABI hides; they have not changed since 3.6. */
#define FLAG_COROUTINE 0x0080
#define FLAG_ITERABLE_COROUTINE 0x0100
#define FLAG_ASYNC_GENERATOR 0x0200

/* Before Python 3.11 a code object does not know its qualified name. */
#define NAME_ATTRIBUTE (PY_VERSION_HEX >= 0x030b0000 ? "co_qualname" : "co_name")

void codes_init(struct codes *codes)
{
    *codes = (struct codes){0};
}

void codes_finish(struct codes *codes)
{
    /* A finaliser may run Python code: it must find an empty table, not a half-freed one. */
    struct codes old = *codes;
    codes_init(codes);
    for (size_t i = 0; i < old.capacity; i++)
        Py_XDECREF(old.slots[i].object);
    free(old.slots);
}

static bool codes_grow(struct codes *codes)
{
    size_t capacity = codes->capacity ? codes->capacity * 2 : 256;
    struct code *slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < codes->capacity; i++) {
        if (!codes->slots[i].object)
            continue;
        size_t at = codes_hash(codes->slots[i].object) & (capacity - 1);
        while (slots[at].object)
            at = (at + 1) & (capacity - 1);
        slots[at] = codes->slots[i];
    }
    free(codes->slots);
    codes->slots = slots;
    codes->capacity = capacity;
    return true;
}

/* The text of a string object as UTF-8, without what cannot be had as UTF-8. Borrowed from *keep, which the
 * caller releases. "" for what is no string. */
static const char *text_of(PyObject *object, PyObject **keep)
{
    *keep = NULL;
    if (!object || !PyUnicode_Check(object))
        return "";
    *keep = PyUnicode_AsEncodedString(object, "utf-8", "backslashreplace"); /* which cannot fail on a text */
    const char *text = *keep ? PyBytes_AsString(*keep) : NULL;
    return text ? text : "";
}

static const char *attribute_text(PyObject *object, const char *name, PyObject **keep)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    const char *text = text_of(value, keep);
    Py_XDECREF(value);
    PyErr_Clear();
    return text;
}

static long attribute_number(PyObject *object, const char *name)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    long number = value ? PyLong_AsLong(value) : 0;
    Py_XDECREF(value);
    PyErr_Clear();
    return number;
}

static struct code describe(const struct scope *scope, PyObject *object)
{
    PyObject *file_keep;
    PyObject *name_keep;
    const char *file = attribute_text(object, "co_filename", &file_keep);
    const char *name = attribute_text(object, "co_name", &name_keep);
    long coroutine = FLAG_COROUTINE | FLAG_ITERABLE_COROUTINE | FLAG_ASYNC_GENERATOR;
    struct code code = {
        .object = object,
        .region = REGION_NONE,
        .kind = (uint8_t)scope_kind(scope, file, name),
        .coroutine = (attribute_number(object, "co_flags") & coroutine) != 0,
    };
    Py_XDECREF(file_keep);
    Py_XDECREF(name_keep);
    return code;
}

struct code *codes_add(struct codes *codes, const struct scope *scope, PyObject *object)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (codes->count == CODES_MAX)
        codes_finish(codes);
    struct code *place = NULL;
    /* At most half full, so that a search meets a free place soon. */
    if (codes->count * 2 < codes->capacity || codes_grow(codes)) {
        size_t at = codes_hash(object) & (codes->capacity - 1);
        while (codes->slots[at].object)
            at = (at + 1) & (codes->capacity - 1);
        place = &codes->slots[at];
        *place = describe(scope, object);
        Py_INCREF(object);
        codes->count++;
    }
    PyErr_Restore(type, value, traceback);
    return place;
}

/* The class that a qualified name has its function in: `B` of `A.B.f`, nothing of `solve.<locals>.f`. */
static const char *owner_in(const char *qualified, size_t *len)
{
    static const char nested[] = "<locals>";
    const char *dot = strrchr(qualified, '.');
    const char *owner = dot;
    while (owner && owner > qualified && owner[-1] != '.')
        owner--;
    *len = owner ? (size_t)(dot - owner) : 0;
    if (*len == sizeof nested - 1 && strncmp(owner, nested, *len) == 0)
        *len = 0;
    return owner;
}

/* What a code object's region is called after. Borrowed. */
struct naming {
    const char *module;
    const char *owner; /* a class, owner_len bytes; none: it is no method */
    size_t owner_len;
    const char *function;
};

/* Names as Score-P's Python bindings give them, on which users' filters and viewers depend:
 * `__main__.Rod:run`, and
 * `__main__:inner` for a function within another. The class is the one that defines the function, where the
 * bindings take that of the first object that it is called with. */
static void compose_name(char *name, size_t size, const struct naming *naming)
{
    const char *module = naming->module[0] != '\0' ? naming->module : "__main__";
    int len = snprintf(name, size, "%s%s%.*s:%s", module, naming->owner_len ? "." : "",
                       (int)naming->owner_len, naming->owner_len ? naming->owner : "", naming->function);
    if (len >= (int)size)
        name[utf8_whole(name, size - 1)] = '\0';
}

#if PY_VERSION_HEX < 0x030b0000
/* The object that the method which is being entered is called on, borrowed; NULL: it is no method. */
static PyObject *self_of(PyFrameObject *frame)
{
    PyCodeObject *code = frame->f_code;
    PyObject *first = code->co_argcount > 0 ? PyTuple_GetItem(code->co_varnames, 0) : NULL;
    if (!first || PyUnicode_CompareWithASCIIString(first, "self") != 0)
        return NULL;
    return frame->f_localsplus[0];
}

/* The class that defines the function which is being entered, as the last part of its name; NULL: it is no
 * method. Before 3.11 a code object does not know it. Looks at objects, and runs nothing of theirs. */
static const char *class_of(PyObject *object)
{
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    PyObject *self = frame && (PyObject *)frame->f_code == object ? self_of(frame) : NULL;
    if (!self)
        return NULL;
    PyObject *order = Py_TYPE(self)->tp_mro;
    const char *name = Py_TYPE(self)->tp_name;
    for (Py_ssize_t i = 0; order && i < PyTuple_GET_SIZE(order); i++) {
        PyTypeObject *type = (PyTypeObject *)PyTuple_GET_ITEM(order, i);
        PyObject *found = type->tp_dict ? PyDict_GetItem(type->tp_dict, frame->f_code->co_name) : NULL;
        if (found && PyFunction_Check(found) && PyFunction_GET_CODE(found) == object) {
            name = type->tp_name;
            break;
        }
    }
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}
#else
static const char *class_of(PyObject *object)
{
    (void)object;
    return NULL;
}
#endif

/* A function that the filter excludes is as if its caller did what it does. */
static void make_named(struct code *code, const struct naming *naming, struct recorder *recorder)
{
    char full[REGION_TEXT_MAX];
    PyObject *file_keep;
    const char *file = attribute_text(code->object, "co_filename", &file_keep);
    long line = attribute_number(code->object, "co_firstlineno");
    compose_name(full, sizeof full, naming);
    if (recorder->filter && filter_excludes(recorder->filter, full, file))
        code->kind = KIND_THROUGH;
    else
        code->region =
            recorder_region(recorder, full, file, line > 0 && line <= INT32_MAX ? (uint32_t)line : 0);
    Py_XDECREF(file_keep);
}

/* All statements of a cell are one region, which has a name of its own where several cells are measured. */
static uint32_t make_cell(PyObject *object, const char *module, const struct scope *scope,
                          struct recorder *recorder)
{
    char full[REGION_TEXT_MAX];
    PyObject *file_keep;
    const char *file = attribute_text(object, "co_filename", &file_keep);
    const char *given = scope_cell_name(scope, file);
    if (given)
        (void)snprintf(full, sizeof full, "%s", given);
    else
        compose_name(full, sizeof full, &(struct naming){.module = module, .function = "<module>"});
    uint32_t region = recorder_region(recorder, full, file, 1);
    Py_XDECREF(file_keep);
    return region;
}

/* qualified: the function's name with the classes and functions that it lies in; or, without them, the class
 * that is known otherwise in owner, which may be NULL. The name itself is the code object's: libraries give
 * it another one. */
static void make_function(struct code *code, const char *module, const char *qualified, const char *owner,
                          struct recorder *recorder)
{
    PyObject *name_keep;
    struct naming naming = {.module = module,
                            .function = attribute_text(code->object, "co_name", &name_keep)};
    naming.owner = owner_in(qualified, &naming.owner_len);
    if (owner) {
        naming.owner = owner;
        naming.owner_len = strlen(owner);
    }
    make_named(code, &naming, recorder);
    Py_XDECREF(name_keep);
}

void codes_resolve(struct code *code, const struct scope *scope, struct recorder *recorder)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *globals = PyEval_GetGlobals(); /* borrowed; those of the function that is being entered */
    PyObject *module_keep, *name_keep = NULL;
    const char *module = text_of(globals ? PyDict_GetItemString(globals, "__name__") : NULL, &module_keep);
    code->resolved = true;
    if (code->kind == KIND_ROOT)
        code->region = make_cell(code->object, module, scope, recorder);
    else
        make_function(code, module, attribute_text(code->object, NAME_ATTRIBUTE, &name_keep),
                      class_of(code->object), recorder);
    Py_XDECREF(name_keep);
    Py_XDECREF(module_keep);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

void codes_resolve_function(struct code *code, struct recorder *recorder, PyObject *function)
{
    PyObject *globals = PyObject_GetAttrString(function, "__globals__");
    PyObject *module_keep, *name_keep;
    bool known = globals && PyDict_Check(globals);
    const char *module = text_of(known ? PyDict_GetItemString(globals, "__name__") : NULL, &module_keep);
    const char *qualified = attribute_text(function, "__qualname__", &name_keep);
    code->resolved = true;
    make_function(code, module, qualified, NULL, recorder);
    Py_XDECREF(name_keep);
    Py_XDECREF(module_keep);
    Py_XDECREF(globals);
    PyErr_Clear();
}
