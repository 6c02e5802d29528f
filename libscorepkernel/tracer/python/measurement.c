/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measurement: see measurement.h. */
#include "tracer/python/measurement.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "scorep/engine.h"
#include "tracer/python/hooks.h"
#include "tracer/python/result.h"
#include "tracer/python/running_functions.h"
#include "tracer/record/clock.h"

struct measurement measurement;
static uint64_t measurements_begun;
/* What measurement_finalize found, until measurement_end asks for it. */
static PyObject *kept_result;

/* What Score-P's files hold would otherwise be written by the child, too, when it ends. */
static void before_fork(void)
{
    if (measurement.number != 0 && measurement.scorep_sink)
        engine_flush();
}

/* Between fork and whatever the child does next, only what is async-signal-safe. Only the forking thread
 * exists in the child, so that clearing its own state stops all recording. */
static void in_forked_child(void)
{
    if (measurement.number == 0)
        return;
    measurement.forked = true;
    measurement.recorder.on = false;
    threads_cut_off();
    if (measurement.scorep_sink)
        engine_forget();
}

static int raise_errno(int code, const char *path)
{
    errno = code;
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return -1;
}

static int refuse_to_begin(void)
{
    static bool watching_forks;
    if (measurement.number != 0 && measurement.forked)
        measurement_abandon();
    if (measurement.number != 0) {
        PyErr_SetString(PyExc_RuntimeError, "a measurement is active already: end() it first");
        return -1;
    }
    if (!watching_forks) {
        int code = pthread_atfork(before_fork, NULL, in_forked_child);
        if (code != 0)
            return raise_errno(code, "pthread_atfork");
        watching_forks = true;
    }
    return 0;
}

/* Takes the measurement out of everybody's reach: what follows may run Python code, and that may begin
 * another one. */
static struct measurement detach(void)
{
    struct measurement detached = measurement;
    measurement = (struct measurement){0};
    return detached;
}

/* All but the archive or scorep_sink. */
static void release(struct measurement *over)
{
    recorder_finish(&over->recorder);
    scope_finish(&over->scope);
    free(over->process);
    codes_finish(&over->codes);
}

static int open_sink(struct measurement *new, const struct measurement_options *options, struct fault *fault)
{
    if (options->settings)
        new->scorep_sink =
            scorep_sink_create(options->settings, options->setting_count, options->profiled, fault);
    else
        new->archive = archive_create(options->directory, options->memory_limit, fault);
    return new->scorep_sink || new->archive ? 0 : -1;
}

static int begin(struct measurement *new, const struct measurement_options *options)
{
    struct fault fault = {0};
    new->begin_ns = clock_now_ns();
    new->begin_realtime_ns = clock_read_ns(CLOCK_REALTIME);
    if (!new->process || open_sink(new, options, &fault) != 0)
        return raise_errno(fault.code ? fault.code : ENOMEM, options->directory);
    recorder_init(&new->recorder,
                  new->scorep_sink ? scorep_sink_base(new->scorep_sink) : archive_sink(new->archive));
    return 0;
}

int measurement_begin(struct measurement_options *options)
{
    struct measurement new = {
        .scope = options->scope, .process = strdup(options->process), .instrument = options->instrument};
    scope_init(&options->scope);
    Py_CLEAR(kept_result);
    if (refuse_to_begin() != 0 || begin(&new, options) != 0) {
        release(&new);
        return -1;
    }
    measurement = new;
    measurement.number = ++measurements_begun;
    return 0;
}

static bool is_recording(void)
{
    return measurement_is_active() && measurement.recorder.on && !measurement.ending;
}

/* An audit hook of the user's is told of it, and may end the measurement. */
static int put_hooks(void)
{
    if (hooks_start() != 0)
        return -1;
    if (!measurement_is_active() || measurement.over)
        hooks_remove();
    else
        measurement.hooked = true;
    return 0;
}

/* The first start of this measurement: what the user left switched off in another one does not count. */
static void begin_recording(struct thread *thread)
{
    measurement.first_start_ns = clock_now_ns();
    thread->suspended = !measurement.instrument;
    thread->cell_counts = measurement.instrument;
    measurement.recorder.registered = measurement.instrument;
}

