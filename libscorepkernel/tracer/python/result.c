/* SPDX-License-Identifier: BSD-3-Clause
 *
 * result: see result.h. */
#include "tracer/python/result.h"

#include <stdlib.h>

static PyObject *make_text(const char *text)
{
    /* A text that was cut at its maximum may end inside a character. */
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *make_error(const struct fault *fault)
{
    if (fault->code == 0)
        Py_RETURN_NONE;
    char reason[128];
    char text[512];
    (void)snprintf(text, sizeof text, "[Errno %d] %s: %s", fault->code,
                   strerror_r(fault->code, reason, sizeof reason), fault->detail);
    return make_text(text);
}

static PyObject *make_region(const struct region *region, const struct tally *tally)
{
    PyObject *name = make_text(region->name);
    PyObject *file = make_text(region->file);
    PyObject *row = NULL;
    if (name && file)
        row =
            Py_BuildValue("OOIKKK", name, file, (unsigned int)region->line, (unsigned long long)tally->visits,
                          (unsigned long long)tally->inclusive_ns, (unsigned long long)tally->exclusive_ns);
    Py_XDECREF(name);
    Py_XDECREF(file);
    return row;
}

static int append_regions(PyObject *list, const struct regions *regions, const struct summary *summary,
                          const uint32_t *order)
{
    for (uint32_t i = 0; i < regions->count; i++) {
        uint32_t region = order[i];
        if (summary->tallies[region].visits == 0)
            continue;
        PyObject *row = make_region(&regions->items[region], &summary->tallies[region]);
        int appended = row ? PyList_Append(list, row) : -1;
        Py_XDECREF(row);
        if (appended != 0)
            return -1;
    }
    return 0;
}

static PyObject *make_regions(const struct regions *regions, const struct summary *summary)
{
    /* A region whose tally could not be allocated was never entered, and is one of the last. */
    struct regions tallied = *regions;
    if (tallied.count > summary->capacity)
        tallied.count = summary->capacity;
    PyObject *list = PyList_New(0);
    uint32_t *order = list ? malloc((tallied.count + 1u) * sizeof *order) : NULL;
    if (!order) {
        Py_XDECREF(list);
        return PyErr_NoMemory();
    }
    summary_order(summary, order, tallied.count);
    if (append_regions(list, &tallied, summary, order) != 0)
        Py_CLEAR(list);
    free(order);
    return list;
}

PyObject *result_make(const struct result *result, const struct regions *regions,
                      const struct summary *summary)
{
    PyObject *error = make_error(&result->fault);
    PyObject *list = error ? make_regions(regions, summary) : NULL;
    PyObject *dictionary = NULL;
    if (list)
        dictionary = Py_BuildValue(
            "{s:I,s:K,s:K,s:d,s:K,s:K,s:K,s:K,s:O,s:O,s:O,s:O,s:O}", "event_ns", (unsigned)result->event_ns,
            "events", (unsigned long long)result->events, "locations", (unsigned long long)result->locations,
            "seconds", (double)result->recorded_ns / 1e9, "flushes", (unsigned long long)result->flushes,
            "lost", (unsigned long long)result->lost, "rewinds_refused",
            (unsigned long long)result->rewinds_refused, "parameters", (unsigned long long)result->parameters,
            "timed", result->timed ? Py_True : Py_False, "unwritten", result->unwritten ? Py_True : Py_False,
            "replaced", result->replaced ? Py_True : Py_False, "error", error, "regions", list);
    Py_XDECREF(error);
    Py_XDECREF(list);
    return dictionary;
}
