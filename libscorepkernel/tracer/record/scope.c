/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scope: see scope.h. */
#include "tracer/record/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void scope_init(struct scope *scope)
{
    *scope = (struct scope){0};
}

void scope_finish(struct scope *scope)
{
    for (uint32_t i = 0; i < scope->count; i++)
        free(scope->prefixes[i].text);
    free(scope->prefixes);
    for (uint32_t i = 0; i < scope->cell_count; i++) {
        free(scope->cells[i].file);
        free(scope->cells[i].name);
    }
    free(scope->cells);
    scope_init(scope);
}

int scope_add_cell(struct scope *scope, const char *file, const char *name)
{
    if (scope->cell_count == SCOPE_CELLS_MAX)
        return -E2BIG;
    if (!scope->cells) {
        scope->cells = calloc(SCOPE_CELLS_MAX, sizeof *scope->cells);
        if (!scope->cells)
            return -ENOMEM;
    }
    struct scope_cell cell = {strdup(file), name ? strdup(name) : NULL};
    if (!cell.file || (name && !cell.name)) {
        free(cell.file);
        free(cell.name);
        return -ENOMEM;
    }
    scope->cells[scope->cell_count++] = cell;
    return 0;
}

static const struct scope_cell *find_cell(const struct scope *scope, const char *file)
{
    for (uint32_t i = 0; i < scope->cell_count; i++)
        if (strcmp(file, scope->cells[i].file) == 0)
            return &scope->cells[i];
    return NULL;
}

const char *scope_cell_name(const struct scope *scope, const char *file)
{
    const struct scope_cell *cell = find_cell(scope, file);
    return cell ? cell->name : NULL;
}

int scope_add(struct scope *scope, const char *prefix, enum kind kind)
{
    if (scope->count == SCOPE_PREFIXES_MAX)
        return -E2BIG;
    if (!scope->prefixes) {
        scope->prefixes = calloc(SCOPE_PREFIXES_MAX, sizeof *scope->prefixes);
        if (!scope->prefixes)
            return -ENOMEM;
    }
    char *text = strdup(prefix);
    if (!text)
        return -ENOMEM;
    scope->prefixes[scope->count++] = (struct prefix){.text = text, .len = strlen(text), .kind = kind};
    return 0;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Code without a file that libraries make as they go: the methods of data classes and named tuples, the
 * wrappers of decorators, modules frozen into the interpreter. The user's own cells have such names too, so
 * these are named one by one. As libraries they are recorded below the user's code, and not below IPython's.
 */
static bool is_generated(const char *file)
{
    static const char *const generated[] = {"<frozen ", "<string>", "<decorator-gen-", "<attrs generated ",
                                            "<__array_function__ internals>"};
    for (size_t i = 0; i < sizeof generated / sizeof generated[0]; i++)
        if (begins_with(file, generated[i]))
            return true;
    return false;
}

/* Some IPythons name the code of a cell after its line, the others as Python does. */
static bool is_root_name(const char *function)
{
    return strcmp(function, "<module>") == 0 || begins_with(function, "<cell line: ");
}

/* What IPython's %%time compiles: the cell's code, in part or as a whole. */
static bool is_timed_cell(const char *file)
{
    return strcmp(file, "<timed exec>") == 0 || strcmp(file, "<timed eval>") == 0;
}

enum kind scope_kind(const struct scope *scope, const char *file, const char *function)
{
    if (find_cell(scope, file) || (scope->cell_count > 0 && is_timed_cell(file)))
        return is_root_name(function) ? KIND_ROOT : KIND_USER;
    if (begins_with(file, "<frozen importlib._bootstrap"))
        return KIND_OWN;
    for (uint32_t i = 0; i < scope->count; i++)
        if (strncmp(file, scope->prefixes[i].text, scope->prefixes[i].len) == 0)
            return scope->prefixes[i].kind;
    return is_generated(file) ? KIND_LIBRARY : KIND_USER;
}
