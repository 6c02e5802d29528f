/* SPDX-License-Identifier: BSD-3-Clause
 *
 * calls_text.h - the words for an entry of the call tree. Pure.
 */
#ifndef REPORT_CALLS_TEXT_H
#define REPORT_CALLS_TEXT_H

#include "report/view.h"

/** What an entry is called: a function's name, a line's source, or what IPython does. html: escaped for it. */
void calls_name(struct buffer *out, const struct findings *findings, const struct call *call, int html);

/** Where it is: "In [3]:7", "frame.py:120". Nothing for what is nowhere. */
void calls_place(struct buffer *out, const struct findings *findings, const struct call *call, int html);

#endif
