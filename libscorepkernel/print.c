/* SPDX-License-Identifier: BSD-3-Clause
 *
 * print.c - text into a buffer. Pure; knows nothing of what is printed. Independent of the locale: numbers
 * are put together from integers, since a host may have set one.
 */
#include "print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int print_text(struct buffer *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *room = len < 0 ? NULL : (char *)buffer_room(out, (size_t)len + 1);
    if (!room)
        return -ENOMEM;
    va_start(arguments, format);
    vsnprintf(room, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer_grown(out, (size_t)len);
    return 0;
}

int print_html(struct buffer *out, const char *text)
{
    int result = 0;
    while (*text && result == 0) {
        size_t plain = strcspn(text, "<>&\"'");
        result = buffer_append(out, text, plain);
        text += plain;
        if (*text && result == 0)
            result = print_text(out, "&#%d;", *text++);
    }
    return result;
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
