/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module: the Python face of what is recorded, into an archive or Score-P. Knows nothing of how it is done.
 */
#include <errno.h>

#include "tracer/module/arguments.h"
#include "tracer/module/module_fork.h"
#include "tracer/module/module_merge.h"
#include "tracer/module/module_profile.h"
#include "tracer/module/module_progress.h"
#include "tracer/module/module_sampling.h"
#include "tracer/module/module_scorep.h"
#include "tracer/module/module_trace.h"
#include "tracer/module/module_user.h"
#include "tracer/python/measurement.h"
#include "tracer/python/python.h"
#include "tracer/record/clock.h"

#define MEMORY_MIN (1ll << 20)
#define MEMORY_MAX (1ll << 40)
#define MEMORY_DEFAULT (256ll << 20)

PyDoc_STRVAR(
    begin_doc,
    "begin(directory, *, cell, own, library, process='python', memory_limit=268435456,\n"
    "      scorep=None, profiled=False, through=(), instrument=True, filter=None, trace=True,\n"
    "      metrics=False, c_functions=False)\n--\n\n"
    "Begin a measurement; nothing is recorded before start(). Its events go into an OTF2 archive in\n"
    "the existing directory, or to Score-P, which makes the directory.\n\n"
    "cell: co_filename of the cell; its module-level code begins and ends the recording. Or a tuple of\n"
    "(co_filename, name of its region), where several cells are measured as one.\n"
    "own: file name prefixes of code that is never recorded.\n"
    "library: file name prefixes of code that is recorded where the user's code called it.\n"
    "memory_limit: bytes of events in memory, from which on they are written during the run.\n"
    "scorep: measure with Score-P, after load_scorep(): a dict of variables that it is to find in place\n"
    "of the environment's; the experiment directory is one. profiled: its profile tells the times.\n"
    "through: file name prefixes of code that is never recorded, and whose calls are as its caller's.\n"
    "instrument: false: no functions are recorded until the cell's code calls resume().\n"
    "filter: the bytes of a filter file in Score-P's syntax; what it excludes is not recorded. ValueError.\n"
    "trace: false: no archive is written; what end() says is all that is wanted.\n"
    "metrics: the archive gets what the process used while it was sampled: CPU time and resident memory.\n"
    "c_functions: functions that are written in C are recorded, too, where the user's code or a library "
    "that\n"
    "it called calls them.\n"
    "OSError: the archive cannot be written, or Score-P does not start (ECANCELED; see\n"
    "scorep_messages()). RuntimeError: a measurement is active already.\n"
    "NotImplementedError: this Python has no GIL.");

static int check_begin(PyObject *path, long long memory_limit)
{
    const char *directory = PyBytes_AsString(path);
    if (!directory || strlen(directory) > SCOPE_TEXT_MAX) {
        PyErr_SetString(PyExc_ValueError, "directory is too long");
        return -1;
    }
    if (memory_limit < MEMORY_MIN || memory_limit > MEMORY_MAX) {
        PyErr_Format(PyExc_ValueError, "memory_limit must be from %lld to %lld bytes", MEMORY_MIN,
                     MEMORY_MAX);
        return -1;
    }
    return 0;
}

/* The texts are borrowed from the dictionary. */
static int read_settings(PyObject *scorep, struct engine_setting *settings,
                         struct measurement_options *options)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    if (scorep == Py_None)
        return 0;
    if (!PyDict_Check(scorep) || PyDict_Size(scorep) > ENGINE_SETTINGS_MAX) {
        PyErr_SetString(PyExc_TypeError, "scorep must be None or a small dict of texts");
        return -1;
    }
    while (PyDict_Next(scorep, &position, &name, &value)) {
        struct engine_setting *setting = &settings[options->setting_count];
        setting->name = arguments_text(name, "a name in scorep", 255);
        setting->value = setting->name ? arguments_text(value, "a value in scorep", SCOPE_TEXT_MAX) : NULL;
        if (!setting->value)
            return -1;
        options->setting_count++;
    }
    options->settings = settings;
    return 0;
}

