/* SPDX-License-Identifier: BSD-3-Clause
 *
 * main.c - scorepkernel-html: the report under a measured cell, for a page that stands alone. It reads the
 * JSON of a measurement, as the worker sends it to the library, and writes the same HTML that the library
 * shows. The worker starts it, as the report is made in C and the user's Python can be expected to load
 * neither C++ nor us.
 */
#include "base/buffer.h"
#include "base/failure.h"
#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 16)

/* All that there is to read. 0 or -errno. */
static int read_all(struct buffer *all)
{
    for (;;) {
        unsigned char *room = all->len < JSON_MAX_LEN ? buffer_room(all, PIECE) : NULL;
        if (!room)
            return -ENOMEM;
        ssize_t len = read(STDIN_FILENO, room, PIECE);
        if (len == 0)
            return 0;
        if (len < 0 && errno != EINTR)
            return -errno;
        if (len > 0)
            buffer_grown(all, (size_t)len);
    }
}

static int complain(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static int convert(const struct buffer *measurement)
{
    struct json *content =
        report_content((struct spk_text){(const char *)buffer_bytes(measurement), measurement->len});
    size_t len = 0;
    const char *html = json_text(json_get(json_get(content, "data"), "text/html"), &len);
    int result = 0;
    if (!html)
        result = complain("the measurement is not understood");
    else if (fwrite(html, 1, len, stdout) != len || fflush(stdout) != 0)
        result = complain(failure_text(-errno));
    json_free(content);
    return result;
}

int main(int argc, char **argv)
{
    struct buffer measurement = {0};
    (void)argv;
    if (argc > 1 || isatty(STDIN_FILENO)) {
        (void)complain(
            "scorepkernel-html is a part of the Score-P kernel, which starts it for %scorep_export html.");
        return 2;
    }
    int result = read_all(&measurement);
    result = result == 0 ? convert(&measurement) : complain(failure_text(result));
    buffer_finish(&measurement);
    return result;
}
