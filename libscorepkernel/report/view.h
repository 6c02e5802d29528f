/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view.h - a view: one part of the report under a measured cell. Pure.
 */
#ifndef REPORT_VIEW_H
#define REPORT_VIEW_H

#include "base/buffer.h"
#include "base/json_bridge.h"

/* A file view_NAME.c defines `const struct report_view view_NAME`, and views.def has its row. Both functions
 * append to out, and escape all that comes from users' code (print.h); a buffer that memory ran out for only
 * shortens the report. measured: what the worker says of a measured cell, as worker/measure/report.py makes
 * it. */
struct report_view {
    const char *name;
    void (*text)(struct buffer *out, const struct json *measured); /* for a terminal; ends its last line */
    void (*html)(struct buffer *out, const struct json *measured); /* whole elements, without scripts */
};

#define VIEW(name) extern const struct report_view view_##name;
#include "report/views.def"

/** A text that is a member, or the fallback. Borrowed. */
const char *view_member(const struct json *measured, const char *name, const char *fallback);

#endif
