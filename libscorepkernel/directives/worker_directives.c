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

/* A program that shows experiments is started after measured cells, or no longer. */
int decide_viewer(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    struct json *options = measured_cell_options(cell, directive);
    int is_cube = directive->kind == DIRECTIVE_CUBE_ON || directive->kind == DIRECTIVE_CUBE_OFF;
    int on = directive->kind == DIRECTIVE_VAMPIR_ON || directive->kind == DIRECTIVE_CUBE_ON;
    const char *viewer = is_cube ? "cube" : "vampir";
    int result = json_set_text(options, "viewer", viewer, strlen(viewer));
    result = result ? result : json_set_boolean(options, "on", on);
    if (result == 0)
        return decision_send(decision, options);
    json_free(options);
    return result;
}
