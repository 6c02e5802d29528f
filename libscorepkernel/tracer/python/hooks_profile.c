/* SPDX-License-Identifier: BSD-3-Clause
 *
 * hooks_profile: the hooks for CPython 3.9 to 3.11, by way of PyEval_SetProfile.
 *
 * A profile function belongs to one thread. The master gets it from start() to stop(), other threads when
 * their own code asks for it (scorep.instrumenter.enable). Threads that begin meanwhile get it through
 * threading.setprofile: the threading module calls our Python-level hook in each new thread, and that one
 * puts the C hook in its own place. Threads that are not the threading module's are not seen. What the user
 * had installed is put back, and what the user installs meanwhile is left. */
#include "tracer/python/python.h"

#if !TRACER_USES_MONITORING

#include <frameobject.h>

#include "tracer/python/hooks.h"

static struct {
    Py_tracefunc function; /* what the master had before start() */
    PyObject *argument;
    uint64_t master_state; /* 1 + the number of the master's thread state; 0: nothing is saved */
    PyObject *thread_hook; /* what we gave to threading */
    PyObject *user_thread_hook;
} saved;

/* What becomes of a function that is written in C. */
static int on_c_event(int what, PyObject *function)
{
    struct thread *thread = recording.c_functions && function ? threads_find() : NULL;
    if (!thread)
        return 0;
    if (what == PyTrace_C_CALL)
        recording_enter_c(thread, function);
    else if (what == PyTrace_C_RETURN || what == PyTrace_C_EXCEPTION)
        recording_leave(thread, function);
    return 0;
}

static int on_event(PyObject *unused, PyFrameObject *frame, int what, PyObject *argument)
{
    (void)unused;
    if (what != PyTrace_CALL && what != PyTrace_RETURN)
        return on_c_event(what, argument);
    struct thread *thread = threads_find();
    if (!thread) {
        /* The measurement ended, or this is a forked child. hooks_remove has mostly been here already. */
        if (recording.forked) {
            hooks_remove();
            recording_abandon();
        } else {
            PyEval_SetProfile(NULL, NULL);
        }
        return 0;
    }
    if (what == PyTrace_RETURN) {
        recording_leave(thread, frame);
        return 0;
    }
    PyCodeObject *code = PyFrame_GetCode(frame);
    recording_enter(thread, frame, (PyObject *)code);
    Py_DECREF(code);
    return 0;
}

/* self is the number of the measurement: a thread may begin in one and run its first function in the next. */
static PyObject *on_thread_start(PyObject *self, PyObject *arguments)
{
    PyObject *frame;
    const char *event;
    PyObject *ignored;
    if (!PyArg_ParseTuple(arguments, "OsO", &frame, &event, &ignored))
        return NULL;
    bool wanted = recording_is_active() && PyLong_AsUnsignedLongLong(self) == recording.number &&
                  recording.recorder.on && recording.recorder.registered;
    struct thread *thread = wanted ? threads_adopt(&recording.recorder, false) : NULL;
    PyEval_SetProfile(thread ? on_event : NULL, NULL);
    if (thread && strcmp(event, "call") == 0 && PyFrame_Check(frame))
        (void)on_event(NULL, (PyFrameObject *)frame, PyTrace_CALL, NULL);
    Py_RETURN_NONE;
}

static PyMethodDef thread_start_method = {"_scorepkernel_thread_start", on_thread_start, METH_VARARGS, NULL};

/* The hook for new threads as the threading module has it; a new reference, None if there is none. */
static PyObject *get_thread_hook(PyObject *threading)
{
    PyObject *hook = PyObject_GetAttrString(threading, "_profile_hook"); /* getprofile() is 3.10's */
    if (!hook) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return hook;
}

