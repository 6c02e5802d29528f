/* SPDX-License-Identifier: BSD-3-Clause
 *
 * measured_cell.c - how a cell is to be measured, as the worker is told it. What is done with that is the
 * worker's to decide (worker/launch/plan.py). Pure.
 */
#include "directives/measured_cell.h"

#include "base/json_bridge.h"
#include "directives/handlers.h"

#include <errno.h>
#include <string.h>

static const struct directive no_directive = {.line = {"", 0}, .repeat = 1};

/* Names with commas between them, as a member that is a list. */
static int set_names(struct json *object, const char *name, const char *list)
{
    struct json *array = json_array();
    size_t len = strcspn(list, ",");
    int result = json_append_text(array, list, len);
    while (result == 0 && list[len]) {
        list += len + 1;
        len = strcspn(list, ",");
        result = json_append_text(array, list, len);
    }
    if (result == 0)
        return json_set(object, name, array);
    json_free(array);
    return result;
}

/* As how many processes a cell is to be run, and by what, where that was said. */
static int set_ranks(struct json *way, const struct settings *settings, const struct directive *directive)
{
    int result = directive->ranks ? json_set_integer(way, "ranks", directive->ranks) : 0;
    if (result == 0 && *directive->gather)
        result = set_names(way, "gather", directive->gather);
    if (result == 0 && *settings->launcher)
        result = json_set_string(way, "launcher", settings->launcher);
    return result;
}

struct json *measured_cell_way(const struct settings *settings, const struct directive *directive)
{
    struct json *way = json_object();
    directive = directive ? directive : &no_directive;
    int result = json_set_integer(way, "lines", (int64_t)directive->lines);
    result = result ? result : json_set_text(way, "text", directive->line.data, directive->line.len);
    if (result == 0 && directive->guard != DIRECTIVE_GUARD_AUTO)
        result = json_set_boolean(way, "guard", directive->guard == DIRECTIVE_GUARD_YES);
    result = result ? result : json_set_integer(way, "repeat", directive->repeat);
    result = result ? result : json_set_string(way, "process", settings_process_name(settings));
    result = result ? result : json_set_string(way, "arguments", settings->arguments);
    result = result ? result : json_set_boolean(way, "disk", !strcmp(settings_mode(settings), "disk"));
    result = result ? result : json_set_string(way, "marshaller", settings_marshaller(settings));
    result = result ? result : set_ranks(way, settings, directive);
    if (result == 0)
        return way;
    json_free(way);
    return NULL;
}

struct json *measured_cell_options(const struct cell *cell, const struct directive *directive)
{
    struct json *options = json_object();
    int result = json_set_integer(options, "execution_count", (int64_t)cell->execution_count);
    if (result == 0 &&
        (directive->kind == DIRECTIVE_EXECUTE || directive->kind == DIRECTIVE_FINALIZE_MARKING))
        result = json_set(options, "measure", measured_cell_way(cell->settings, directive));
    if (result == 0)
        return options;
    json_free(options);
    return NULL;
}

int measured_cell_mistakes_ranks(const struct cell *cell, const struct directive *directive,
                                 struct decision *decision)
{
    int launcher = *cell->settings->launcher != 0, result;
    if (*directive->gather && !directive->ranks && !launcher)
        result = decision_refuse(
            decision, "--gather has no ranks to gather from: say how many with --ranks N, or set what "
                      "starts them with %%%%scorep_launcher. Nothing was run.");
    else if (launcher && directive->repeat > 1)
        result = decision_refuse(
            decision,
            "The launcher starts ranks, which cannot have --repeat %u: repeat inside the cell's code, or "
            "run the cell again; `%%%%scorep_launcher -` takes the launcher back. Nothing was run.",
            directive->repeat);
    else
        return 0;
    return result ? result : 1;
}

int decide_measured(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    int refused = measured_cell_mistakes_ranks(cell, directive, decision);
    if (refused)
        return refused < 0 ? refused : 0;
    return decision_send(decision, measured_cell_options(cell, directive));
}
