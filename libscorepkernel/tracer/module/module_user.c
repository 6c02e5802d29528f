/* SPDX-License-Identifier: BSD-3-Clause
 *
 * module_user: see module_user.h. Arguments are checked whether or not something is being measured; what is
 * asked for where nothing is, is ignored, as the bindings' own functions do outside of a measurement. */
#include "tracer/module/module_user.h"

#include "tracer/module/arguments.h"
#include "tracer/python/measurement.h"

/* A name and the place in the source that it is given at. Texts are borrowed from the arguments. */
struct place {
    const char *name, *file;
    uint32_t line;
};

static int read_place(PyObject *name, PyObject *file, PyObject *line, struct place *place)
{
    place->name = arguments_text(name, "name", REGION_TEXT_MAX);
    place->file = place->name ? arguments_text(file, "file", REGION_TEXT_MAX) : NULL;
    long number = place->file ? arguments_line(line) : -1;
    place->line = (uint32_t)number;
    return number < 0 ? -1 : 0;
}

/* The calling thread's state, if regions of the user's code are recorded now; the thread takes part in the
 * measurement from then on. */
static struct thread *accepting_thread(void)
{
    struct thread *thread = measurement_join();
    return thread && recorder_accepts_regions(&recording.recorder, thread) ? thread : NULL;
}

/* The calling thread's state, or NULL if the thread takes no part in the measurement. */
static struct thread *known_thread(void)
{
    return recording_is_active() ? threads_find() : NULL;
}

/* Whether the filter excludes a region that the user's code names. */
static bool is_filtered(const char *name)
{
    return recording_is_active() && recording.filter.count > 0 &&
           filter_excludes(&recording.filter, name, NULL);
}

static uint32_t region_at(const struct place *place)
{
    return recorder_region(&recording.recorder, place->name, place->file, place->line);
}

const char module_region_begin_doc[] = "region_begin(name, file, line)\n--\n\n"
                                       "Enter a region of the user's, named as given. It is left by "
                                       "region_end(name), or with the function that\n"
                                       "began it. Nothing happens where nothing is recorded.";

PyObject *module_region_begin(PyObject *module, PyObject *arguments)
{
    PyObject *name, *file, *line;
    struct place place;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO:region_begin", &name, &file, &line) ||
        read_place(name, file, line, &place) != 0)
        return NULL;
    struct thread *thread = is_filtered(place.name) ? NULL : accepting_thread();
    if (thread)
        recorder_region_begin(&recording.recorder, thread, region_at(&place));
    Py_RETURN_NONE;
}

const char module_region_end_doc[] = "region_end(name)\n--\n\n"
                                     "Leave the innermost open region of that name, begun in this thread. "
                                     "False: something is being recorded here,\n"
                                     "and no region of that name is open.";

PyObject *module_region_end(PyObject *module, PyObject *arguments)
{
    PyObject *name;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "O:region_end", &name))
        return NULL;
    const char *text = arguments_text(name, "name", REGION_TEXT_MAX);
    if (!text)
        return NULL;
    if (is_filtered(text))
        Py_RETURN_TRUE;
    struct thread *thread = accepting_thread();
    if (!thread) /* what is open is left all the same */
        thread = known_thread();
    bool stray = thread && !recorder_region_end(&recording.recorder, thread, text) &&
                 recorder_accepts_regions(&recording.recorder, thread);
    return PyBool_FromLong(!stray);
}

const char module_stray_end_doc[] = "stray_end(name, file, line)\n--\n\n"
                                    "A region of that name was ended at that place without having begun: a "
                                    "visit of the region error_region, with\n"
                                    "the name as its parameter leave-region.";

PyObject *module_stray_end(PyObject *module, PyObject *arguments)
{
    PyObject *name, *file, *line;
    struct place place;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO:stray_end", &name, &file, &line) ||
        read_place(name, file, line, &place) != 0)
        return NULL;
    struct thread *thread = accepting_thread();
    if (thread)
        recorder_stray_end(&recording.recorder, thread, place.name, place.file, place.line);
    Py_RETURN_NONE;
}

