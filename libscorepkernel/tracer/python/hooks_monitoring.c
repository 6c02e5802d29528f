/* SPDX-License-Identifier: BSD-3-Clause
 *
 * hooks_monitoring: the hooks for CPython 3.12 and later, by way of sys.monitoring and the stable ABI.
 *
 * The events are the whole process's, from the first start() to end(): switching them off and on would make
 * Python instrument every function again. Each thread's part in it is decided at its first event: threads
 * that run when recording starts are bystanders, those that begin while it is on take part. */
#include "tracer/python/python.h"

#if TRACER_USES_MONITORING

#include "tracer/python/c_functions.h"
#include "tracer/python/hooks.h"

#define TOOL_NAME "scorepkernel"

static int tool = -1;         /* -1: no hooks */
static PyObject *disable;     /* sys.monitoring.DISABLE */
static PyObject *method_type; /* types.MethodType; NULL: not known yet */
static bool has_disabled;     /* it was returned since the events were restarted */

/* A thread is seen for the first time in this measurement: decide whether it takes part. */
static struct thread *meet(void)
{
    if (recording.forked) {
        hooks_remove();
        recording_abandon();
        return NULL;
    }
    if (tool < 0 || threads_refused(recording.number))
        return NULL;
    if (recording.recorder.on && recording.recorder.registered && !threads_is_bystander()) {
        struct thread *thread = threads_adopt(&recording.recorder, false);
        if (thread)
            return thread;
    }
    threads_refuse(recording.number);
    return NULL;
}

/* What a callback returns: that its event is wanted there no more, or nothing. */
static PyObject *answer(PyObject *code)
{
    if (!code || !disable || !recording_is_active() || !recording_is_filtered(code))
        Py_RETURN_NONE;
    has_disabled = true;
    return Py_NewRef(disable);
}

static void enter(PyObject *const *arguments, Py_ssize_t count)
{
    struct thread *thread = threads_find();
    if (count > 0 && (thread || (thread = meet())))
        recording_enter(thread, arguments[0], arguments[0]);
}

static void leave(PyObject *const *arguments, Py_ssize_t count)
{
    struct thread *thread = threads_find();
    if (count > 0 && (thread || (thread = meet())))
        recording_leave(thread, arguments[0]);
}

static PyObject *on_enter(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    enter(arguments, count);
    return answer(count > 0 ? arguments[0] : NULL);
}

static PyObject *on_leave(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    leave(arguments, count);
    return answer(count > 0 ? arguments[0] : NULL);
}

/* Events of exceptions are the whole process's: Python takes no answer that they are not wanted somewhere. */
static PyObject *on_throw(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    enter(arguments, count);
    Py_RETURN_NONE;
}

static PyObject *on_unwind(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    leave(arguments, count);
    Py_RETURN_NONE;
}

/* A method object is called by way of the function in it, which is what its end names. */
static PyObject *called(PyObject *callable)
{
    if ((PyObject *)Py_TYPE(callable) != method_type)
        return Py_NewRef(callable);
    return PyObject_GetAttrString(callable, "__func__");
}

/* Calls of whatever can be called: of Python's functions there are events of their own. */
static PyObject *on_c_call(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    struct thread *thread = threads_find();
    (void)self;
    if (count > 2 && (thread || (thread = meet()))) {
        PyObject *function = called(arguments[2]);
        if (function)
            recording_enter_c(thread, function);
        Py_XDECREF(function);
    }
    Py_RETURN_NONE;
}

static PyObject *on_c_end(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    struct thread *thread = threads_find();
    (void)self;
    if (count > 2 && thread && c_functions_is_one(arguments[2]))
        recording_leave(thread, arguments[2]);
    Py_RETURN_NONE;
}

#define METHOD(name, function)                                             \
    {                                                                      \
        name, (PyCFunction)(void (*)(void))(function), METH_FASTCALL, NULL \
    }
static PyMethodDef enter_method = METHOD("_scorepkernel_enter", on_enter);
static PyMethodDef leave_method = METHOD("_scorepkernel_leave", on_leave);
static PyMethodDef throw_method = METHOD("_scorepkernel_throw", on_throw);
static PyMethodDef unwind_method = METHOD("_scorepkernel_unwind", on_unwind);

static PyMethodDef c_call_method = METHOD("_scorepkernel_c_call", on_c_call);
static PyMethodDef c_end_method = METHOD("_scorepkernel_c_end", on_c_end);

/* A function that yields is left, and entered again when it is resumed. */
static const struct {
    const char *event;
    PyMethodDef *method;
    bool is_of_c; /* wanted where functions that are written in C are recorded */
} subscriptions[] = {
    {"PY_START", &enter_method, false}, {"PY_RESUME", &enter_method, false},
    {"PY_THROW", &throw_method, false}, {"PY_RETURN", &leave_method, false},
    {"PY_YIELD", &leave_method, false}, {"PY_UNWIND", &unwind_method, false},
    {"CALL", &c_call_method, true},     {"C_RETURN", &c_end_method, true},
    {"C_RAISE", &c_end_method, true},
};
#define SUBSCRIPTION_COUNT (sizeof subscriptions / sizeof subscriptions[0])

