/* SPDX-License-Identifier: BSD-3-Clause
 *
 * codes: see codes.h. Everything here happens once per code object: attributes are looked up by name, which
 * every Python has. No exception leaves this file, and one that was set stays set. Nothing here makes objects
 * that the garbage collector tracks: a collection would run finalisers, and these anything, even end(). */
#include "codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From CPython's code.h, which the stable ABI hides; they have not changed since 3.6. */
#define FLAG_COROUTINE 0x0080
#define FLAG_ITERABLE_COROUTINE 0x0100
#define FLAG_ASYNC_GENERATOR 0x0200

/* Before 3.11 code objects do not know their class. */
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

/* `__main__` and `Rod.run` to `__main__.Rod:run`, as Score-P's Python bindings write it. */
static void compose_name(char *name, size_t size, const char *module, const char *qualified)
{
    const char *dot = strrchr(qualified, '.');
    if (dot)
        (void)snprintf(name, size, "%s.%.*s:%s", module, (int)(dot - qualified), qualified, dot + 1);
    else
        (void)snprintf(name, size, "%s:%s", module, qualified);
}

static uint32_t make_region(PyObject *object, enum kind kind, const struct scope *scope,
                            struct recorder *recorder)
{
    PyObject *globals = PyEval_GetGlobals(); /* borrowed; those of the function that is being entered */
    PyObject *module_keep;
    const char *module = text_of(globals ? PyDict_GetItemString(globals, "__name__") : NULL, &module_keep);
    PyObject *file_keep;
    const char *file = attribute_text(object, "co_filename", &file_keep);
    PyObject *name_keep;
    const char *name = attribute_text(object, NAME_ATTRIBUTE, &name_keep);
    long line = attribute_number(object, "co_firstlineno");
    /* The statements of one cell may be several code objects: one region. */
    if (kind == KIND_ROOT) {
        name = "<module>";
        line = 1;
    }
    char full[REGION_TEXT_MAX];
    const char *given = kind == KIND_ROOT ? scope_cell_name(scope, file) : NULL;
    if (given)
        (void)snprintf(full, sizeof full, "%s", given);
    else
        compose_name(full, sizeof full, module[0] != '\0' ? module : "__main__", name);
    uint32_t region =
        recorder_region(recorder, full, file, line > 0 && line <= INT32_MAX ? (uint32_t)line : 0);
    Py_XDECREF(module_keep);
    Py_XDECREF(file_keep);
    Py_XDECREF(name_keep);
    return region;
}

void codes_resolve(struct code *code, const struct scope *scope, struct recorder *recorder)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    code->resolved = true;
    code->region = make_region(code->object, (enum kind)code->kind, scope, recorder);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}