const char module_function_begin_doc[] =
    "function_begin(function)\n--\n\n"
    "Enter the region that a Python function has when its calls are recorded. Its number, for "
    "function_end(), or -1:\n"
    "nothing is recorded here, or the function's calls are, by themselves.";

PyObject *module_function_begin(PyObject *module, PyObject *function)
{
    (void)module;
    struct thread *thread = accepting_thread();
    if (!thread || !thread->suspended)
        return PyLong_FromLong(-1);
    uint32_t region = measurement_region_of(function);
    if (region == REGION_NONE)
        return PyLong_FromLong(-1);
    recorder_region_begin(&recording.recorder, thread, region);
    return PyLong_FromUnsignedLongLong(recording.number * REGIONS_MAX + region);
}

const char module_function_end_doc[] = "function_end(number)\n--\n\nLeave what function_begin() has entered.";

PyObject *module_function_end(PyObject *module, PyObject *number)
{
    (void)module;
    long long begun = PyLong_AsLongLong(number);
    if (begun == -1 && PyErr_Occurred())
        return NULL;
    struct thread *thread = known_thread();
    /* The function may have begun in a measurement that is over. */
    if (thread && begun >= 0 && (uint64_t)begun / REGIONS_MAX == recording.number)
        (void)recorder_region_end_number(&recording.recorder, thread, (uint32_t)(begun % REGIONS_MAX));
    Py_RETURN_NONE;
}

const char module_suspend_doc[] = "suspend()\n--\n\n"
                                  "Record no more calls of this thread until resume(); what is open is still "
                                  "left. Threads that begin meanwhile\n"
                                  "are not recorded.";

PyObject *module_suspend(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct thread *thread = known_thread();
    if (thread)
        measurement_suspend(thread);
    Py_RETURN_NONE;
}

const char module_resume_doc[] =
    "resume()\n--\n\n"
    "Record the calls of this thread from now on, whenever it began, and those of threads that it begins.";

PyObject *module_resume(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    struct thread *thread = measurement_join();
    return !thread || measurement_resume(thread) == 0 ? Py_NewRef(Py_None) : NULL;
}

const char module_recording_doc[] = "recording()\n--\n\nWhether calls of this thread are recorded now.";

PyObject *module_recording(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    const struct thread *thread = known_thread();
    return PyBool_FromLong(thread && recording.recorder.on && !thread->suspended);
}

const char module_parameter_doc[] =
    "parameter(name, value, signed=True)\n--\n\n"
    "A parameter of the innermost region: an int of 64 bits, signed or not, or a text of at most 4096 "
    "bytes.\n\n"
    "OverflowError: the int has more bits, or is negative and signed is false.";

/* Reads an int of 64 bits. One that is too large for a signed int is read as an unsigned one. */
static int read_number(PyObject *value, bool is_signed, struct parameter *parameter)
{
    int overflow = 0;
    PyObject *whole = PyNumber_Index(value); /* TypeError: of a float, for one */
    if (!whole)
        return -1;
    parameter->type = PARAMETER_SIGNED;
    parameter->value.number = PyLong_AsLongLongAndOverflow(whole, &overflow);
    if (!is_signed || overflow > 0) {
        parameter->type = PARAMETER_UNSIGNED;
        parameter->value.unsigned_number = PyLong_AsUnsignedLongLong(whole);
    }
    Py_DECREF(whole);
    if (overflow < 0 || PyErr_Occurred())
        PyErr_SetString(PyExc_OverflowError,
                        is_signed ? "a parameter's number must be from -2**63 to 2**64 - 1"
                                  : "a parameter's number without a sign must be from 0 to 2**64 - 1");
    return PyErr_Occurred() ? -1 : 0;
}

