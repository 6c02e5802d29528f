/* SPDX-License-Identifier: BSD-3-Clause
 *
 * draw.h - what several views draw alike. Pure.
 *
 * What is drawn has to survive where notebooks are looked at: JupyterLab takes scripts, SVG and style sheets
 * out of a notebook that is not trusted, and leaves inline styles, flexible boxes and <details>; GitHub takes
 * the styles, too, and the text still reads in its order.
 */
#ifndef REPORT_DRAW_H
#define REPORT_DRAW_H

#include "base/buffer.h"
#include "base/json_bridge.h"
#include "report/view.h"

/** A text that is a member, or the fallback. Borrowed. */
const char *draw_member(const struct json *measured, const char *name, const char *fallback);

/** What a kind of time is called, and its colour in HTML. */
const char *draw_kind_name(enum spent_on kind);
const char *draw_kind_colour(enum spent_on kind);
/** The colour of text that can be read on it. */
const char *draw_kind_ink(enum spent_on kind);
/** The kind that most of a time was spent on. */
enum spent_on draw_main_kind(const double spent_s[SPENT_KINDS]);

/** "12 %"; "0.4 %" for less than one; "" for nothing. */
void draw_share(struct buffer *out, double part_s, double whole_s);

/** A share in whole percent, rounded; of numbers that cannot be, something between 0 and 9,999,900. */
int draw_percent(double part_s, double whole_s);

/** Append what is in a cell so that it ends in a column, width columns further; the cell is empty then. */
void draw_right(struct buffer *out, struct buffer *cell, size_t width);

/* What is less important, as a part of a style: the least that can be read on the backgrounds of all themes.
 */
#define DRAW_FAINT "opacity:0.7"

/** A column of a row in HTML, which has a bar for a time, as a part of another; spent_s NULL: none. The
 * column is as wide in each row, and takes at most a fifth of it, so that a narrow window has room for what
 * stands beside it. */
void draw_bar(struct buffer *out, const double *spent_s, double whole_s);

/** The beginning of what a click opens, or of what is open as it was asked for. Ends with </details>. */
void draw_details(struct buffer *out, const struct findings *findings, const char *title);

/** What a thread is called: "the cell", "thread 2", "rank 1, thread 2", or by the name that it has. */
void draw_thread_name(struct buffer *out, const struct findings *findings, uint32_t number, int html);

/** The four kinds with their colours, in HTML. */
void draw_legend(struct buffer *out);

/** "Python 12.0 ms, waiting 3.00 ms": what there is of each kind. */
void draw_kinds(struct buffer *out, const double spent_s[SPENT_KINDS]);

/** A number of bytes: "241 MB". */
void draw_bytes(struct buffer *out, double bytes);

/** A file's name without its folders, or "In [3]" for a cell's; as text or escaped for HTML. */
void draw_file(struct buffer *out, const struct sampled_function *function, int html);

/** What an entry of the call tree is called: a function's name, a line's source, or what IPython does. html:
 * escaped for it. */
void draw_call_name(struct buffer *out, const struct findings *findings, const struct call *call, int html);

/** Where it is: "In [3]:7", "frame.py:120". Nothing for what is nowhere. */
void draw_call_place(struct buffer *out, const struct findings *findings, const struct call *call, int html);

#endif
