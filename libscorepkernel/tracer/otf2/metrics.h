/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metrics: what the process used in the course of the measurement, in an archive: a location of its own,
 * whose events are values of metrics. Only OTF2, no Python. Nothing here returns an error: see otf2_errors.h.
 */
#ifndef TRACER_OTF2_METRICS_H
#define TRACER_OTF2_METRICS_H

#include <otf2/otf2.h>

#include "tracer/otf2/definitions.h"
#include "tracer/record/series.h"

/* Write the points that lie between two times. The number of events that were written: 0, and no location is
 * needed, if there are none. */
uint64_t metrics_write_events(OTF2_Archive *archive, OTF2_LocationRef location,
                              const struct series_point *points, uint32_t count, uint64_t begin_ns,
                              uint64_t end_ns);

/* The location and what its values mean; the process is group 0. */
void metrics_write_definitions(struct definitions *definitions, OTF2_LocationRef location, uint64_t events);

#endif
