/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measurement: see measurement.h. */
#include "tracer/python/measurement.h"

#include <errno.h>
#include <stdlib.h>

#include "scorep/engine.h"
#include "tracer/python/hooks.h"
#include "tracer/python/result.h"
#include "tracer/python/running_functions.h"
#include "tracer/record/clock.h"

static uint64_t measurements_begun;
/* What measurement_finalize found, until measurement_end asks for it. */
static PyObject *kept_result;

static int raise_errno(int code, const char *path)
{
    errno = code;
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    return -1;
}

static int refuse_to_begin(void)
{
    if (recording.number != 0 && recording.forked) {
        hooks_remove();
        recording_abandon();
    }
    if (recording.number != 0) {
        PyErr_SetString(PyExc_RuntimeError, "a measurement is active already: end() it first");
        return -1;
    }
    int code = recording_watch_forks();
    return code ? raise_errno(code, "pthread_atfork") : 0;
}

static int open_sink(struct recording *new, const struct measurement_options *options, struct fault *fault)
{
    if (options->settings)
        new->scorep_sink =
            scorep_sink_create(options->settings, options->setting_count, options->profiled, fault);
    else if (options->traceless)
        new->traceless = traceless_sink_create();
    else
        new->archive = archive_create(options->directory, options->memory_limit, fault);
    return new->scorep_sink || new->archive || new->traceless ? 0 : -1;
}

static struct sink *sink_of(const struct recording *new)
{
    if (new->scorep_sink)
        return scorep_sink_base(new->scorep_sink);
    return new->traceless ? traceless_sink_base(new->traceless) : archive_sink(new->archive);
}

static struct location *master_of(const struct recording *active)
{
    if (active->scorep_sink)
        return scorep_sink_master(active->scorep_sink);
    return active->traceless ? traceless_sink_master(active->traceless) : archive_master(active->archive);
}

static int begin(struct recording *new, const struct measurement_options *options)
{
    struct fault fault = {0};
    clock_set();
    new->begin_ns = clock_now_ns();
    new->begin_realtime_ns = clock_read_ns(CLOCK_REALTIME);
    if (!new->process || open_sink(new, options, &fault) != 0)
        return raise_errno(fault.code ? fault.code : ENOMEM, options->directory);
    recorder_init(&new->recorder, sink_of(new));
    return 0;
}

int measurement_begin(struct measurement_options *options)
{
    struct recording new = {.scope = options->scope,
                            .filter = options->filter,
                            .process = strdup(options->process),
                            .instrument = options->instrument,
                            .c_functions = options->c_functions,
                            .series = options->series};
    scope_init(&options->scope);
    options->filter = (struct filter){0};
    Py_CLEAR(kept_result);
    if (refuse_to_begin() != 0 || begin(&new, options) != 0) {
        recording_release(&new);
        return -1;
    }
    recording = new;
    recording.recorder.filter = recording.filter.count ? &recording.filter : NULL;
    recording.number = ++measurements_begun;
    return 0;
}

static bool is_recording(void)
{
    return recording_is_active() && recording.recorder.on && !recording.ending;
}

/* Puts the hooks in. Python tells the user's audit hooks, and one of them may end the measurement. */
static int put_hooks(void)
{
    if (hooks_start() != 0)
        return -1;
    if (!recording_is_active() || recording.over)
        hooks_remove();
    else
        recording.hooked = true;
    return 0;
}

/* The first start of this measurement: what the user left switched off in another one does not count. */
static void begin_recording(struct thread *thread)
{
    recording.first_start_ns = clock_now_ns();
    thread->suspended = !recording.instrument;
    thread->cell_counts = recording.instrument;
    recording.recorder.registered = recording.instrument;
}

/* The thread that starts the recording, with its location; NULL with an exception. */
static struct thread *find_master(void)
{
    struct thread *thread = threads_find();
    if (threads_master() && !(thread && thread->is_master)) {
        PyErr_SetString(PyExc_RuntimeError, "start() belongs to the thread that called it first");
        return NULL;
    }
    if (!thread && !(thread = threads_adopt(&recording.recorder, true))) {
        PyErr_NoMemory();
        return NULL;
    }
    if (!thread->location) /* the first one was made for the master thread */
        thread->location = master_of(&recording);
    return thread;
}

int measurement_start(void)
{
    if (kept_result || (recording_is_active() && recording.over))
        return 0; /* the user's code has ended the measurement */
    if (!recording_is_active()) {
        PyErr_SetString(PyExc_RuntimeError, "no measurement is active: begin() one first");
        return -1;
    }
    struct thread *thread = find_master();
    if (!thread)
        return -1;
    if (recording.recorder.on)
        return 0;
    if (threads_note_bystanders() != 0)
        return -1;
    if (recording.first_start_ns == 0)
        begin_recording(thread);
    /* Without hooks, which cost something at each call, nobody says when the cell's own code begins. */
    bool hooked = recording.instrument || recording.hooked;
    thread->door = hooked ? DOOR_LOCKED : DOOR_OPEN;
    if (hooked && put_hooks() != 0)
        return -1;
    if (!recording_is_active() || recording.over)
        return 0;
    recording.recorder.on = true;
    if (!thread->cell_counts) /* else it is the region of the cell that they lie in */
        recorder_carry_on(&recording.recorder, thread);
    return 0;
}

