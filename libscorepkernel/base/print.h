/* SPDX-License-Identifier: BSD-3-Clause
 *
 * print.h - text into a buffer. Pure.
 */
#ifndef BASE_PRINT_H
#define BASE_PRINT_H

#include "base/buffer.h"

#include <stdarg.h>

/** Append as printf does. 0 or -ENOMEM. */
int print_text(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Append as vprintf does. 0 or -ENOMEM. */
int print_arguments(struct buffer *out, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Users' names may hold characters that a terminal obeys, or that have what follows read in another order:
 * they are written out as \x1b or \u202e. A tab is one blank. */

/** Append a text with such characters written out, but for newlines. */
int print_visible(struct buffer *out, const char *text, size_t len);
/** Append a name: as print_visible does, with newlines written out, too. */
int print_name(struct buffer *out, const char *text);
/** Append as print_visible does, and escape the characters that mean something in HTML. */
int print_html(struct buffer *out, const char *text);

/** Append a number with its thousands separated by commas. */
int print_count(struct buffer *out, long long value);

/** Append a time in the unit that suits it: "850 ns", "12.3 ms", "4.56 s". */
int print_seconds(struct buffer *out, double seconds);

#endif
