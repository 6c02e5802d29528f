/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_log.c - what the host writes to its log: one message, whose controls no terminal obeys, cut between
 * characters.
 */
#include "shim/common/log.h"

#include "test.h"

#include <errno.h>
#include <unistd.h>

/* What a message becomes on standard error. */
static const char *logged(const char *text)
{
    static char found[8192];
    int pair[2], before = dup(STDERR_FILENO);
    CHECK(before >= 0 && pipe(pair) == 0 && dup2(pair[1], STDERR_FILENO) == STDERR_FILENO);
    log_print("%s", text);
    CHECK(dup2(before, STDERR_FILENO) == STDERR_FILENO);
    close(before);
    close(pair[1]);
    ssize_t len = read(pair[0], found, sizeof found - 1);
    CHECK(len > 0);
    found[len] = 0;
    close(pair[0]);
    return found;
}

static void controls(void)
{
    CHECK(strcmp(logged("plain\ttext\nof two lines"), "scorepkernel: plain\ttext\nof two lines\n") == 0);
    CHECK(strcmp(logged("a\x1b]0;t\x07\r\x7f\xC2\x9B"
                        "1m\xC2\xA0"),
                 "scorepkernel: a\\x1b]0;t\\x07\\x0d\\x7f\\x9b1m\xC2\xA0\n") == 0);
}

static void long_ones(void)
{
    for (size_t ahead = 0; ahead < 4; ahead++) {
        char text[6004];
        memset(text, 'x', ahead);
        for (size_t at = ahead; at + 4 < sizeof text; at += 4)
            memcpy(text + at, "\xF0\x9F\x98\x80", 4);
        text[sizeof text - 4] = 0;
        const char *found = logged(text);
        size_t len = strlen(found), begin = strlen("scorepkernel: ");
        CHECK(len > 4080 && found[len - 1] == '\n' && (len - 1 - begin - ahead) % 4 == 0);
        CHECK(memcmp(found + begin, text, len - 1 - begin) == 0);
    }
    char all[5000];
    memset(all, '\x1b', sizeof all - 1);
    all[sizeof all - 1] = 0;
    CHECK((strlen(logged(all)) - strlen("scorepkernel: \n")) % 4 == 0);
    CHECK(strcmp(logged("cut \xE2\x82"), "scorepkernel: cut \n") == 0);
}

/* The text of an error goes into JSON, which is UTF-8. */
static void errors(void)
{
    struct spk_error error = {.size = sizeof error};
    CHECK(log_set(NULL, -EINVAL, "nobody asks") == -EINVAL);
    CHECK(log_set(&error, -EINVAL, "%d %s", 1, "\xE2\x82\xAC") == -EINVAL && error.code == -EINVAL);
    CHECK(strcmp(error.text, "1 \xE2\x82\xAC") == 0);
    for (size_t ahead = 0; ahead < 4; ahead++) {
        char text[2 * sizeof error.text];
        memset(text, 'x', ahead);
        for (size_t at = ahead; at + 4 < sizeof text; at += 4)
            memcpy(text + at, "\xF0\x9F\x98\x80", 4);
        text[sizeof text - 4] = 0;
        CHECK(log_set(&error, -EIO, "%s", text) == -EIO);
        size_t len = strlen(error.text);
        CHECK(len > sizeof error.text - 5 && (len - ahead) % 4 == 0 && memcmp(error.text, text, len) == 0);
    }
}

int main(void)
{
    test_limit(60);
    controls();
    long_ones();
    errors();
    return 0;
}
