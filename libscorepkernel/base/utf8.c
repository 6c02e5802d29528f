/* SPDX-License-Identifier: BSD-3-Clause
 *
 * utf8.c - bytes that should be UTF-8, made so (RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF). Owns nothing.
 */
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const unsigned char replacement[3] = {0xEF, 0xBF, 0xBD};

/* How many bytes from the start are ASCII; eight at a time, as most output is nothing else. */
static size_t ascii_run(const unsigned char *data, size_t len)
{
    size_t at = 0;
    for (uint64_t word; at + 8 <= len; at += 8) {
        memcpy(&word, data + at, 8);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (at < len && data[at] < 0x80)
        at++;
    return at;
}

/* The sequence at data: its length when valid; 0 when invalid; -1 when it is cut short by the end. */
static int sequence(const unsigned char *data, size_t len)
{
    unsigned char first = data[0], low = 0x80, high = 0xBF;
    int need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    for (int i = 1; i < need; i++) {
        if ((size_t)i == len)
            return -1;
        if (data[i] < low || data[i] > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return need;
}

/* How many bytes from the start are valid; *next is what sequence() said of those behind them, 0 at the end.
 */
static size_t valid_run(const unsigned char *data, size_t len, int *next)
{
    size_t at = 0;
    *next = 1;
    while (at<len && * next> 0) {
        at += ascii_run(data + at, len - at);
        *next = at < len ? sequence(data + at, len - at) : 0;
        if (*next > 0)
            at += (size_t)*next;
    }
    return at;
}

int utf8_append(struct buffer *out, const unsigned char *data, size_t len)
{
    size_t before = out->len;
    while (len) {
        int next;
        size_t valid = valid_run(data, len, &next);
        int result = buffer_append(out, data, valid);
        data += valid;
        len -= valid;
        if (result == 0 && len && next < 0)
            return (int)len;
        if (result == 0 && len) {
            result = buffer_append(out, replacement, sizeof replacement);
            data++;
            len--;
        }
        if (result != 0) {
            out->len = before;
            return result;
        }
    }
    return 0;
}

size_t utf8_format(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text, size, format, arguments);
    va_end(arguments);
    size_t len = wanted < 0 ? 0 : (size_t)wanted < size ? (size_t)wanted : utf8_whole(text, size - 1);
    text[len] = 0;
    return len;
}
