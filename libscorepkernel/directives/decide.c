/* SPDX-License-Identifier: BSD-3-Clause
 *
 * decide.c - what is to be done with a cell: by the handler of its directive, as the table names it. Pure.
 */
#include "directives/decide.h"

#include "base/utf8.h"
#include "directives/handlers.h"
#include "directives/script_directive.h"

/* The handler of each kind. One that is not in the table has none. */
static decision_handler *handler_of(enum directive_kind kind)
{
    static decision_handler *const handlers[DIRECTIVE_KINDS] = {
#define DIRECTIVE(kind, name, form, handler, help, usage, summary) [DIRECTIVE_##kind] = (handler),
#include "directives/directives.def"
    };
    return kind < DIRECTIVE_KINDS ? handlers[kind] : NULL;
}

/* What stands below a directive that is all of its cell is not dropped without a word. */
static void note_code_below(const struct directive *directive, struct decision *decision)
{
    if (directive_drops_code(directive))
        utf8_format(decision->note, sizeof decision->note,
                    "Note: what stands below %.*s in its cell is not run. Put it into a cell of its own.\n",
                    (int)utf8_cut(directive->line.data, directive->line.len, 80), directive->line.data);
}

int decide(const struct cell *cell, struct decision *decision)
{
    struct directive directive;
    *decision = (struct decision){.kind = DECISION_REFUSED};
    directive_read(cell->code, &directive);
    note_code_below(&directive, decision);
    if (directive.kind == DIRECTIVE_BAD)
        return decision_refuse(decision, "%s", directive.error);
    int marks = cell->marked->mode != MARKED_OFF && !cell->silent;
    if (marks && cell->marked->mode == MARKED_WRITE && script_directive_is(directive.kind))
        return decide_mark_directive(cell, &directive, decision);
    if (marks && (directive.kind == DIRECTIVE_NONE || directive.kind == DIRECTIVE_EXECUTE))
        return decide_mark(cell, &directive, decision);
    decision_handler *handler = handler_of(directive.kind);
    return (handler ? handler : decide_measured)(cell, &directive, decision);
}
