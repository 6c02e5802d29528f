/* SPDX-License-Identifier: BSD-3-Clause
 *
 * script_directive.c - the directives that in write mode are the script's. They are read here, and put in
 * order with the cells' code by the worker (worker/script/write_mode.py). Pure.
 */
#include "script_directive.h"

#include "env.h"
#include "json_bridge.h"

#include <errno.h>
#include <string.h>

int script_directive_is(enum magic_kind kind)
{
    return kind == MAGIC_ARGUMENTS || kind == MAGIC_ENV || kind == MAGIC_ENABLE_MARKING ||
           kind == MAGIC_FINALIZE_MARKING;
}

const char *script_directive_effect(enum magic_kind kind)
{
    if (kind == MAGIC_ARGUMENTS)
        return "It sets what the script's runner gives to Score-P's Python bindings; the session's arguments "
               "stay as they are.";
    if (kind == MAGIC_ENV)
        return "It changes the script's environment; the session's stays as it is.";
    return kind == MAGIC_ENABLE_MARKING
               ? "The cells after it are instrumented, up to %%finalize_multicellmode."
               : "The cells after it are instrumented if they begin with %%execute_with_scorep.";
}

int script_directive_check(const struct magic *magic, char *error, size_t size)
{
    struct settings ignored = {0};
    if (magic->kind == MAGIC_ARGUMENTS)
        return settings_read_arguments(&ignored, magic->body, error, size);
    if (magic->kind != MAGIC_ENV)
        return 0;
    struct json *changes = json_array();
    int result = changes ? env_read(magic->body, changes, error, size) : -ENOMEM;
    json_free(changes);
    return result;
}

static int set_string(struct json *object, const char *name, const char *text)
{
    return json_set_text(object, name, text, strlen(text));
}

static const char *kind_name(enum magic_kind kind)
{
    return kind == MAGIC_EXECUTE            ? "execute"
           : kind == MAGIC_ARGUMENTS        ? "arguments"
           : kind == MAGIC_ENV              ? "environment"
           : kind == MAGIC_ENABLE_MARKING   ? "enable"
           : kind == MAGIC_FINALIZE_MARKING ? "finalize"
                                            : "code";
}

static int describe_environment(const struct magic *magic, struct json *object)
{
    char error[512];
    struct json *changes = json_array();
    int result = changes ? env_read(magic->body, changes, error, sizeof error) : -ENOMEM;
    if (result == 0)
        return json_set(object, "environment", changes);
    json_free(changes);
    return result;
}

int script_directive_describe(const struct magic *magic, struct settings *settings, struct json *object)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    int result = set_string(object, "kind", kind_name(magic->kind));
    if (result == 0 && (magic->kind == MAGIC_EXECUTE || magic->kind == MAGIC_FINALIZE_MARKING))
        result = json_set_text(object, "directive", magic->line.data, magic->line.len);
    if (result == 0 && magic->kind == MAGIC_ENV)
        result = describe_environment(magic, object);
    if (result != 0 || magic->kind != MAGIC_ARGUMENTS)
        return result;
    result = settings_read_arguments(settings, magic->body, said, sizeof said);
    return result ? result : set_string(object, "arguments", settings->arguments);
}
