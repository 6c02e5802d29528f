/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replies.c - the replies that the library gives itself: that something failed, and what kernel this is.
 * Pure.
 */
#include "session/replies.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static int set_text(struct json *object, const char *name, const char *text)
{
    return json_set_text(object, name, text, strlen(text));
}

/* value when nothing went wrong in building it. */
static struct json *checked(struct json *value, int result)
{
    if (result == 0)
        return value;
    json_free(value);
    return NULL;
}

struct json *error_content(const char *ename, const char *text)
{
    struct json *content = json_object(), *traceback = json_array();
    int result = set_text(content, "ename", ename);
    result = result ? result : set_text(content, "evalue", text);
    result = result ? result : json_append_text(traceback, text, strlen(text));
    if (result != 0)
        json_free(traceback);
    else
        result = json_set(content, "traceback", traceback);
    return checked(content, result);
}

struct json *reply_failed(const char *ename, const char *text, uint64_t execution_count)
{
    struct json *content = ename ? error_content(ename, text) : json_object();
    int result = set_text(content, "status", ename ? "error" : "aborted");
    if (result == 0 && execution_count)
        result = json_set_integer(content, "execution_count", (int64_t)execution_count);
    return checked(content, result);
}

struct json *reply_done(uint64_t execution_count)
{
    struct json *content = json_object();
    int result = set_text(content, "status", "ok");
    result = result ? result : json_set_integer(content, "execution_count", (int64_t)execution_count);
    result = result ? result : json_set(content, "user_expressions", json_object());
    result = result ? result : json_set(content, "payload", json_array());
    return checked(content, result);
}

/* A copy of a member of an object. */
static struct json *copied(const struct json *object, const char *name, const char *fallback)
{
    const struct json *member = json_get(object, name);
    size_t len = strlen(fallback);
    char *text = member ? json_print(member, &len) : NULL;
    struct json *copy = text ? json_parse(text, len) : json_parse(fallback, strlen(fallback));
    free(text);
    return copy;
}

struct json *reply_kernel_info(const char *hello)
{
    struct json *known = hello ? json_parse(hello, strlen(hello)) : NULL;
    struct json *content = json_object();
    const char *banner = json_text(json_get(known, "banner"), NULL);
    int result = set_text(content, "status", "ok");
    result = result ? result : set_text(content, "implementation", "scorepkernel");
    result = result ? result : set_text(content, "implementation_version", SCOREPKERNEL_VERSION);
    result =
        result ? result : set_text(content, "banner", banner ? banner : "The Score-P kernel has no Python.");
    result = result ? result
                    : json_set(content, "language_info",
                               copied(known, "language_info",
                                      "{\"name\":\"python\",\"version\":\"3\",\"mimetype\":\"text/x-python\","
                                      "\"file_extension\":\".py\"}"));
    result = result ? result : json_set_boolean(content, "debugger", 0);
    result = result ? result
                    : json_set(content, "help_links",
                               copied(NULL, "",
                                      "[{\"text\":\"Python\",\"url\":\"https://docs.python.org\"},"
                                      "{\"text\":\"Score-P\",\"url\":\"https://www.score-p.org\"}]"));
    json_free(known);
    return checked(content, result);
}

void process_end_text(const struct keeper_end *end, char *text, size_t size)
{
    if (WIFEXITED(end->status)) {
        snprintf(text, size, "ended with exit code %d", WEXITSTATUS(end->status));
        return;
    }
    int number = WTERMSIG(end->status);
    const char *name = sigabbrev_np(number), *description = sigdescr_np(number);
    if (number == SIGKILL)
        snprintf(text, size,
                 "was killed by SIGKILL (by somebody, or because memory ran out: at its peak it held %llu "
                 "MiB)",
                 (unsigned long long)(end->peak_rss_kib >> 10));
    else
        snprintf(text, size, "was ended by SIG%s (%s)", name ? name : "?",
                 description ? description : "signal");
}
