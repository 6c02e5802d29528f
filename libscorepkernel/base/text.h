/* SPDX-License-Identifier: BSD-3-Clause
 *
 * text.h - looking at texts that are given by pointer and length. Pure.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/utf8_cut.h"
#include "scorepkernel.h"

#include <string.h>

/** Whether the text equals the literal. */
static inline int text_is(struct spk_text text, const char *literal)
{
    return text.len == strlen(literal) && (!text.len || memcmp(text.data, literal, text.len) == 0);
}

/** Whether the text begins with the literal. */
static inline int text_begins(struct spk_text text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && (!len || memcmp(text.data, with, len) == 0);
}

/** The text without its first count bytes. It has at least so many. */
static inline struct spk_text text_after(struct spk_text text, size_t count)
{
    return count ? (struct spk_text){text.data + count, text.len - count} : text;
}

/** Blank characters other than a newline. */
static inline int text_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static inline int text_is_space(char c)
{
    return text_is_blank(c) || c == '\n';
}

/** The text without the blanks at both ends. */
static inline struct spk_text text_trimmed(struct spk_text text)
{
    while (text.len && text_is_blank(text.data[0]))
        text = text_after(text, 1);
    while (text.len && text_is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/** For messages, as the precision of %.*s: not more than a line's worth of what the user wrote. */
static inline int text_shown(struct spk_text text)
{
    return (int)utf8_cut(text.data, text.len, 80);
}

#endif
