/* SPDX-License-Identifier: BSD-3-Clause
 *
 * utf8.h - bytes that should be UTF-8, made so. Pure.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buffer.h"
#include "base/utf8_cut.h"

/* The longest sequence that can be cut short by the end of the bytes. */
#define UTF8_MAX_TAIL 3

/** Append to out what of data is valid, with U+FFFD for what is not. Returns how many bytes at the end were
 * left alone because they begin a sequence that may still be completed (at most UTF8_MAX_TAIL), or -ENOMEM.
 */
int utf8_append(struct buffer *out, const unsigned char *data, size_t len);

/** As snprintf does, but what does not fit is cut between characters. size is not 0. Returns the length. */
size_t utf8_format(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