static int read_text(PyObject *value, struct parameter *parameter)
{
    Py_ssize_t len;
    parameter->type = PARAMETER_TEXT;
    parameter->value.text = PyUnicode_AsUTF8AndSize(value, &len);
    if (!parameter->value.text)
        return -1;
    if ((size_t)len <= REGION_TEXT_MAX && strlen(parameter->value.text) == (size_t)len)
        return 0;
    PyErr_Format(PyExc_ValueError, "a parameter's text must have at most %u bytes, none of them zero",
                 REGION_TEXT_MAX);
    return -1;
}

PyObject *module_parameter(PyObject *module, PyObject *arguments)
{
    PyObject *name, *value;
    int is_signed = 1;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OO|p:parameter", &name, &value, &is_signed))
        return NULL;
    struct parameter parameter = {.name = arguments_text(name, "name", REGION_TEXT_MAX)};
    if (!parameter.name)
        return NULL;
    if ((PyUnicode_Check(value) ? read_text(value, &parameter)
                                : read_number(value, is_signed != 0, &parameter)) != 0)
        return NULL;
    struct thread *thread = accepting_thread();
    if (thread)
        recorder_parameter(&recording.recorder, thread, &parameter);
    Py_RETURN_NONE;
}

const char module_rewind_begin_doc[] =
    "rewind_begin(name, file, line)\n--\n\nBegin a region that rewind_end() may take back.";

PyObject *module_rewind_begin(PyObject *module, PyObject *arguments)
{
    PyObject *name, *file, *line;
    struct place place;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO:rewind_begin", &name, &file, &line) ||
        read_place(name, file, line, &place) != 0)
        return NULL;
    struct thread *thread = accepting_thread();
    if (thread)
        recorder_rewind_begin(&recording.recorder, thread, region_at(&place));
    Py_RETURN_NONE;
}

const char module_rewind_end_doc[] = "rewind_end(name, rewound)\n--\n\n"
                                     "End the innermost one of that name in this thread, and those begun "
                                     "within it. rewound: the trace is as if what\n"
                                     "was recorded in it had not been; where that cannot be, end() counts it "
                                     "in rewinds_refused. False: something is\n"
                                     "being recorded here, and none of that name has begun.";

PyObject *module_rewind_end(PyObject *module, PyObject *arguments)
{
    PyObject *name;
    int rewound;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "Op:rewind_end", &name, &rewound))
        return NULL;
    const char *text = arguments_text(name, "name", REGION_TEXT_MAX);
    if (!text)
        return NULL;
    struct thread *thread = accepting_thread();
    return PyBool_FromLong(!thread || recorder_rewind_end(&recording.recorder, thread, text, rewound != 0));
}

const char module_record_doc[] =
    "record(on)\n--\n\nSwitch all recording off or on, functions and regions in all threads.";

PyObject *module_record(PyObject *module, PyObject *on)
{
    int wanted = PyObject_IsTrue(on);
    (void)module;
    if (wanted < 0)
        return NULL;
    struct thread *thread = measurement_join();
    if (thread && recording.recorder.on && thread->door != DOOR_LOCKED)
        recorder_mute(&recording.recorder, thread, !wanted);
    Py_RETURN_NONE;
}

const char module_cell_doc[] = "cell(file)\n--\n\n"
                               "Code of that file name is the cell's from now on, too: something in the "
                               "cell runs it as a cell.";

PyObject *module_cell(PyObject *module, PyObject *file)
{
    (void)module;
    const char *text = arguments_text(file, "file", SCOPE_TEXT_MAX);
    /* Without room for it, its functions are recorded as any function of the user's. */
    if (text && recording_is_active() && scope_kind(&recording.scope, text, "<module>") != KIND_ROOT)
        (void)scope_add_cell(&recording.scope, text, NULL);
    return text ? Py_NewRef(Py_None) : NULL;
}

const char module_finalize_doc[] =
    "finalize()\n--\n\n"
    "End the measurement in the middle of the cell: nothing is recorded from now on. In the thread that "
    "started it\n"
    "all is written at once, elsewhere at the cell's end. end() still tells what was found.";

PyObject *module_finalize(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return measurement_finalize() == 0 ? Py_NewRef(Py_None) : NULL;
}
