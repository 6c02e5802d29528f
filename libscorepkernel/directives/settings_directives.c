/* SPDX-License-Identifier: BSD-3-Clause
 *
 * settings_directives.c - cells that change the settings, or show them. What only the worker can judge (is
 * there such a module, does this Score-P take that argument), it is asked. Pure.
 */
#include "base/json_bridge.h"
#include "base/text.h"
#include "directives/handlers.h"
#include "directives/measured_cell.h"

#include <errno.h>

/* Settings as the worker is asked about them. NULL: no memory. */
static struct json *asked_settings(const struct settings *settings)
{
    struct json *asked = measured_cell_way(settings, NULL);
    if (json_set_string(asked, "mode", settings_mode(settings)) == 0)
        return asked;
    json_free(asked);
    return NULL;
}

/* The worker is to say whether the proposed settings can be in force. Until then those are that were. */
static int ask_about(const struct cell *cell, const struct directive *directive, enum settings_part part,
                     struct decision *decision)
{
    struct json *options = measured_cell_options(cell, directive);
    /* Python's half is ASKED in worker/directives/settings.py. */
    int result =
        json_set_string(options, "asked", part == SETTINGS_MARSHALLING ? "marshalling" : "arguments");
    result = result ? result : json_set(options, "settings", asked_settings(&decision->settings));
    result = result ? result : json_set(options, "before", asked_settings(cell->settings));
    if (result != 0) {
        json_free(options);
        return result;
    }
    decision->asked = part;
    return decision_send(decision, options);
}

static int is_empty(struct spk_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text_is_space(text.data[i]))
            return 0;
    return 1;
}

int decide_settings(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    enum settings_part part = directive->kind == DIRECTIVE_SETTINGS   ? SETTINGS_MARSHALLING
                              : directive->kind == DIRECTIVE_LAUNCHER ? SETTINGS_LAUNCHER
                                                                      : SETTINGS_ARGUMENTS;
    int (*read)(struct settings *, struct spk_text, char *, size_t) =
        part == SETTINGS_MARSHALLING ? settings_read_marshalling
        : part == SETTINGS_LAUNCHER  ? settings_read_launcher
                                     : settings_read_arguments;
    decision->settings = *cell->settings;
    if (read(&decision->settings, directive->body, said, sizeof said) != 0)
        return decision_refuse(decision, "%s", said);
    if (part != SETTINGS_LAUNCHER && !is_empty(directive->body))
        return ask_about(cell, directive, part, decision);
    decision->has_settings = 1;
    return decision_done(decision, "%s", said);
}
