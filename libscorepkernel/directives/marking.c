/* SPDX-License-Identifier: BSD-3-Clause
 *
 * marking.c - many cells as one: the modes in which cells are marked instead of run, to be measured together
 * or written to a script. The list itself is marked_cells.c's. Pure.
 */
#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/print.h"
#include "base/text.h"
#include "base/utf8.h"
#include "directives/handlers.h"
#include "directives/measured_cell.h"
#include "directives/script_directive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Done, with the list of the marked cells behind those words. */
static int done_with_list(const struct cell *cell, const char *before, struct decision *decision)
{
    struct buffer text = {0};
    int result = print_text(&text, "%s", before);
    result = result ? result : marked_cells_list(cell->marked, &text);
    result = result ? result : buffer_append(&text, "", 1);
    result = result ? result : decision_done(decision, "%s", (const char *)buffer_bytes(&text));
    buffer_finish(&text);
    return result;
}

/* --- one cell --------------------------------------------------------------------------------------------
 */

/* What becomes of a cell that has just been marked. */
static const char *fate(const struct marked_cells *marked, size_t position, enum directive_kind kind)
{
    if (marked->mode != MARKED_WRITE)
        return "It is run by %%finalize_multicellmode.";
    if (script_directive_is(kind))
        return script_directive_effect(kind);
    return marked_cells_is_instrumented(marked, position)
               ? "It is written by %%end_writefile, instrumented."
               : "It is written by %%end_writefile, not instrumented.";
}

int decide_mark(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    struct spk_text line = marked_cells_first_line(cell->code);
    size_t position;
    int replaced;
    int result = marked_cells_add(cell->marked, cell->id, cell->code, &position, &replaced);
    if (result != 0)
        return decision_refuse(decision, "The cell could not be marked: %s.",
                               result == -E2BIG ? "there are too many, or they are too long"
                                                : failure_text(-result));
    return decision_done(decision, "Marked as cell %zu%s: %.*s\n%s\n", position,
                         replaced ? ", in place of what it was" : "",
                         (int)utf8_cut(line.data, line.len, MARKED_LINE_MAX), line.data,
                         fate(cell->marked, position, directive->kind));
}

int decide_mark_directive(const struct cell *cell, const struct directive *directive,
                          struct decision *decision)
{
    char error[512];
    int result = script_directive_check(directive, error, sizeof error);
    if (result == 0)
        return decide_mark(cell, directive, decision);
    return decision_refuse(decision, "%s", result == -EINVAL ? error : failure_text(-result));
}

/* One of the directive's numbers is no marked cell's. */
static int refuse_numbers(const struct marked_cells *marked, const struct directive *directive,
                          struct decision *decision)
{
    unsigned first = directive->numbers[0], number = first > marked->count ? first : directive->numbers[1];
    if (!marked->count)
        return decision_refuse(decision, "No cell is marked.");
    return decision_refuse(
        decision,
        "There is no marked cell %u: there are 1 to %zu, which %%scorep_marked lists. They "
        "are as before.",
        number, marked->count);
}

int decide_marked(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    struct marked_cells *marked = cell->marked;
    int result = directive->kind == DIRECTIVE_UNMARK ? marked_cells_remove(marked, directive->numbers[0])
                 : directive->kind == DIRECTIVE_MOVE
                     ? marked_cells_move(marked, directive->numbers[0], directive->numbers[1])
                     : 0;
    if (result != 0)
        return refuse_numbers(marked, directive, decision);
    return done_with_list(cell, "", decision);
}

/* --- the modes -------------------------------------------------------------------------------------------
 */

/* The mode that a directive begins or ends. */
static enum marked_mode mode_of(enum directive_kind kind)
{
    return kind == DIRECTIVE_START_WRITING || kind == DIRECTIVE_END_WRITING || kind == DIRECTIVE_ABORT_WRITING
               ? MARKED_WRITE
               : MARKED_MEASURE;
}

static const char *mode_name(enum marked_mode mode)
{
    return mode == MARKED_WRITE ? "Write mode" : "Multi-cell mode";
}

static int refuse_mode_off(enum marked_mode mode, struct decision *decision)
{
    return decision_refuse(decision, "%s is not on; %s begins it.", mode_name(mode),
                           mode == MARKED_WRITE ? "%%start_writefile" : "%%enable_multicellmode");
}

/* Write mode goes on, to another script. */
static int change_options(const struct cell *cell, struct spk_text options, struct decision *decision)
{
    char *copy = strndup(options.data, options.len), text[512];
    if (!copy)
        return -ENOMEM;
    free(cell->marked->options);
    cell->marked->options = copy;
    options = text_trimmed(options);
    utf8_format(text, sizeof text, "Write mode goes on, with %.*s. ",
                (int)utf8_cut(options.data, options.len, 100), options.data);
    return done_with_list(cell, text, decision);
}

