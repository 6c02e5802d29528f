/* SPDX-License-Identifier: BSD-3-Clause
 *
 * failure.c - telling the caller what went wrong. Writes no more than the caller's struct has room for.
 */
#include "base/failure.h"

#include "base/utf8_cut.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct spk_error *error, int code, const char *format, ...)
{
    if (!error || !SPK_HAS(error, text))
        return code;
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    int wanted = vsnprintf(error->text, sizeof error->text, format, arguments);
    if (wanted >= (int)sizeof error->text)
        error->text[utf8_whole(error->text, sizeof error->text - 1)] = 0;
    va_end(arguments);
    return code;
}

const char *failure_text(int code)
{
    /* strerror's buffer is shared by the host's threads. */
    const char *text = strerrordesc_np(code < 0 ? -code : code);
    return text ? text : "unknown error";
}
