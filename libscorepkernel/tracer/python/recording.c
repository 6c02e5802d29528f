/* SPDX-License-Identifier: BSD-3-Clause
 *
 * recording: see recording.h. */
#include "tracer/python/recording.h"

#include <pthread.h>
#include <stdlib.h>

#include "scorep/engine.h"
#include "tracer/python/c_functions.h"

struct recording recording;
void (*recording_on_coroutine)(void);

/* Writes out Score-P's files: the child would write what they hold a second time, when it ends. */
static void before_fork(void)
{
    if (recording.number != 0 && recording.scorep_sink)
        engine_flush();
}

/* Between fork and whatever the child does next, only what is async-signal-safe. Only the forking thread
 * exists in the child, so that clearing its own state stops all recording. */
static void in_forked_child(void)
{
    if (recording.number == 0)
        return;
    recording.forked = true;
    recording.recorder.on = false;
    threads_cut_off();
    if (recording.scorep_sink)
        engine_forget();
}

int recording_watch_forks(void)
{
    static bool watching;
    int code = watching ? 0 : pthread_atfork(before_fork, NULL, in_forked_child);
    watching = code == 0;
    return code;
}

struct recording recording_detach(void)
{
    struct recording detached = recording;
    recording = (struct recording){0};
    return detached;
}

void recording_release(struct recording *over)
{
    recorder_finish(&over->recorder);
    scope_finish(&over->scope);
    filter_finish(&over->filter);
    traceless_sink_destroy(over->traceless);
    free(over->process);
    codes_finish(&over->codes);
}

void recording_abandon(void)
{
    threads_abandon();
    struct recording over = recording_detach();
    if (over.scorep_sink)
        scorep_sink_abandon(over.scorep_sink);
    else if (over.archive)
        archive_abandon(over.archive);
    recording_release(&over);
}

bool recording_is_filtered(PyObject *code)
{
    if (recording.filter.count == 0)
        return false;
    const struct code *known = codes_find(&recording.codes, &recording.scope, code);
    return known && known->resolved && known->kind == KIND_THROUGH;
}

void recording_enter(struct thread *thread, const void *key, PyObject *code)
{
    struct recorder *recorder = &recording.recorder;
    uint64_t begin_ns = cost_begin(&recording.cost), events = recorder->events;
    struct code *known = codes_find(&recording.codes, &recording.scope, code);
    if (!known)
        return; /* no memory: its leave will be ignored */
    struct visit visit = {
        .kind = (enum kind)known->kind, .coroutine = known->coroutine, .region = known->region};
    bool named = visit.kind != KIND_ROOT || !recorder_is_in_cell(thread); /* else it is the cell's */
    if (!known->resolved && named && recorder_wants(recorder, thread, visit.kind)) {
        codes_resolve(known, &recording.scope, recorder);
        visit.region = known->region;
        visit.kind = (enum kind)known->kind; /* the filter may have changed it */
    }
    if (visit.kind == KIND_ROOT && visit.coroutine && thread->is_master && recording_on_coroutine)
        recording_on_coroutine();
    recorder_enter(recorder, thread, key, visit);
    if (begin_ns)
        cost_end(&recording.cost, begin_ns, recorder->events - events);
}

/* Whether the code that calls is a wrapper of the kernel's, whose calls are not the user's. */
static bool is_called_by_wrapper(void)
{
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    PyObject *code = frame ? (PyObject *)PyFrame_GetCode(frame) : NULL;
    const struct code *known = code ? codes_find(&recording.codes, &recording.scope, code) : NULL;
    bool is_wrapper = known && (known->kind == KIND_OWN || (known->kind == KIND_THROUGH && !known->resolved));
    Py_XDECREF(code);
    return is_wrapper;
}

void recording_enter_c(struct thread *thread, PyObject *callable)
{
    struct recorder *recorder = &recording.recorder;
    if (!recorder_wants(recorder, thread, KIND_LIBRARY) || !c_functions_is_one(callable) ||
        is_called_by_wrapper())
        return;
    uint64_t begin_ns = cost_begin(&recording.cost), events = recorder->events;
    struct visit visit = {.kind = KIND_LIBRARY, .region = c_functions_region(callable, recorder)};
    if (visit.region == REGION_NONE)
        return; /* its leave will be ignored */
    recorder_enter(recorder, thread, callable, visit);
    if (begin_ns)
        cost_end(&recording.cost, begin_ns, recorder->events - events);
}
