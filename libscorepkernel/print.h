/* SPDX-License-Identifier: BSD-3-Clause
 *
 * print.h - text into a buffer. Pure.
 */
#ifndef PRINT_H
#define PRINT_H

#include "buffer.h"

/** Append as printf does. 0 or -ENOMEM. */
int print_text(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Append with the characters escaped that mean something in HTML. */
int print_html(struct buffer *out, const char *text);

/** Append a number with its thousands separated by commas. */
int print_count(struct buffer *out, long long value);

/** Append a time in the unit that suits it: "850 ns", "12.3 ms", "4.56 s". */
int print_seconds(struct buffer *out, double seconds);

#endif
