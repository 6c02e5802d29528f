/* SPDX-License-Identifier: BSD-3-Clause
 *
 * feed.h - the recorder's events on their way into Score-P.
 *
 * Score-P knows by itself which thread calls, takes the time, and makes a location for each thread that it
 * meets. So an event can only be fed by the thread that it is of; what is open in other threads at the end,
 * Score-P leaves.
 */
#ifndef SCOREP_FEED_H
#define SCOREP_FEED_H

#include "base/fault.h"
#include "scorep/engine.h"
#include "tracer/record/sink.h"

struct feed;

/** Begin a measurement of Score-P's (engine.h), with its experiment in that directory, which it makes.
 * takes_time: whether Score-P's profile will tell the times; else the recorder is to keep them. NULL: *fault
 * says why. */
struct feed *feed_create(const struct engine_setting *settings, size_t count, bool takes_time,
                         struct fault *fault);

struct sink *feed_sink(struct feed *feed);

/** The location of the thread that created it. */
struct location *feed_master(struct feed *feed);

/** End the measurement, and free the feed. *fault: what went wrong, untouched if nothing did. */
void feed_close(struct feed *feed, struct fault *fault);

/** Free it in a forked child, where the measurement is the parent's. */
void feed_abandon(struct feed *feed);

#endif
