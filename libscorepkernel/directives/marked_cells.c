/* SPDX-License-Identifier: BSD-3-Clause
 *
 * marked_cells.c - the list of marked cells. Owns their texts, of whose content only the directives matter
 * here. Pure.
 */
#include "directives/marked_cells.h"

#include "base/print.h"
#include "base/text.h"
#include "base/utf8.h"
#include "directives/directive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_cell(struct marked_cell *cell)
{
    free(cell->id);
    free(cell->code);
}

static char *copy_of(struct spk_text text)
{
    char *copy = malloc(text.len + 1);
    if (copy) {
        if (text.len)
            memcpy(copy, text.data, text.len);
        copy[text.len] = 0;
    }
    return copy;
}

/* The cell of that id; count: there is none. A client that gives no ids marks each cell anew. */
static size_t find(const struct marked_cells *marked, struct spk_text id)
{
    size_t at = 0;
    while (at < marked->count && !(id.len && text_is(id, marked->cells[at].id)))
        at++;
    return at;
}

int marked_cells_add(struct marked_cells *marked, struct spk_text id, struct spk_text code, size_t *position,
                     int *replaced)
{
    size_t at = find(marked, id);
    size_t freed = at < marked->count ? marked->cells[at].len : 0;
    if (at == MARKED_MAX || code.len > MARKED_MAX_LEN - (marked->len - freed))
        return -E2BIG;
    if (at == marked->count) {
        struct marked_cell *cells = realloc(marked->cells, (at + 1) * sizeof *cells);
        if (!cells)
            return -ENOMEM;
        cells[at] = (struct marked_cell){0};
        marked->cells = cells;
    }
    char *kept_id = copy_of(id), *kept_code = copy_of(code);
    if (!kept_id || !kept_code) {
        free(kept_id);
        free(kept_code);
        return -ENOMEM;
    }
    *replaced = at < marked->count;
    marked->count += *replaced ? 0 : 1;
    free_cell(&marked->cells[at]);
    marked->cells[at] = (struct marked_cell){kept_id, kept_code, code.len};
    marked->len += code.len - freed;
    *position = at + 1;
    return 0;
}

int marked_cells_remove(struct marked_cells *marked, size_t position)
{
    if (position < 1 || position > marked->count)
        return -EINVAL;
    struct marked_cell *cell = &marked->cells[position - 1];
    marked->len -= cell->len;
    free_cell(cell);
    memmove(cell, cell + 1, (marked->count - position) * sizeof *cell);
    marked->count--;
    return 0;
}

int marked_cells_move(struct marked_cells *marked, size_t from, size_t to)
{
    if (from < 1 || from > marked->count || to < 1 || to > marked->count)
        return -EINVAL;
    struct marked_cell moved = marked->cells[from - 1];
    struct marked_cell *cells = marked->cells;
    if (from < to)
        memmove(&cells[from - 1], &cells[from], (to - from) * sizeof *cells);
    else
        memmove(&cells[to], &cells[to - 1], (from - to) * sizeof *cells);
    cells[to - 1] = moved;
    return 0;
}

void marked_cells_clear(struct marked_cells *marked)
{
    for (size_t i = 0; i < marked->count; i++)
        free_cell(&marked->cells[i]);
    free(marked->cells);
    free(marked->options);
    *marked = (struct marked_cells){0};
}

static struct spk_text without_leading_space(struct spk_text text)
{
    while (text.len && text_is_space(text.data[0]))
        text = text_after(text, 1);
    return text;
}

struct spk_text marked_cells_first_line(struct spk_text code)
{
    static const char directive[] = "%%execute_with_scorep"; /* which has no effect here, and says nothing */
    for (;;) {
        code = without_leading_space(code);
        const char *end = code.len ? memchr(code.data, '\n', code.len) : NULL;
        struct spk_text line = {code.data, end ? (size_t)(end - code.data) : code.len};
        if (!end || !text_begins(line, directive))
            return (struct spk_text){line.data, utf8_cut(line.data, line.len, MARKED_LINE_MAX)};
        code = text_after(code, line.len);
    }
}

/* Whether a cell is instrumented in a script. *all: whether those are that do not say so themselves; the cell
 * may change that for the next ones. */
static int is_instrumented(const struct marked_cell *cell, int *all)
{
    struct directive directive;
    directive_read((struct spk_text){cell->code, cell->len}, &directive);
    if (directive.kind == DIRECTIVE_ENABLE_MARKING || directive.kind == DIRECTIVE_FINALIZE_MARKING)
        *all = directive.kind == DIRECTIVE_ENABLE_MARKING;
    return directive.kind == DIRECTIVE_EXECUTE || (directive.kind == DIRECTIVE_NONE && *all);
}

int marked_cells_is_instrumented(const struct marked_cells *marked, size_t position)
{
    int all = 0, result = 0;
    for (size_t i = 0; i < position && i < marked->count; i++)
        result = is_instrumented(&marked->cells[i], &all);
    return result;
}

int marked_cells_list(const struct marked_cells *marked, struct buffer *out)
{
    const char *end = marked->mode == MARKED_WRITE
                          ? "written by %%end_writefile; those with a * are instrumented"
                          : "run by %%finalize_multicellmode";
    int all = 0;
    int result =
        marked->count ? print_text(out, "Marked, to be %s:\n", end) : print_text(out, "No cell is marked.\n");
    for (size_t i = 0; result == 0 && i < marked->count; i++) {
        struct spk_text line =
            marked_cells_first_line((struct spk_text){marked->cells[i].code, marked->cells[i].len});
        int star = is_instrumented(&marked->cells[i], &all) && marked->mode == MARKED_WRITE;
        result = print_text(out, "%3zu%c %.*s\n", i + 1, star ? '*' : ' ', (int)line.len, line.data);
    }
    return result;
}