/* sys.monitoring, a new reference. */
static PyObject *get_monitoring(void)
{
    PyObject *monitoring = PySys_GetObject("monitoring"); /* borrowed */
    if (!monitoring)
        PyErr_SetString(PyExc_RuntimeError, "this Python has no sys.monitoring");
    return Py_XNewRef(monitoring);
}

static int call(PyObject *monitoring, const char *function, const char *format, int first, PyObject *second)
{
    PyObject *result = PyObject_CallMethod(monitoring, function, format, first, second);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* The numbers without a meaning first: with the profilers' number taken, cProfile refuses to work in the
 * user's cell. */
static int take_tool(PyObject *monitoring)
{
    static const int candidates[] = {3, 4, 2, 5, 1, 0};
    PyObject *name = PyUnicode_FromString(TOOL_NAME);
    if (!name)
        return -1;
    int taken = -1;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0] && taken < 0; i++) {
        if (call(monitoring, "use_tool_id", "iO", candidates[i], name) == 0)
            taken = candidates[i];
        else
            PyErr_Clear();
    }
    Py_DECREF(name);
    if (taken < 0)
        PyErr_SetString(PyExc_RuntimeError,
                        "all six tool numbers of sys.monitoring are in use: stop a debugger, "
                        "profiler or coverage tool");
    return taken;
}

static long event_mask(PyObject *events, const char *name)
{
    PyObject *value = PyObject_GetAttrString(events, name);
    long mask = value ? PyLong_AsLong(value) : -1;
    Py_XDECREF(value);
    return mask;
}

/* Registers our callbacks, or none; *all gets the events that they are for. */
static int subscribe(PyObject *monitoring, int tool_id, bool ours, long *all)
{
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    int result = events ? 0 : -1;
    *all = 0;
    for (size_t i = 0; i < SUBSCRIPTION_COUNT && result == 0; i++) {
        long mask = event_mask(events, subscriptions[i].event);
        PyObject *callback = ours ? PyCFunction_New(subscriptions[i].method, NULL) : Py_NewRef(Py_None);
        PyObject *before = NULL;
        if (mask > 0 && callback)
            before = PyObject_CallMethod(monitoring, "register_callback", "ilO", tool_id, mask, callback);
        result = before ? 0 : -1;
        Py_XDECREF(before);
        Py_XDECREF(callback);
        if (!subscriptions[i].is_of_c || recording.c_functions)
            *all |= mask;
    }
    Py_XDECREF(events);
    return result;
}

static int set_events(PyObject *monitoring, int tool_id, long mask)
{
    PyObject *result = PyObject_CallMethod(monitoring, "set_events", "il", tool_id, mask);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static void let_go(PyObject *monitoring, int tool_id)
{
    long mask;
    (void)set_events(monitoring, tool_id, 0);
    PyErr_Clear(); /* the user may have freed the number, which takes the events with it */
    (void)subscribe(monitoring, tool_id, false, &mask);
    PyErr_Clear();
    PyObject *result = PyObject_CallMethod(monitoring, "free_tool_id", "i", tool_id);
    Py_XDECREF(result);
    PyErr_Clear();
}

/* The stable ABI does not have it. */
static void find_method_type(void)
{
    PyObject *types = method_type ? NULL : PyImport_ImportModule("types");
    PyObject *found = types ? PyObject_GetAttrString(types, "MethodType") : NULL;
    if (found)
        method_type = found;
    Py_XDECREF(types);
    PyErr_Clear(); /* then calls of method objects are not recorded */
}

/* What was not wanted in the measurement before may be wanted now. */
static void want_all_again(PyObject *monitoring)
{
    PyObject *result = has_disabled ? PyObject_CallMethod(monitoring, "restart_events", NULL) : NULL;
    has_disabled = false;
    Py_XDECREF(result);
    if (!disable)
        disable = PyObject_GetAttrString(monitoring, "DISABLE");
    PyErr_Clear(); /* then each event is heard of */
}

int hooks_start(void)
{
    if (tool >= 0)
        return 0;
    PyObject *monitoring = get_monitoring();
    if (monitoring)
        want_all_again(monitoring);
    if (recording.c_functions)
        find_method_type();
    int taken = monitoring ? take_tool(monitoring) : -1;
    long mask;
    if (taken >= 0 && subscribe(monitoring, taken, true, &mask) == 0 &&
        set_events(monitoring, taken, mask) == 0) {
        tool = taken;
    } else if (taken >= 0) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        let_go(monitoring, taken);
        PyErr_Restore(type, value, traceback);
    }
    Py_XDECREF(monitoring);
    return tool >= 0 ? 0 : -1;
}

bool hooks_stop(void)
{
    /* Threads that take part may still be running, and their leaves belong to the trace. */
    return false;
}

int hooks_refresh(bool *replaced)
{
    *replaced = false; /* each tool has events of its own */
    return 0;
}

void hooks_remove(void)
{
    if (tool < 0)
        return;
    int mine = tool;
    tool = -1;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *monitoring = get_monitoring();
    if (monitoring)
        let_go(monitoring, mine);
    Py_XDECREF(monitoring);
    PyErr_Restore(type, value, traceback);
}

#else
/* ISO C wants something in every file. */
extern int tracer_uses_profile;
#endif
