/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_trace: see module_trace.h. The archive is read by trace_reader.c. */
#include "tracer/module/module_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/reading/trace_reader.h"

const char module_read_trace_doc[] =
    "read_trace(path, apart, go_on)\n--\n\n"
    "What an OTF2 archive says of its program's calls; path is that of its anchor file (traces.otf2). To be\n"
    "called where a crash does no harm: OTF2's reader believes what is in a file. apart: 'together',\n"
    "'threads' or 'ranks', which of them have a call tree of their own. go_on(read, all) is called every\n"
    "million events; nothing more is read if it returns something false.\n\n"
    "A dict: seconds between the first event and the last, events (enters and leaves), locations (a number), "
    "partial (whether\n"
    "the archive was not read to its end), full (whether there were more calls than there is room for),\n"
    "unpaired (enters and leaves without a counterpart);\n"
    "functions: a list of (name, file, line);\n"
    "nodes: a list of (parent, function, thread, visits, inclusive_ns, exclusive_ns), where parent is the\n"
    "number of an earlier node, or -1 of a root, whose function is -1 and thread its place in threads;\n"
    "threads: a list of (name, rank), for the roots;\n"
    "regions: a list of (name, file, line, visits, inclusive_ns, exclusive_ns), most exclusive time "
    "first.\n\n"
    "OSError: the archive cannot be read. ValueError: it is none, or damaged, or too large.";

static PyObject *make_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* Takes made over. NULL: list is NULL, or there is an exception, and list is gone. */
static PyObject *append(PyObject *list, PyObject *made)
{
    if (list && (!made || PyList_Append(list, made) != 0))
        Py_CLEAR(list);
    Py_XDECREF(made);
    return list;
}

static unsigned long long nanoseconds(const struct trace *trace, uint64_t ticks)
{
    return (unsigned long long)((double)ticks * 1e9 / (double)trace->resolution + 0.5);
}

/* --- what the tree consists of ---------------------------------------------------------------------------
 */

static PyObject *make_function(const struct trace_region *region)
{
    PyObject *name = make_text(region->name);
    PyObject *file = name ? make_text(region->file) : NULL;
    PyObject *row = file ? Py_BuildValue("OOI", name, file, (unsigned)region->line) : NULL;
    Py_XDECREF(name);
    Py_XDECREF(file);
    return row;
}

static PyObject *make_node(const struct trace *trace, const struct call_path *path, unsigned root)
{
    if (path->parent == CALL_PATH_NONE)
        return Py_BuildValue("iiIiii", -1, -1, root, 0, 0, 0);
    return Py_BuildValue("IIiKKK", (unsigned)path->parent, (unsigned)path->region, 0,
                         (unsigned long long)path->visits, nanoseconds(trace, path->inclusive),
                         nanoseconds(trace, path->exclusive));
}

/* What a root stands for: (name, rank). */
static PyObject *make_root(const struct trace *trace, enum trace_apart apart, uint32_t what)
{
    if (apart != TRACE_LOCATIONS)
        return Py_BuildValue("sl", apart == TRACE_GROUPS ? "" : "all threads",
                             apart == TRACE_GROUPS ? (long)what : -1L);
    PyObject *name = make_text(trace->locations[what].name);
    PyObject *row = name ? Py_BuildValue("Ol", name, (long)trace->locations[what].group) : NULL;
    Py_XDECREF(name);
    return row;
}

/* Rows of the regions that were visited. */
struct sum_row {
    const struct trace_region *region;
    struct call_sum sum;
};

static int by_exclusive_time(const void *left, const void *right)
{
    const struct sum_row *a = left, *b = right;
    if (a->sum.exclusive != b->sum.exclusive)
        return a->sum.exclusive < b->sum.exclusive ? 1 : -1;
    return 0;
}

static PyObject *make_sum(const struct trace *trace, const struct sum_row *row)
{
    PyObject *name = make_text(row->region->name);
    PyObject *file = name ? make_text(row->region->file) : NULL;
    PyObject *made =
        file ? Py_BuildValue("OOIKKK", name, file, (unsigned)row->region->line,
                             (unsigned long long)row->sum.visits, nanoseconds(trace, row->sum.inclusive),
                             nanoseconds(trace, row->sum.exclusive))
             : NULL;
    Py_XDECREF(name);
    Py_XDECREF(file);
    return made;
}