int decide_begin_marking(const struct cell *cell, const struct directive *directive,
                         struct decision *decision)
{
    struct marked_cells *marked = cell->marked;
    struct spk_text options = directive->body;
    enum marked_mode mode = mode_of(directive->kind);
    if (marked->mode == mode && mode == MARKED_WRITE && text_trimmed(options).len)
        return change_options(cell, options, decision); /* the name that there was is taken, for one */
    if (marked->mode == mode)
        return done_with_list(
            cell, mode == MARKED_WRITE ? "Write mode is on already. " : "Multi-cell mode is on already. ",
            decision);
    if (marked->mode != MARKED_OFF)
        return decision_refuse(decision, "%s is on: end it first.", mode_name(marked->mode));
    marked->options = strndup(options.data, options.len);
    if (!marked->options)
        return -ENOMEM;
    marked->mode = mode;
    return decision_done(
        decision, "%s",
        mode == MARKED_WRITE
            ? "Write mode is on: cells are marked instead of run, until %%end_writefile writes them to a "
              "script, or %%abort_writefile forgets them.\n"
            : "Multi-cell mode is on: cells are marked instead of run, until %%finalize_multicellmode runs "
              "them under one measurement, or %%abort_multicellmode forgets them.\n");
}

int decide_abort_marking(const struct cell *cell, const struct directive *directive,
                         struct decision *decision)
{
    enum marked_mode mode = mode_of(directive->kind);
    if (mode == MARKED_MEASURE && cell->marked->mode == MARKED_WRITE)
        return decision_done(
            decision, "%s",
            "Write mode is on, where %%abort_multicellmode does nothing: the marked cells stay as they "
            "are. %scorep_marked lists them, %scorep_unmark N takes one out, and "
            "%%abort_writefile forgets them all.\n");
    if (cell->marked->mode != mode)
        return refuse_mode_off(mode, decision);
    size_t count = cell->marked->count;
    marked_cells_clear(cell->marked);
    return decision_done(decision, "%s is off; %zu marked %s forgotten.\n", mode_name(mode), count,
                         count == 1 ? "cell is" : "cells are");
}

/* --- the end of a mode -----------------------------------------------------------------------------------
 */

/* One marked cell as JSON; its own directive, whose options have no effect here, is known by its lines.
 * settings: those of the cells so far. NULL: no memory. */
static struct json *marked_json(const struct marked_cell *marked, struct settings *settings)
{
    struct json *object = json_object();
    struct directive directive;
    directive_read((struct spk_text){marked->code, marked->len}, &directive);
    int result = json_set_text(object, "code", marked->code, marked->len);
    result = result ? result : json_set_string(object, "id", marked->id);
    result = result ? result
                    : json_set_integer(object, "lines",
                                       directive.kind == DIRECTIVE_EXECUTE ? (int64_t)directive.lines : 0);
    result = result ? result : script_directive_describe(&directive, settings, object);
    if (result == 0)
        return object;
    json_free(object);
    return NULL;
}

/* All marked cells, as a member of options. 0 or -errno. */
static int add_cells(const struct cell *cell, struct json *options)
{
    const struct marked_cells *marked = cell->marked;
    struct settings settings = *cell->settings;
    struct json *cells = json_array();
    int result = 0;
    for (size_t i = 0; result == 0 && i < marked->count; i++)
        result = json_append(cells, marked_json(&marked->cells[i], &settings));
    if (result == 0)
        return json_set(options, "cells", cells);
    json_free(cells);
    return result;
}

int decide_end_marking(const struct cell *cell, const struct directive *directive, struct decision *decision)
{
    struct marked_cells *marked = cell->marked;
    enum marked_mode mode = mode_of(directive->kind);
    if (marked->mode != mode)
        return refuse_mode_off(mode, decision);
    if (!marked->count)
        return decision_refuse(decision, "No cell is marked: run those that are meant, then this one.");
    int refused = measured_cell_mistakes_ranks(cell, directive, decision);
    if (refused)
        return refused < 0 ? refused : 0;
    struct json *options = measured_cell_options(cell, directive);
    int result = options ? add_cells(cell, options) : -ENOMEM;
    if (result == 0 && mode == MARKED_WRITE) {
        result = json_set_string(options, "write", marked->options);
        result = result ? result : json_set_string(options, "arguments", cell->settings->arguments);
    }
    if (result != 0) {
        json_free(options);
        return result;
    }
    decision->ends = mode;
    return decision_send(decision, options);
}
