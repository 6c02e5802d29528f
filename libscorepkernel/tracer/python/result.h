/* SPDX-License-Identifier: BSD-3-Clause
 *
 * result: what a measurement says of itself at its end, as a Python dictionary. */
#ifndef TRACER_PYTHON_RESULT_H
#define TRACER_PYTHON_RESULT_H

#include "base/fault.h"
#include "tracer/python/python.h"
#include "tracer/record/regions.h"
#include "tracer/record/summary.h"

struct result {
    uint64_t events;
    uint64_t locations;
    uint64_t recorded_ns; /* from the first start to the last stop */
    uint64_t flushes;
    uint64_t lost;
    uint64_t rewinds_refused;
    uint64_t parameters;
    uint32_t event_ns; /* what recording one took; 0: it is not known */
    bool timed;        /* the regions' times are all there */
    bool unwritten;    /* something of Score-P's experiment is missing */
    bool replaced;     /* another profiler's hook took the place of ours for a time */
    struct fault fault;
};

/* A new reference, NULL with an exception. Regions without visits are left out. */
PyObject *result_make(const struct result *result, const struct regions *regions,
                      const struct summary *summary);

#endif
