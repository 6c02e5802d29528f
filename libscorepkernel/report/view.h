/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view.h - a view: one part of the report under a measured cell. Pure.
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include "base/buffer.h"
#include "base/json_bridge.h"
#include "report/call_tree.h"
#include "report/line_times.h"

/* What is known of a measured cell. */
struct findings {
    const struct json *measured; /* what the worker says, as worker/measure/report.py makes it */
    struct samples samples;      /* empty where nothing is known of calls */
    double whole_s;              /* of which shares are told: that was sampled, but for showing the value */
    struct line_times lines;
    struct call_tree tree;
};

/* Fewer samples are too few for the times of lines and calls. */
#define FINDINGS_SAMPLES_MIN 20

/** Whether there is enough to tell times of lines and calls by. */
int findings_are_sampled(const struct findings *findings);

/** Whether the calls are known from events: not seen by samples, but recorded, with their numbers. */
int findings_are_recorded(const struct findings *findings);

/** Whether there is a call tree, from samples or events. */
int findings_have_calls(const struct findings *findings);

/* A file view_NAME.c defines `const struct report_view view_NAME`, and views.def has its row. Both functions
 * append to out, and escape all that comes from users' code (print.h); a buffer that memory ran out for only
 * shortens the report. */
struct report_view {
    const char *name;
    void (*text)(struct buffer *out,
                 const struct findings *findings); /* for a terminal; ends its last line */
    void (*html)(struct buffer *out, const struct findings *findings); /* whole elements, without scripts */
};

#define VIEW(name) extern const struct report_view view_##name;
#include "report/views.def"

#endif