/* text: borrowed; NULL: there is no filter. */
static int read_filter(const char *text, Py_ssize_t len, struct filter *filter)
{
    uint32_t line = 0;
    int result = text ? filter_read(filter, text, (size_t)len, &line) : 0;
    if (result == -ENOMEM)
        PyErr_NoMemory();
    else if (result != 0)
        PyErr_Format(PyExc_ValueError,
                     result == -E2BIG ? "the filter has too much, in line %u"
                                      : "the filter is not understood in line %u",
                     (unsigned)line);
    return result == 0 ? 0 : -1;
}

static PyObject *tracer_begin(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    /* Python wants them writable, and never writes. */
    static char texts[][16] = {"directory",    "cell",   "own",      "library",    "process",
                               "memory_limit", "scorep", "profiled", "through",    "instrument",
                               "filter",       "trace",  "metrics",  "c_functions"};
    static char *names[] = {texts[0],  texts[1],  texts[2],  texts[3],  texts[4],
                            texts[5],  texts[6],  texts[7],  texts[8],  texts[9],
                            texts[10], texts[11], texts[12], texts[13], NULL};
    PyObject *path = NULL, *process = NULL;
    struct arguments_code code = {NULL, NULL, NULL, NULL};
    long long memory_limit = MEMORY_DEFAULT;
    PyObject *scorep = Py_None;
    int profiled = 0, instrument = 1, trace = 1, metrics = 0, c_functions = 0;
    const char *filter = NULL;
    Py_ssize_t filter_len = 0;
    struct engine_setting settings[ENGINE_SETTINGS_MAX];
    (void)module;
#ifdef Py_GIL_DISABLED
    PyErr_SetString(PyExc_NotImplementedError,
                    "the built-in measurement needs a Python with a GIL: this is a "
                    "free-threaded build");
    return NULL;
#endif
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O&|$OO!O!OLOpO!py#ppp:begin", names,
                                     PyUnicode_FSConverter, &path, &code.cell, &PyTuple_Type, &code.own,
                                     &PyTuple_Type, &code.library, &process, &memory_limit, &scorep,
                                     &profiled, &PyTuple_Type, &code.through, &instrument, &filter,
                                     &filter_len, &trace, &metrics, &c_functions))
        return NULL;
    if (!code.cell || !code.own || !code.library) { /* the format of the arguments cannot express that
                                                       keyword-only arguments are required */
        PyErr_SetString(PyExc_TypeError, "begin() needs cell, own and library");
        Py_DECREF(path);
        return NULL;
    }
    struct measurement_options options = {
        .directory = PyBytes_AsString(path),
        .process = process ? arguments_text(process, "process", 255) : "python",
        .memory_limit = (uint64_t)memory_limit,
        .profiled = profiled != 0,
        .instrument = instrument != 0,
        .traceless = trace == 0,
        .c_functions = c_functions != 0,
        .series = metrics ? module_sampling_series() : NULL,
    };
    int result = -1;
    if (check_begin(path, memory_limit) == 0 && options.process &&
        read_settings(scorep, settings, &options) == 0 && arguments_scope(&options.scope, &code) == 0 &&
        read_filter(filter, filter_len, &options.filter) == 0)
        result = measurement_begin(&options);
    scope_finish(&options.scope);
    filter_finish(&options.filter);
    Py_DECREF(path);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(start_doc,
             "start()\n--\n\n"
             "Record the cell's code that this thread is about to run, and the threads it starts.");

