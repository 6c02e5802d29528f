/* SPDX-License-Identifier: BSD-3-Clause
 *
 * script_directive.c - the directives that in write mode are the script's. They are read here, and put in
 * order with the cells' code by the worker (worker/script/write_mode.py). Pure.
 */
#include "directives/script_directive.h"

#include "base/json_bridge.h"
#include "directives/environment_lines.h"

#include <errno.h>

int script_directive_is(enum directive_kind kind)
{
    return kind == DIRECTIVE_ARGUMENTS || kind == DIRECTIVE_ENV || kind == DIRECTIVE_ENABLE_MARKING ||
           kind == DIRECTIVE_FINALIZE_MARKING;
}

const char *script_directive_effect(enum directive_kind kind)
{
    if (kind == DIRECTIVE_ARGUMENTS)
        return "It sets what the script's runner gives to Score-P's Python bindings; the session's arguments "
               "stay as they are.";
    if (kind == DIRECTIVE_ENV)
        return "It changes the script's environment; the session's stays as it is.";
    return kind == DIRECTIVE_ENABLE_MARKING
               ? "The cells after it are instrumented, up to %%finalize_multicellmode."
               : "The cells after it are instrumented if they begin with %%execute_with_scorep.";
}

int script_directive_check(const struct directive *directive, char *error, size_t size)
{
    struct settings ignored = {0};
    if (directive->kind == DIRECTIVE_ARGUMENTS)
        return settings_read_arguments(&ignored, directive->body, error, size);
    if (directive->kind != DIRECTIVE_ENV)
        return 0;
    struct json *changes = json_array();
    int result = changes ? environment_lines_read(directive->body, changes, error, size) : -ENOMEM;
    json_free(changes);
    return result;
}

/* Python's half is Kind in worker/script/marked_cells.py. */
static const char *kind_name(enum directive_kind kind)
{
    return kind == DIRECTIVE_EXECUTE            ? "execute"
           : kind == DIRECTIVE_ARGUMENTS        ? "arguments"
           : kind == DIRECTIVE_ENV              ? "environment"
           : kind == DIRECTIVE_ENABLE_MARKING   ? "enable"
           : kind == DIRECTIVE_FINALIZE_MARKING ? "finalize"
                                                : "code";
}

static int describe_environment(const struct directive *directive, struct json *object)
{
    char error[512];
    struct json *changes = json_array();
    int result = changes ? environment_lines_read(directive->body, changes, error, sizeof error) : -ENOMEM;
    if (result == 0)
        return json_set(object, "environment", changes);
    json_free(changes);
    return result;
}

int script_directive_describe(const struct directive *directive, struct settings *settings,
                              struct json *object)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    int result = json_set_string(object, "kind", kind_name(directive->kind));
    if (result == 0 &&
        (directive->kind == DIRECTIVE_EXECUTE || directive->kind == DIRECTIVE_FINALIZE_MARKING))
        result = json_set_text(object, "directive", directive->line.data, directive->line.len);
    if (result == 0 && directive->kind == DIRECTIVE_ENV)
        result = describe_environment(directive, object);
    if (result != 0 || directive->kind != DIRECTIVE_ARGUMENTS)
        return result;
    result = settings_read_arguments(settings, directive->body, said, sizeof said);
    return result ? result : json_set_string(object, "arguments", settings->arguments);
}
