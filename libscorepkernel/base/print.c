/* SPDX-License-Identifier: BSD-3-Clause
 *
 * print.c - text into a buffer. Pure; knows nothing of what is printed. Independent of the locale: numbers
 * are put together from integers, since a host may have set one.
 */
#include "base/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int print_arguments(struct buffer *out, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    char *room = len < 0 ? NULL : (char *)buffer_room(out, (size_t)len + 1);
    if (room) {
        vsnprintf(room, (size_t)len + 1, format, again);
        buffer_grown(out, (size_t)len);
    }
    va_end(again);
    return room ? 0 : -ENOMEM;
}

int print_text(struct buffer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = print_arguments(out, format, arguments);
    va_end(arguments);
    return result;
}

/* The most bytes that are shown in place of one character. */
#define SHOWN_MAX 16

/* Characters that are no controls, but that terminals and browsers obey all the same: they end lines, or
 * change the direction of the text around them. */
static int is_obeyed(unsigned point)
{
    return point == 0x61C || point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* If the character at the beginning of text must be written out, its length in bytes, and its code point in
 * *point; else 0. */
static size_t unseen(const unsigned char *text, size_t len, unsigned *point)
{
    size_t step = 1;
    *point = text[0];
    if (text[0] < 0x20 || text[0] == 0x7F)
        return 1;
    if (len > 1 && (text[0] & 0xE0) == 0xC0) {
        *point = (text[0] & 0x1Fu) << 6 | (text[1] & 0x3Fu);
        step = 2;
    } else if (len > 2 && (text[0] & 0xF0) == 0xE0) {
        *point = (text[0] & 0xFu) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
        step = 3;
    }
    int is_control = step == 2 && *point >= 0x80 && *point < 0xA0;
    return is_control || (step > 1 && is_obeyed(*point)) ? step : 0;
}

/* What is shown in place of the character at the beginning of text, if terminals obey it or HTML gives it a
 * meaning. The length of that character in bytes; 0: it is shown as it is. */
static size_t replace(const char *text, size_t len, int lines, int html, char shown[SHOWN_MAX])
{
    unsigned point;
    size_t step = unseen((const unsigned char *)text, len, &point);
    if (step == 0 && html && strchr("<>&\"'", *text)) {
        snprintf(shown, SHOWN_MAX, "&#%d;", *text);
        return 1;
    }
    if (step == 0 || (lines && point == '\n'))
        return 0;
    if (point == '\t' || point == '\n')
        snprintf(shown, SHOWN_MAX, "%s", point == '\t' ? " " : "\\n");
    else
        snprintf(shown, SHOWN_MAX, point < 0x100 ? "\\x%02x" : "\\u%04x", point);
    return step;
}

/* lines: newlines are kept. html: the characters that mean something in HTML are escaped. */
static int print_guarded(struct buffer *out, const char *text, size_t len, int lines, int html)
{
    size_t at = 0, plain = 0;
    int result = 0;
    while (at < len && result == 0) {
        char shown[SHOWN_MAX];
        size_t step = replace(text + at, len - at, lines, html, shown);
        if (step == 0) {
            at++;
            continue;
        }
        result = buffer_append(out, text + plain, at - plain);
        if (result == 0)
            result = buffer_append(out, shown, strlen(shown));
        at += step;
        plain = at;
    }
    return result == 0 ? buffer_append(out, text + plain, len - plain) : result;
}

int print_visible(struct buffer *out, const char *text, size_t len)
{
    return print_guarded(out, text, len, 1, 0);
}

int print_name(struct buffer *out, const char *text)
{
    return print_guarded(out, text, strlen(text), 0, 0);
}

int print_html(struct buffer *out, const char *text)
{
    return print_guarded(out, text, strlen(text), 1, 1);
}

int print_count(struct buffer *out, long long value)
{
    char digits[32], grouped[48];
    int len = snprintf(digits, sizeof digits, "%lld", value);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i && digits[i - 1] != '-' && (len - i) % 3 == 0)
            grouped[at++] = ',';
        grouped[at++] = digits[i];
    }
    return buffer_append(out, grouped, at);
}

int print_seconds(struct buffer *out, double seconds)
{
    static const struct {
        double scale;
        const char *unit;
    } units[] = {{1, "s"}, {1e3, "ms"}, {1e6, "\u00b5s"}, {1e9, "ns"}};
    size_t i = 0;
    if (!(seconds >= 0) || seconds > 1e9)
        seconds = 0;
    while (i < 3 && seconds * units[i].scale < 0.9995)
        i++;
    double value = seconds * units[i].scale;
    /* Three significant digits, without printf's decimal point, which follows the locale. */
    int places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    long long factor = places == 2 ? 100 : places == 1 ? 10 : 1;
    long long scaled = (long long)(value * (double)factor + 0.5);
    if (places == 0)
        return print_text(out, "%lld %s", scaled, units[i].unit);
    return print_text(out, "%lld.%0*lld %s", scaled / factor, places, scaled % factor, units[i].unit);
}