static int set_thread_hook(PyObject *threading, PyObject *hook)
{
    PyObject *result = PyObject_CallMethod(threading, "setprofile", "O", hook);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int install_thread_hook(void)
{
    PyObject *threading = PyImport_ImportModule("threading");
    PyObject *number = threading ? PyLong_FromUnsignedLongLong(recording.number) : NULL;
    PyObject *hook = number ? PyCFunction_New(&thread_start_method, number) : NULL;
    PyObject *before = hook ? get_thread_hook(threading) : NULL;
    int result = before ? set_thread_hook(threading, hook) : -1;
    if (result == 0) {
        saved.thread_hook = Py_NewRef(hook);
        saved.user_thread_hook = Py_NewRef(before);
    }
    Py_XDECREF(before);
    Py_XDECREF(hook);
    Py_XDECREF(number);
    Py_XDECREF(threading);
    return result;
}

/* Whether somebody else's hook was in the place of ours. */
static bool remove_thread_hook(void)
{
    if (!saved.thread_hook)
        return false;
    PyObject *threading = PyImport_ImportModule("threading");
    PyObject *now = threading ? get_thread_hook(threading) : NULL;
    if (now == saved.thread_hook)
        (void)set_thread_hook(threading, saved.user_thread_hook);
    PyErr_Clear(); /* a threading module that somebody broke: new threads then unhook themselves */
    bool replaced = now && now != saved.thread_hook && now != saved.user_thread_hook;
    Py_XDECREF(now);
    Py_XDECREF(threading);
    Py_CLEAR(saved.thread_hook);
    Py_CLEAR(saved.user_thread_hook);
    return replaced;
}

/* False: an audit hook of the user's forbids it; the hook then finds no measurement, and does nothing. */
static bool put_back(PyThreadState *state)
{
    bool ours = state->c_profilefunc == on_event;
    if (saved.master_state != 1 + PyThreadState_GetID(state))
        return !ours || _PyEval_SetProfile(state, NULL, NULL) == 0;
    PyObject *argument = saved.argument;
    saved.argument = NULL;
    saved.master_state = 0;
    int result = ours ? _PyEval_SetProfile(state, saved.function, argument) : 0;
    Py_XDECREF(argument);
    return result == 0;
}

/* What the master had before is put back when the recording stops. */
static void save(PyThreadState *state)
{
    saved.function = state->c_profilefunc;
    saved.argument = Py_XNewRef(state->c_profileobj);
    saved.master_state = 1 + PyThreadState_GetID(state);
}

/* What the master had before is put back when the recording stops; another hook is the user's, who has put it
 * in meanwhile. */
static bool may_replace(const struct thread *thread, const PyThreadState *state)
{
    return !state->c_profilefunc || (thread && thread->is_master && saved.master_state == 0);
}

int hooks_start(void)
{
    const struct thread *thread = threads_find();
    PyThreadState *state = PyThreadState_Get();
    if (!saved.thread_hook && install_thread_hook() != 0)
        return -1;
    if (state->c_profilefunc == on_event)
        return 0;
    if (!may_replace(thread, state)) {
        recording.replaced = true;
        return 0;
    }
    if (thread && thread->is_master && saved.master_state == 0)
        save(state);
    if (_PyEval_SetProfile(state, on_event, NULL) == 0)
        return 0;
    PyObject *type, *value, *traceback; /* an audit hook of the user's forbids it */
    PyErr_Fetch(&type, &value, &traceback);
    (void)hooks_stop();
    PyErr_Restore(type, value, traceback);
    return -1;
}

int hooks_refresh(bool *replaced)
{
    PyThreadState *state = PyThreadState_Get();
    *replaced = saved.master_state != 0 && state->c_profilefunc != on_event;
    if (!*replaced || state->c_profilefunc)
        return 0; /* what the user has turned on stays on */
    return _PyEval_SetProfile(state, on_event, NULL);
}

static PyThreadState *first_hooked(void)
{
    PyThreadState *state = PyInterpreterState_ThreadHead(PyThreadState_GetInterpreter(PyThreadState_Get()));
    while (state && state->c_profilefunc != on_event)
        state = PyThreadState_Next(state);
    return state;
}

bool hooks_stop(void)
{
    PyThreadState *state = PyThreadState_Get();
    bool replaced = saved.master_state == 1 + PyThreadState_GetID(state) && state->c_profilefunc != on_event;
    replaced |= remove_thread_hook();
    if (!put_back(state))
        PyErr_Clear();
    return replaced;
}

void hooks_remove(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    (void)remove_thread_hook();
    /* The other threads wait for the GIL, which we hold: their states stand still. But putting back may
     * release an object of the user's and so run anything: each search begins anew. */
    PyThreadState *state = first_hooked();
    while (state && put_back(state))
        state = first_hooked();
    Py_CLEAR(saved.argument); /* the master is gone, or has a newer profile function */
    saved.master_state = 0;
    PyErr_Restore(type, value, traceback);
}

#else
/* ISO C wants something in every file. */
extern int tracer_uses_monitoring;
#endif
