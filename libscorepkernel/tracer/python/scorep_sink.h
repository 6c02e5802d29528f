/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scorep_sink.h - the recorder's events on their way into Score-P.
 *
 * Score-P knows by itself which thread calls, takes the time, and makes a location for each thread that it
 * meets. So an event can only be fed by the thread that it is of; what is open in other threads at the end,
 * Score-P leaves.
 */
#ifndef TRACER_PYTHON_SCOREP_SINK_H
#define TRACER_PYTHON_SCOREP_SINK_H

#include "base/fault.h"
#include "scorep/engine.h"
#include "tracer/record/sink.h"

struct scorep_sink;

/** Begin a measurement of Score-P's (engine.h), with its experiment in that directory, which it makes.
 * takes_time: whether Score-P's profile will tell the times; else the recorder is to keep them. NULL: *fault
 * says why. */
struct scorep_sink *scorep_sink_create(const struct engine_setting *settings, size_t count, bool takes_time,
                                       struct fault *fault);

struct sink *scorep_sink_base(struct scorep_sink *scorep_sink);

/** The location of the thread that created it. */
struct location *scorep_sink_master(struct scorep_sink *scorep_sink);

/** End the measurement, and free the scorep_sink. *fault: what went wrong, untouched if nothing did. */
void scorep_sink_close(struct scorep_sink *scorep_sink, struct fault *fault);

/** Free it in a forked child, where the measurement is the parent's. */
void scorep_sink_abandon(struct scorep_sink *scorep_sink);

#endif