int measurement_stop(void)
{
    if (!recording_is_active() || !recording.recorder.on)
        return 0;
    struct thread *thread = threads_find();
    if (!thread || !thread->is_master) {
        PyErr_SetString(PyExc_RuntimeError, "stop() belongs to the thread that called start()");
        return -1;
    }
    recording.recorder.on = false;
    recording.last_stop_ns = clock_now_ns();
    recorder_unwind(&recording.recorder, thread);
    thread->door = DOOR_LOCKED;
    thread->awaits = false;
    if (recording.hooked)
        recording.replaced |= hooks_stop();
    return 0;
}

/* --- what the user's code asks for -----------------------------------------------------------------------
 */

struct thread *measurement_join(void)
{
    struct thread *thread = recording_is_active() ? threads_find() : NULL;
    if (thread || !recording_is_active() || !recording.recorder.on)
        return thread;
    thread = threads_adopt(&recording.recorder, false);
    if (thread)
        thread->suspended = true;
    return thread;
}

int measurement_resume(struct thread *thread)
{
    if (!is_recording())
        return 0;
    bool unseen = thread->is_master && !recording.hooked;
    if (put_hooks() != 0)
        return -1;
    if (!is_recording() || threads_find() != thread)
        return 0;
    if (unseen)
        running_functions_seed(thread, &recording.codes, &recording.scope);
    thread->suspended = false;
    recording.recorder.registered = true;
    return 0;
}

void measurement_suspend(struct thread *thread)
{
    thread->suspended = true;
    recording.recorder.registered = false;
}

void measurement_take_time(void)
{
    struct sink *sink = recording_is_active() ? recording.recorder.sink : NULL;
    if (!sink || !sink->takes_time)
        return;
    /* Whatever was left already has been counted, and took a time that nobody knows. */
    uint64_t open = threads_begin_at(clock_now_ns());
    recording.untimed = recording.recorder.events > open;
    sink->takes_time = false;
}

int measurement_refresh(void)
{
    if (!recording_is_active() || !recording.recorder.on || !recording.hooked)
        return 0;
    struct thread *thread = threads_find();
    bool replaced = false;
    int result = thread && thread->is_master ? hooks_refresh(&replaced) : 0;
    recording.replaced |= replaced;
    return result;
}

uint32_t measurement_region_of(PyObject *function)
{
    PyObject *code = PyObject_GetAttrString(function, "__code__");
    struct code *known = code ? codes_find(&recording.codes, &recording.scope, code) : NULL;
    PyErr_Clear();
    uint32_t region = REGION_NONE;
    if (known && known->kind != KIND_OWN && known->kind != KIND_THROUGH && known->kind != KIND_ROOT) {
        if (!known->resolved)
            codes_resolve_function(known, &recording.recorder, function);
        region = known->region;
    }
    Py_XDECREF(code);
    return region;
}

static void close_archive(struct recording *over, struct result *result)
{
    static struct series_point points[SERIES_MAX];
    struct recorder *recorder = &over->recorder;
    struct measured measured = {
        .regions = &recorder->regions,
        .process = over->process,
        .begin_ns = over->begin_ns,
        .end_ns = clock_now_ns(),
        .begin_realtime_ns = over->begin_realtime_ns,
        .points = points,
        .point_count = over->series ? series_read(over->series, points) : 0,
    };
    result->flushes = archive_flush_count(over->archive);
    archive_close(over->archive, &measured, &result->fault);
}

static PyObject *close_and_report(struct recording *over)
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
        .event_ns = cost_of_event(&over->cost),
        .timed = !over->untimed && !recorder->sink->takes_time,
    };
    if (over->scorep_sink) {
        scorep_sink_close(over->scorep_sink, &result.fault);
        result.unwritten = engine_is_unwritten();
    } else if (over->archive) {
        close_archive(over, &result);
    }
    PyObject *dictionary = result_make(&result, &recorder->regions, &recorder->summary);
    recording_release(over);
    return dictionary;
}

static void stop_everything(void)
{
    if (recording.recorder.on)
        recording.last_stop_ns = clock_now_ns();
    recording.recorder.on = false;
    hooks_remove();
    threads_release_all(&recording.recorder);
}

/* Ends the measurement, which is active. */
static PyObject *end_active(void)
{
    recording.ending = true;
    stop_everything();
    struct recording over = recording_detach();
    return close_and_report(&over);
}

bool measurement_has_result(void)
{
    return recording_is_active() || kept_result;
}

int measurement_finalize(void)
{
    if (!recording_is_active() || recording.over || recording.ending)
        return 0;
    const struct thread *thread = threads_find();
    if (thread && thread->is_master && !(recording.scorep_sink && engine_is_rank())) {
        kept_result = end_active();
        return kept_result ? 0 : -1;
    }
    /* The events are written at the cell's end by the thread that began the measurement, and by all ranks
     * together. */
    recording.over = true;
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
    if (!recording_is_active() || recording.ending) {
        PyErr_SetString(PyExc_RuntimeError, "no measurement is active");
        return NULL;
    }
    return end_active();
}
