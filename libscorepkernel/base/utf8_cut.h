/* SPDX-License-Identifier: BSD-3-Clause
 *
 * utf8_cut.h - cutting UTF-8 between characters. Nothing to link, for the tracer has it, too. Pure.
 */
#ifndef BASE_UTF8_CUT_H
#define BASE_UTF8_CUT_H

#include <stddef.h>

/** The length of the longest beginning of text that is at most max bytes and ends between characters. */
static inline size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t cut = max;
    while (cut > 0 && max - cut < 4 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut--;
    return cut;
}

/** The length of text without an incomplete character at its end. */
static inline size_t utf8_whole(const char *text, size_t len)
{
    size_t tail = 0;
    while (tail < len && tail < 3 && ((unsigned char)text[len - 1 - tail] & 0xC0) == 0x80)
        tail++;
    unsigned char first = tail < len ? (unsigned char)text[len - 1 - tail] : 0;
    size_t wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
    return wanted > tail + 1 ? len - tail - 1 : len;
}

#endif
