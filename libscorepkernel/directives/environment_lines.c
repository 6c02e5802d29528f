/* SPDX-License-Identifier: BSD-3-Clause
 *
 * environment_lines.c - reads the lines of %%scorep_env, as a shell reads a file of assignments: blank lines
 * and comments, an "export" in front, single quotes (all is literal), double quotes (a backslash escapes "
 * \ $ and `), a comment behind a value. Nothing is expanded. Beyond a shell, -KEY unsets. Pure.
 */
#include "directives/environment_lines.h"

#include "base/buffer.h"
#include "base/json_bridge.h"
#include "base/text.h"
#include "base/utf8.h"
#include "directives/quoting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int is_name(struct spk_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return 0;
    }
    return text.len > 0;
}

static struct spk_text without_blanks(struct spk_text text)
{
    while (text.len && text_is_blank(text.data[0]))
        text = text_after(text, 1);
    return text;
}

/* A character, or what is quoted. A backslash that ends the line stands for itself. */
static int take_unit(struct spk_text *rest, struct buffer *value)
{
    size_t unit = rest->len == 1 && rest->data[0] == '\\' ? 1 : quoting_unit(*rest);
    if (!unit)
        return -EINVAL;
    int result = quoting_unquote((struct spk_text){rest->data, unit}, value);
    *rest = text_after(*rest, unit);
    return value->len > ENVIRONMENT_VALUE_MAX ? -E2BIG : result;
}

/* Append the value of a line: words, quoted or not, with single blanks between them, up to a comment. 0;
 * -EINVAL: a quote is not closed; -E2BIG; -ENOMEM. */
static int take_value(struct spk_text rest, struct buffer *value)
{
    int result = 0;
    while (result == 0 && rest.len) {
        if (text_is_blank(rest.data[0])) {
            rest = without_blanks(rest);
            if (!rest.len || rest.data[0] == '#')
                return 0;
            result = buffer_append(value, " ", 1);
        } else {
            result = take_unit(&rest, value);
        }
    }
    return result;
}

static int add(struct json *changes, struct spk_text key, const char *value, size_t len)
{
    struct json *pair = json_array();
    int result = json_append_text(pair, key.data, key.len);
    if (result == 0 && value)
        result = json_append_text(pair, value, len);
    if (result == 0)
        return json_append(changes, pair);
    json_free(pair);
    return result;
}

static int read_line(struct spk_text line, struct json *changes, char *error, size_t size)
{
    if (text_begins(line, "export "))
        line = text_trimmed(text_after(line, strlen("export ")));
    struct spk_text unset = text_after(line, 1);
    if (line.data[0] == '-' && is_name(unset))
        return add(changes, unset, NULL, 0);
    const char *sign = memchr(line.data, '=', line.len);
    struct spk_text key = {line.data, sign ? (size_t)(sign - line.data) : 0};
    if (!sign || !is_name(key)) {
        utf8_format(
            error, size,
            "\"%.*s\" is no KEY=VALUE and no -KEY. Nothing was changed. Put a value with blanks or # in "
            "quotes.",
            text_shown(line), line.data);
        return -EINVAL;
    }
    struct buffer value = {0};
    int result = take_value(text_after(line, key.len + 1), &value);
    if (result == 0)
        result = add(changes, key, value.len ? (const char *)buffer_bytes(&value) : "", value.len);
    buffer_finish(&value);
    if (result == 0 || result == -ENOMEM)
        return result;
    utf8_format(error, size, "The value of %.*s %s. Nothing was changed.", text_shown(key), key.data,
                result == -E2BIG ? "is longer than 64 KiB" : "has a quote that is not closed in its line");
    return -EINVAL;
}

int environment_lines_read(struct spk_text text, struct json *changes, char *error, size_t size)
{
    while (text.len) {
        const char *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        struct spk_text line = text_trimmed((struct spk_text){text.data, len});
        text = text_after(text, end ? len + 1 : len);
        if (line.len && memchr(line.data, 0, line.len)) {
            snprintf(error, size, "A line holds a NUL. Nothing was changed.");
            return -EINVAL;
        }
        int result = line.len && line.data[0] != '#' ? read_line(line, changes, error, size) : 0;
        if (result != 0)
            return result;
    }
    return 0;
}
