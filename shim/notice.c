/* SPDX-License-Identifier: BSD-3-Clause
 *
 * notice.c - telling the user what went wrong. Decides nothing; never fails visibly.
 */
#include "notice.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *notice_reason(int code)
{
    const char *text = strerrordesc_np(-code); /* strerror's buffer is shared by all threads */
    return text ? text : "unknown error";
}

int notice_set(struct spk_error *error, int code, const char *format, ...)
{
    if (!error)
        return code;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, two lines above */
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return code;
}

void notice_print(const char *format, ...)
{
    char line[4096] = "scorepkernel: ";
    size_t len = strlen(line);
    size_t room = sizeof line - len - 1;
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, in the line above */
    int wanted = vsnprintf(line + len, room, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    len += (size_t)wanted < room ? (size_t)wanted : room - 1;
    line[len++] = '\n';
    /* A log that nobody reads any more, closed or full, is no reason to stop. */
    struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&log, 1, 0) == 1 && (log.revents & POLLOUT)) {
        ssize_t written = write(STDERR_FILENO, line, len);
        (void)written;
    }
}
