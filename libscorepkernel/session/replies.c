/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replies.c - the replies that the library gives itself: that something failed, and what kernel this is.
 * Pure.
 */
#include "session/replies.h"

#include "base/error_content.h"

#include <stdlib.h>
#include <string.h>

/* value when nothing went wrong in building it. */
static struct json *checked(struct json *value, int result)
{
    if (result == 0)
        return value;
    json_free(value);
    return NULL;
}

struct json *reply_failed(const char *ename, const char *text, uint64_t execution_count)
{
    struct json *content = ename ? error_content(ename, text) : json_object();
    int result = json_set_string(content, "status", ename ? "error" : "aborted");
    if (result == 0 && execution_count)
        result = json_set_integer(content, "execution_count", (int64_t)execution_count);
    return checked(content, result);
}

struct json *reply_done(uint64_t execution_count)
{
    struct json *content = json_object();
    int result = json_set_string(content, "status", "ok");
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
    int result = json_set_string(content, "status", "ok");
    result = result ? result : json_set_string(content, "implementation", "scorepkernel");
    result = result ? result : json_set_string(content, "implementation_version", SCOREPKERNEL_VERSION);
    result = result
                 ? result
                 : json_set_string(content, "banner", banner ? banner : "The Score-P kernel has no Python.");
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
