/* SPDX-License-Identifier: BSD-3-Clause
 *
 * report.h - what is shown under a measured cell. Pure.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "base/json_bridge.h"
#include "scorepkernel.h"

/** measurement: the JSON that came with the reply of a measured cell (worker/measure/report.py, report).
 * Returns the content of a display_data message, with text/plain and text/html, or NULL when it cannot be
 * made. */
struct json *report_content(struct spk_text measurement);

#endif
