/* SPDX-License-Identifier: BSD-3-Clause
 *
 * log.c - telling the user what went wrong. Decides nothing; never fails visibly.
 */
#include "shim/common/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8_cut.h"

const char *log_reason(int code)
{
    const char *text = strerrordesc_np(-code); /* strerror's buffer is shared by all threads */
    return text ? text : "unknown error";
}

int log_set(struct spk_error *error, int code, const char *format, ...)
{
    if (!error)
        return code;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, two lines above */
    int wanted = vsnprintf(error->text, sizeof error->text, format, arguments);
    if (wanted >= (int)sizeof error->text)
        error->text[utf8_whole(error->text, sizeof error->text - 1)] = 0;
    va_end(arguments);
    return code;
}

/* Texts of clients and of users' code may hold control characters, which the terminal that shows the log
 * would obey. They are written out, but for tabs and newlines. A text that is too long is cut between
 * characters. */
static size_t write_out(char *line, size_t room, const char *text)
{
    size_t len = 0;
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];
        int is_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;
        int obeyed = is_c1 || (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7F;
        text += is_c1;
        int wanted = snprintf(line + len, room - len, obeyed ? "\\x%02x" : "%c", is_c1 ? next : byte);
        if (wanted < 0 || (size_t)wanted >= room - len)
            break;
        len += (size_t)wanted;
    }
    return utf8_whole(line, len);
}

void log_print(const char *format, ...)
{
    char text[4096], line[sizeof text] = "scorepkernel: ";
    size_t len = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, in the line above */
    int wanted = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    len += write_out(line + len, sizeof line - len - 1, text);
    line[len++] = '\n';
    /* A log that nobody reads any more, closed or full, is no reason to stop. */
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&log, 1, 0) == 1 && (log.revents & POLLOUT)) {
        ssize_t written = write(STDERR_FILENO, line, len);
        (void)written;
    }
}