static PyObject *tracer_start(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return measurement_start() == 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(stop_doc, "stop()\n--\n\n"
                       "Record no more until the next start(). Nothing happens if recording is off.");

static PyObject *tracer_stop(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return measurement_stop() == 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(
    end_doc,
    "end()\n--\n\n"
    "Leave what is open in every thread, write and close the archive, take out all hooks.\n\n"
    "The result has event_ns (what recording an event took; 0: it is not known), events, locations,\n"
    "seconds (from the first start to the last stop), flushes, lost (events), rewinds_refused, parameters "
    "(events), timed (whether the regions' times are all\n"
    "there), replaced (whether another profiler's hook was in the place of ours), error (a text or\n"
    "None) and regions: a list of (name, file, line, visits, inclusive_ns, exclusive_ns), most\n"
    "exclusive time first.");

static PyObject *tracer_end(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return measurement_end();
}

PyDoc_STRVAR(active_doc, "active()\n--\n\n"
                         "Whether a measurement has begun in this process, for which end() was not called.");

static PyObject *tracer_active(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(measurement_has_result());
}

PyDoc_STRVAR(refresh_doc, "refresh()\n--\n\n"
                          "A statement of the cell begins: put the hook back if somebody has taken it out.");

static PyObject *tracer_refresh(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return measurement_refresh() == 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(take_time_doc,
             "take_time()\n--\n\n"
             "Time the regions here from now on, too, where Score-P's profile was to tell the times.");

static PyObject *tracer_take_time(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    measurement_take_time();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"prepare_fork", module_prepare_fork, METH_NOARGS, module_prepare_fork_doc},
    {"hold_child_signal", module_hold_child_signal, METH_O, module_hold_child_signal_doc},
    {"die_with_parent", module_die_with_parent, METH_O, module_die_with_parent_doc},
    {"fork_plainly", module_fork_plainly, METH_NOARGS, module_fork_plainly_doc},
    {"merge", module_merge, METH_VARARGS, module_merge_doc},
    {"read_call_paths", module_read_call_paths, METH_O, module_read_call_paths_doc},
    {"read_profile", module_read_profile, METH_O, module_read_profile_doc},
    {"read_trace", module_read_trace, METH_VARARGS, module_read_trace_doc},
    {"load_scorep", module_load_scorep, METH_VARARGS, module_load_scorep_doc},
    {"join_ranks", module_join_ranks, METH_NOARGS, module_join_ranks_doc},
    {"scorep_directory", module_scorep_directory, METH_NOARGS, module_scorep_directory_doc},
    {"make_umbrella", module_make_umbrella, METH_O, module_make_umbrella_doc},
    {"scorep_messages", module_scorep_messages, METH_NOARGS, module_scorep_messages_doc},
    {"begin", (PyCFunction)(void (*)(void))tracer_begin, METH_VARARGS | METH_KEYWORDS, begin_doc},
    {"start", tracer_start, METH_NOARGS, start_doc},
    {"stop", tracer_stop, METH_NOARGS, stop_doc},
    {"end", tracer_end, METH_NOARGS, end_doc},
    {"active", tracer_active, METH_NOARGS, active_doc},
    {"take_time", tracer_take_time, METH_NOARGS, take_time_doc},
    {"refresh", tracer_refresh, METH_NOARGS, refresh_doc},
    MODULE_PROGRESS_METHODS,
    MODULE_SAMPLING_METHODS,
    MODULE_USER_METHODS,
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_tracer",
    .m_doc = "Records what Python code calls, into an OTF2 archive or Score-P.",
    .m_size = -1,
    .m_methods = methods,
};

/* A free-threaded Python has objects of another shape, and takes a module for the stable ABI without
 * asking: even creating the module would corrupt it. abiflags has a t there. */
static bool is_free_threaded(void)
{
    PyObject *flags = PySys_GetObject("abiflags"); /* borrowed */
    const char *text = flags && PyUnicode_Check(flags) ? PyUnicode_AsUTF8AndSize(flags, NULL) : NULL;
    PyErr_Clear();
    return text && strchr(text, 't');
}

PyMODINIT_FUNC PyInit__tracer(void);

PyMODINIT_FUNC PyInit__tracer(void)
{
#ifndef Py_GIL_DISABLED
    if (is_free_threaded()) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "the built-in measurement needs a Python with a GIL: this is a "
                        "free-threaded build");
        return NULL;
    }
#endif
    clock_learn();
    PyObject *module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    /* Otherwise the import alone would switch the GIL on, for a module that only says no. */
    if (module && PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED) != 0)
        Py_CLEAR(module);
#endif
    return module;
}
