/* SPDX-License-Identifier: BSD-3-Clause
 *
 * traceless_sink: where events go of which nothing is kept: the recorder's summary is all that is wanted. Its
 * memory does not grow with the number of events. */
#ifndef TRACER_RECORD_TRACELESS_SINK_H
#define TRACER_RECORD_TRACELESS_SINK_H

#include "tracer/record/sink.h"

struct traceless_sink;

/* NULL: no memory. */
struct traceless_sink *traceless_sink_create(void);
void traceless_sink_destroy(struct traceless_sink *sink);

struct sink *traceless_sink_base(struct traceless_sink *sink);
/* The location of the thread that measures. */
struct location *traceless_sink_master(struct traceless_sink *sink);

#endif