static PyObject *make_sums(const struct trace *trace)
{
    struct call_sum *sums = calloc(trace->region_count + 1, sizeof *sums);
    struct sum_row *rows = calloc(trace->region_count + 1, sizeof *rows);
    PyObject *list = NULL;
    size_t count = 0;
    if (sums && rows) {
        call_paths_sum(&trace->paths, sums, trace->region_count);
        for (uint32_t i = 0; i < trace->region_count; i++)
            if (sums[i].visits > 0)
                rows[count++] = (struct sum_row){&trace->regions[i], sums[i]};
        qsort(rows, count, sizeof *rows, by_exclusive_time);
        list = PyList_New(0);
    } else {
        PyErr_NoMemory();
    }
    for (size_t i = 0; list && i < count; i++)
        list = append(list, make_sum(trace, &rows[i]));
    free(sums);
    free(rows);
    return list;
}

/* --- the whole -------------------------------------------------------------------------------------------
 */

static PyObject *make_result(const struct trace *trace, enum trace_apart apart)
{
    PyObject *functions = PyList_New(0), *nodes = PyList_New(0), *threads = PyList_New(0);
    PyObject *sums = make_sums(trace), *result = NULL;
    unsigned roots = 0;
    for (uint32_t i = 0; functions && i < trace->region_count; i++)
        functions = append(functions, make_function(&trace->regions[i]));
    for (uint32_t i = 0; nodes && threads && i < trace->paths.count; i++) {
        const struct call_path *path = &trace->paths.items[i];
        nodes = append(nodes, make_node(trace, path, roots));
        if (path->parent != CALL_PATH_NONE)
            continue;
        threads = append(threads, make_root(trace, apart, path->region));
        roots++;
    }
    if (functions && nodes && threads && sums)
        result = Py_BuildValue(
            "{s:d,s:K,s:I,s:O,s:O,s:K,s:O,s:O,s:O,s:O}", "seconds",
            (double)nanoseconds(trace, trace->last - trace->first) / 1e9, "events",
            (unsigned long long)trace->events, "locations", (unsigned)trace->location_count, "partial",
            trace->is_partial ? Py_True : Py_False, "full", trace->paths.is_full ? Py_True : Py_False,
            "unpaired", (unsigned long long)trace->paths.unpaired, "functions", functions, "nodes", nodes,
            "threads", threads, "regions", sums);
    Py_XDECREF(functions);
    Py_XDECREF(nodes);
    Py_XDECREF(threads);
    Py_XDECREF(sums);
    return result;
}

/* false: it is not to go on, or there is an exception. */
static bool ask(void *owner, uint64_t read, uint64_t all)
{
    PyObject *answer = PyObject_CallFunction(owner, "KK", (unsigned long long)read, (unsigned long long)all);
    int go_on = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return go_on == 1;
}

/* -1 with an exception. */
static int apart_of(const char *text)
{
    static const char *const names[] = {
        [TRACE_TOGETHER] = "together", [TRACE_LOCATIONS] = "threads", [TRACE_GROUPS] = "ranks"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    PyErr_Format(PyExc_ValueError, "apart is '%s', but must be together, threads or ranks", text);
    return -1;
}

static PyObject *raise(int result, const struct fault *fault)
{
    if (result == -EPROTO || result == -E2BIG)
        return PyErr_Format(PyExc_ValueError, "the archive is %s: %s",
                            result == -E2BIG ? "too large" : "no OTF2 archive, or damaged", fault->detail);
    errno = -result;
    return PyErr_SetFromErrno(PyExc_OSError);
}

PyObject *module_read_trace(PyObject *module, PyObject *arguments)
{
    PyObject *path = NULL, *go_on, *found = NULL;
    const char *text;
    struct trace trace;
    struct fault fault = {0};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O&sO:read_trace", PyUnicode_FSConverter, &path, &text, &go_on))
        return NULL;
    int apart = apart_of(text);
    if (apart >= 0) {
        struct trace_options options = {(enum trace_apart)apart, ask, go_on};
        int result = trace_read(PyBytes_AsString(path), &options, &trace, &fault);
        if (result == 0 && !PyErr_Occurred())
            found = make_result(&trace, (enum trace_apart)apart);
        else if (result != 0 && !PyErr_Occurred())
            raise(result, &fault);
        if (result == 0)
            trace_finish(&trace);
    }
    Py_DECREF(path);
    return found;
}
