/* SPDX-License-Identifier: BSD-3-Clause
 *
 * marked_cells.h - the cells that are marked instead of run: to be measured as one, or written to a script.
 */
#ifndef DIRECTIVES_MARKED_CELLS_H
#define DIRECTIVES_MARKED_CELLS_H

#include "base/buffer.h"
#include "scorepkernel.h"

#define MARKED_MAX 1000                   /* cells */
#define MARKED_MAX_LEN ((size_t)16 << 20) /* bytes of all of them */
#define MARKED_LINE_MAX ((size_t)100)     /* bytes of a line that stands for a cell */

struct marked_cells {
    enum marked_mode {
        MARKED_OFF,     /* cells are run */
        MARKED_MEASURE, /* they are marked, to be measured as one: multi-cell mode */
        MARKED_WRITE,   /* they are marked, to be written to a script: write mode */
    } mode;
    int writing;   /* the worker has been given them; they are kept until it has written them */
    char *options; /* of the directive that began the mode; may be NULL */
    struct marked_cell {
        char *id; /* the client's name for the cell; empty: it gave none */
        char *code;
        size_t len;
    } * cells; /* owned, with their texts */
    size_t count;
    size_t len; /* of all codes */
};

/** Mark a cell: where one of that id stands already it is replaced, else at the end. *position, from 1;
 * *replaced: whether it was. 0, -ENOMEM, -E2BIG: there are too many. */
int marked_cells_add(struct marked_cells *marked, struct spk_text id, struct spk_text code, size_t *position,
                     int *replaced);

/** Positions count from 1. 0; -EINVAL: there is none such. */
int marked_cells_remove(struct marked_cells *marked, size_t position);
int marked_cells_move(struct marked_cells *marked, size_t from, size_t to);

/** Forget all, and leave the mode. Safe to repeat. */
void marked_cells_clear(struct marked_cells *marked);

/** The first line of a cell that says something, or its beginning; borrowed from it. */
struct spk_text marked_cells_first_line(struct spk_text code);

/** Whether the cell at that position is instrumented in a script: by its directive, or as it stands after
 * %%enable_multicellmode. */
int marked_cells_is_instrumented(const struct marked_cells *marked, size_t position);

/** A line for each cell. 0 or -ENOMEM. */
int marked_cells_list(const struct marked_cells *marked, struct buffer *out);

#endif
