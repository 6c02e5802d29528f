/* SPDX-License-Identifier: BSD-3-Clause
 *
 * metrics: see metrics.h. */
#include "tracer/otf2/metrics.h"

enum { METRIC_PROCESSOR_TIME, METRIC_RESIDENT_MEMORY, METRICS };

/* Numbers of the class and of its instance, which share one row of numbers. */
enum { METRIC_CLASS, METRIC_INSTANCE };

uint64_t metrics_write_events(OTF2_Archive *archive, OTF2_LocationRef location,
                              const struct series_point *points, uint32_t count, uint64_t begin_ns,
                              uint64_t end_ns)
{
    static const OTF2_Type types[METRICS] = {OTF2_TYPE_UINT64, OTF2_TYPE_UINT64};
    OTF2_EvtWriter *writer = count > 0 ? OTF2_Archive_GetEvtWriter(archive, location) : NULL;
    uint64_t events = 0;
    if (!writer)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        OTF2_MetricValue values[METRICS];
        if (points[i].time_ns < begin_ns || points[i].time_ns > end_ns)
            continue;
        values[METRIC_PROCESSOR_TIME].unsigned_int = points[i].processor_ns - points[0].processor_ns;
        values[METRIC_RESIDENT_MEMORY].unsigned_int = points[i].resident;
        (void)OTF2_EvtWriter_Metric(writer, NULL, points[i].time_ns, METRIC_INSTANCE, METRICS, types, values);
    }
    (void)OTF2_EvtWriter_GetNumberOfEvents(writer, &events);
    (void)OTF2_Archive_CloseEvtWriter(archive, writer);
    return events;
}

static void write_member(struct definitions *definitions, OTF2_MetricMemberRef number, const char *name,
                         const char *description, OTF2_MetricMode mode, const char *unit)
{
    OTF2_StringRef name_text = definitions_text(definitions, name);
    OTF2_StringRef description_text = definitions_text(definitions, description);
    OTF2_StringRef unit_text = definitions_text(definitions, unit);
    (void)OTF2_GlobalDefWriter_WriteMetricMember(definitions->writer, number, name_text, description_text,
                                                 OTF2_METRIC_TYPE_OTHER, mode, OTF2_TYPE_UINT64,
                                                 OTF2_BASE_DECIMAL, 0, unit_text);
}

void metrics_write_definitions(struct definitions *definitions, OTF2_LocationRef location, uint64_t events)
{
    static const OTF2_MetricMemberRef members[METRICS] = {METRIC_PROCESSOR_TIME, METRIC_RESIDENT_MEMORY};
    OTF2_StringRef name = definitions_text(definitions, "metrics");
    (void)OTF2_GlobalDefWriter_WriteLocation(definitions->writer, location, name, OTF2_LOCATION_TYPE_METRIC,
                                             events, 0);
    write_member(definitions, METRIC_PROCESSOR_TIME, "CPU time",
                 "Processor time of all threads of the process since the measurement began",
                 OTF2_METRIC_ACCUMULATED_START, "ns");
    write_member(definitions, METRIC_RESIDENT_MEMORY, "resident memory",
                 "Memory of the process that is resident, as Linux counts it", OTF2_METRIC_ABSOLUTE_LAST,
                 "bytes");
    (void)OTF2_GlobalDefWriter_WriteMetricClass(definitions->writer, METRIC_CLASS, METRICS, members,
                                                OTF2_METRIC_ASYNCHRONOUS, OTF2_RECORDER_KIND_ABSTRACT);
    (void)OTF2_GlobalDefWriter_WriteMetricInstance(definitions->writer, METRIC_INSTANCE, METRIC_CLASS,
                                                   location, OTF2_SCOPE_LOCATION_GROUP, 0);
}