/* The thread that starts the recording, with its location; NULL with an exception. */
static struct thread *find_master(void)
{
    struct thread *thread = threads_find();
    if (threads_master() && !(thread && thread->is_master)) {
        PyErr_SetString(PyExc_RuntimeError, "start() belongs to the thread that called it first");
        return NULL;
    }
    if (!thread && !(thread = threads_adopt(&measurement.recorder, true))) {
        PyErr_NoMemory();
        return NULL;
    }
    if (!thread->location) /* the first one was made for the master thread */
        thread->location = measurement.scorep_sink ? scorep_sink_master(measurement.scorep_sink)
                                                   : archive_master(measurement.archive);
    return thread;
}

int measurement_start(void)
{
    if (kept_result || (measurement_is_active() && measurement.over))
        return 0; /* the user's code has ended the measurement */
    if (!measurement_is_active()) {
        PyErr_SetString(PyExc_RuntimeError, "no measurement is active: begin() one first");
        return -1;
    }
    struct thread *thread = find_master();
    if (!thread)
        return -1;
    if (measurement.recorder.on)
        return 0;
    if (threads_note_bystanders() != 0)
        return -1;
    if (measurement.first_start_ns == 0)
        begin_recording(thread);
    /* Without hooks, which cost something at each call, nobody says when the cell's own code begins. */
    bool hooked = measurement.instrument || measurement.hooked;
    thread->door = hooked ? DOOR_LOCKED : DOOR_OPEN;
    if (hooked && put_hooks() != 0)
        return -1;
    if (!measurement_is_active() || measurement.over)
        return 0;
    measurement.recorder.on = true;
    if (!thread->cell_counts) /* else it is the region of the cell that they lie in */
        recorder_carry_on(&measurement.recorder, thread);
    return 0;
}

int measurement_stop(void)
{
    if (!measurement_is_active() || !measurement.recorder.on)
        return 0;
    struct thread *thread = threads_find();
    if (!thread || !thread->is_master) {
        PyErr_SetString(PyExc_RuntimeError, "stop() belongs to the thread that called start()");
        return -1;
    }
    measurement.recorder.on = false;
    measurement.last_stop_ns = clock_now_ns();
    recorder_unwind(&measurement.recorder, thread);
    thread->door = DOOR_LOCKED;
    thread->awaits = false;
    if (measurement.hooked)
        measurement.replaced |= hooks_stop();
    return 0;
}

/* --- what the user's code asks for -----------------------------------------------------------------------
 */

struct thread *measurement_join(void)
{
    struct thread *thread = measurement_is_active() ? threads_find() : NULL;
    if (thread || !measurement_is_active() || !measurement.recorder.on)
        return thread;
    thread = threads_adopt(&measurement.recorder, false);
    if (thread)
        thread->suspended = true;
    return thread;
}

int measurement_resume(struct thread *thread)
{
    if (!is_recording())
        return 0;
    bool unseen = thread->is_master && !measurement.hooked;
    if (put_hooks() != 0)
        return -1;
    if (!is_recording() || threads_find() != thread)
        return 0;
    if (unseen)
        running_functions_seed(thread, &measurement.codes, &measurement.scope);
    thread->suspended = false;
    measurement.recorder.registered = true;
    return 0;
}

void measurement_suspend(struct thread *thread)
{
    thread->suspended = true;
    measurement.recorder.registered = false;
}

void measurement_take_time(void)
{
    struct sink *sink = measurement_is_active() ? measurement.recorder.sink : NULL;
    if (!sink || !sink->takes_time)
        return;
    /* Whatever was left already has been counted, and took a time that nobody knows. */
    uint64_t open = threads_begin_at(clock_now_ns());
    measurement.untimed = measurement.recorder.events > open;
    sink->takes_time = false;
}

int measurement_refresh(void)
{
    if (!measurement_is_active() || !measurement.recorder.on || !measurement.hooked)
        return 0;
    struct thread *thread = threads_find();
    bool replaced = false;
    int result = thread && thread->is_master ? hooks_refresh(&replaced) : 0;
    measurement.replaced |= replaced;
    return result;
}

