/* SPDX-License-Identifier: BSD-3-Clause
 *
 * running_functions: see running_functions.h. */
#include "tracer/python/running_functions.h"

#include <stdlib.h>

/* As the hooks know a frame. Only compared later, never looked into. */
#if TRACER_USES_MONITORING
#define KEY_OF(frame, code) ((void)(frame), (const void *)(code))
#else
#define KEY_OF(frame, code) ((void)(code), (const void *)(frame))
#endif

struct list {
    struct unseen *items;
    uint32_t count, capacity;
};

static bool add(struct list *list, struct unseen item)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct unseen *grown =
            capacity > RECORDER_DEPTH_MAX ? NULL : realloc(list->items, capacity * sizeof *grown);
        if (!grown)
            return false;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static bool add_frame(struct list *list, PyObject *frame, struct codes *codes, const struct scope *scope)
{
    PyObject *code = PyObject_GetAttrString(frame, "f_code");
    const struct code *known = code ? codes_find(codes, scope, code) : NULL;
    bool added = known && add(list, (struct unseen){KEY_OF(frame, code), (enum kind)known->kind});
    Py_XDECREF(code);
    return added;
}

void running_functions_seed(struct thread *thread, struct codes *codes, const struct scope *scope)
{
    struct list list = {0};
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *frame = Py_XNewRef((PyObject *)PyEval_GetFrame());
    while (frame && frame != Py_None && add_frame(&list, frame, codes, scope)) {
        PyObject *back = PyObject_GetAttrString(frame, "f_back");
        Py_DECREF(frame);
        frame = back;
    }
    if (frame == Py_None)
        recorder_seed(thread, list.items, list.count);
    Py_XDECREF(frame);
    free(list.items);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}
