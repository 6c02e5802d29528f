/* SPDX-License-Identifier: BSD-3-Clause
 *
 * codes: what was decided about each code object, so that a call costs one look into a table.
 *
 * A table of our own, keyed by the code object's address: the slot that CPython keeps in code objects for
 * such purposes is not in the stable ABI, and no faster (1 ns, like this). The table holds a reference to
 * each code object in it, so that an address cannot come to mean another one. Needs the GIL. */
#ifndef TRACER_PYTHON_CODES_H
#define TRACER_PYTHON_CODES_H

#include "tracer/python/python.h"
#include "tracer/record/recorder.h"

/* Beyond, the table starts afresh: a cell that compiles without end must not keep all of it alive. */
#define CODES_MAX 65536u

struct code {
    PyObject *object; /* a reference; NULL: a free place */
    uint32_t region;
    uint8_t kind;
    bool coroutine;
    bool resolved; /* region is final, even if it is REGION_NONE */
};

struct codes {
    struct code *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

void codes_init(struct codes *codes);
/* Releases its references, which may run finalisers. */
void codes_finish(struct codes *codes);

struct code *codes_add(struct codes *codes, const struct scope *scope, PyObject *object);

static inline size_t codes_hash(const PyObject *object)
{
    return (size_t)(((uintptr_t)object >> 4) * 0x9e3779b97f4a7c15u >> 20);
}

/* The entry of that code object; NULL without memory. Valid until the next call of codes_find. */
static inline struct code *codes_find(struct codes *codes, const struct scope *scope, PyObject *object)
{
    if (codes->capacity > 0) {
        size_t mask = codes->capacity - 1;
        for (size_t at = codes_hash(object) & mask; codes->slots[at].object; at = (at + 1) & mask)
            if (codes->slots[at].object == object)
                return &codes->slots[at];
    }
    return codes_add(codes, scope, object);
}

/* Gives the entry its region, named after the function that is just running. */
void codes_resolve(struct code *code, const struct scope *scope, struct recorder *recorder);
/* The same for a Python function that is not running. */
void codes_resolve_function(struct code *code, struct recorder *recorder, PyObject *function);

#endif
