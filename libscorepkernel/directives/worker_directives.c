/* SPDX-License-Identifier: BSD-3-Clause
 *
 * worker_directives.c - the directives that the worker carries out, and answers: environment variables, and
 * programs that show experiments. Pure.
 */
#include "base/failure.h"
#include "base/json_bridge.h"
#include "directives/environment_lines.h"
#include "directives/handlers.h"
#include "directives/measured_cell.h"

#include <errno.h>
#include <string.h>

/* %%scorep_env: the worker changes its environment, and tells what is in force. */
int decide_environment(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    char error[512];
    struct json *changes = json_array();
    int result = environment_lines_read(directive->body, changes, error, sizeof error);
    if (result != 0) {
        json_free(changes);
        return decision_refuse(decision, "%s", result == -EINVAL ? error : failure_text(-result));
    }
    struct json *options = measured_cell_options(cell, directive);
    result = json_set(options, "environment", changes);
    if (result == 0)
        return decision_send(decision, options);
    json_free(options);
    return result;
}

/* Whether the directive's name has that in it. */
static int names(const struct directive *directive, const char *part)
{
    return memmem(directive->line.data, (size_t)(directive->body.data - directive->line.data), part,
                  strlen(part)) != NULL;
}

/* A program that shows experiments is started after measured cells, or no longer. */
int decide_viewer(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    struct json *options = measured_cell_options(cell, directive);
    const char *viewer = names(directive, "cube") ? "cube" : "vampir";
    int result = json_set_text(options, "viewer", viewer, strlen(viewer));
    result = result ? result : json_set_boolean(options, "on", names(directive, "enable"));
    if (result == 0)
        return decision_send(decision, options);
    json_free(options);
    return result;
}
