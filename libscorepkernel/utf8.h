/* SPDX-License-Identifier: BSD-3-Clause
 *
 * utf8.h - bytes that should be UTF-8, made so. Pure.
 */
#ifndef UTF8_H
#define UTF8_H

#include "buffer.h"

/* The longest sequence that can be cut short by the end of the bytes. */
#define UTF8_MAX_TAIL 3

/** Append to out what of data is valid, with U+FFFD for what is not. Returns how many bytes at the end were
 * left alone because they begin a sequence that may still be completed (at most UTF8_MAX_TAIL), or -ENOMEM.
 */
int utf8_append(struct buffer *out, const unsigned char *data, size_t len);

/** The length of the longest beginning of text that is at most max bytes and ends between characters. */
size_t utf8_cut(const char *text, size_t len, size_t max);

#endif