uint32_t measurement_region_of(PyObject *function)
{
    PyObject *code = PyObject_GetAttrString(function, "__code__");
    struct code *known = code ? codes_find(&measurement.codes, &measurement.scope, code) : NULL;
    PyErr_Clear();
    uint32_t region = REGION_NONE;
    if (known && known->kind != KIND_OWN && known->kind != KIND_THROUGH && known->kind != KIND_ROOT) {
        if (!known->resolved)
            codes_resolve_function(known, &measurement.recorder, function);
        region = known->region;
    }
    Py_XDECREF(code);
    return region;
}

static void close_archive(struct measurement *over, struct result *result)
{
    struct recorder *recorder = &over->recorder;
    struct measured measured = {
        .regions = &recorder->regions,
        .process = over->process,
        .begin_ns = over->begin_ns,
        .end_ns = clock_now_ns(),
        .begin_realtime_ns = over->begin_realtime_ns,
    };
    result->flushes = archive_flush_count(over->archive);
    archive_close(over->archive, &measured, &result->fault);
}

static PyObject *close_and_report(struct measurement *over)
{
    struct recorder *recorder = &over->recorder;
    struct result result = {
        .events = recorder->events,
        .lost = recorder->lost,
        .locations = recorder->sink->location_count,
        .recorded_ns = over->last_stop_ns - over->first_start_ns,
        .rewinds_refused = recorder->rewinds_refused,
        .replaced = over->replaced,
        .parameters = recorder->parameters,
        .timed = !over->untimed && !recorder->sink->takes_time,
    };
    if (over->scorep_sink)
        scorep_sink_close(over->scorep_sink, &result.fault);
    else
        close_archive(over, &result);
    PyObject *dictionary = result_make(&result, &recorder->regions, &recorder->summary);
    release(over);
    return dictionary;
}

static void stop_everything(void)
{
    if (measurement.recorder.on)
        measurement.last_stop_ns = clock_now_ns();
    measurement.recorder.on = false;
    hooks_remove();
    threads_release_all(&measurement.recorder);
}

/* The measurement, which is active, is over. */
static PyObject *end_active(void)
{
    measurement.ending = true;
    stop_everything();
    struct measurement over = detach();
    return close_and_report(&over);
}

bool measurement_has_result(void)
{
    return measurement_is_active() || kept_result;
}

int measurement_finalize(void)
{
    if (!measurement_is_active() || measurement.over || measurement.ending)
        return 0;
    const struct thread *thread = threads_find();
    if (thread && thread->is_master && !(measurement.scorep_sink && engine_is_rank())) {
        kept_result = end_active();
        return kept_result ? 0 : -1;
    }
    /* What there is is written at the cell's end, by the thread that is to write it; by ranks together. */
    measurement.over = true;
    stop_everything();
    return 0;
}

PyObject *measurement_end(void)
{
    if (kept_result) {
        PyObject *result = kept_result;
        kept_result = NULL;
        return result;
    }
    if (!measurement_is_active() || measurement.ending) {
        PyErr_SetString(PyExc_RuntimeError, "no measurement is active");
        return NULL;
    }
    return end_active();
}

void measurement_abandon(void)
{
    hooks_remove();
    threads_abandon();
    struct measurement over = detach();
    if (over.scorep_sink)
        scorep_sink_abandon(over.scorep_sink);
    else
        archive_abandon(over.archive);
    release(&over);
}

void measurement_enter(struct thread *thread, const void *key, PyObject *code)
{
    struct recorder *recorder = &measurement.recorder;
    struct code *known = codes_find(&measurement.codes, &measurement.scope, code);
    if (!known)
        return; /* no memory: its leave will be ignored */
    struct visit visit = {
        .kind = (enum kind)known->kind, .coroutine = known->coroutine, .region = known->region};
    bool named = visit.kind != KIND_ROOT || !recorder_is_in_cell(thread); /* else it is the cell's */
    if (!known->resolved && named && recorder_wants(recorder, thread, visit.kind)) {
        codes_resolve(known, &measurement.scope, recorder);
        visit.region = known->region;
    }
    recorder_enter(recorder, thread, key, visit);
}
