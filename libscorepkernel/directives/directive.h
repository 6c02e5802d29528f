/* SPDX-License-Identifier: BSD-3-Clause
 *
 * directive.h - the directives of a cell. Pure.
 */
#ifndef DIRECTIVES_DIRECTIVE_H
#define DIRECTIVES_DIRECTIVE_H

#include <stddef.h>

#include "scorepkernel.h"

/* What a directive is about; directives.def says more of each. */
enum directive_kind {
    DIRECTIVE_NONE, /* an ordinary cell: none of our business */
    DIRECTIVE_BAD,  /* one of ours, but not as it must be: error says how */
#define DIRECTIVE(kind, name, form, handler, help, usage, summary) DIRECTIVE_##kind,
#include "directives/directives.def"
    DIRECTIVE_KINDS /* how many there are */
};

/* Whether the session is kept safe from the cell: --guard, --no-guard. */
enum directive_guard { DIRECTIVE_GUARD_AUTO, DIRECTIVE_GUARD_YES, DIRECTIVE_GUARD_NO };

#define DIRECTIVE_REPEAT_MAX 1000u
#define DIRECTIVE_RANKS_MAX 65536u
#define DIRECTIVE_GATHER_MAX 1024u /* bytes of all names, with the commas between them */

struct directive {
    enum directive_kind kind;
    struct spk_text line; /* the directive as written, without the newline; borrowed from the cell */
    size_t lines;         /* how many lines the directive and what stands before it take */
    enum directive_guard guard;
    unsigned repeat;                       /* how often the cell is measured */
    unsigned ranks;                        /* as how many processes it runs; 0: the cell does not say */
    char gather[DIRECTIVE_GATHER_MAX + 1]; /* the names whose values come back from all ranks, with commas */
    unsigned numbers[2];                   /* what DIRECTIVE_UNMARK and DIRECTIVE_MOVE are about */
    struct spk_text
        body; /* what follows the directive's name: the rest of its line, and the lines after it */
    char error[512];
};

/** Read the directive in the first line of cell that is neither blank nor a comment. */
void directive_read(struct spk_text cell, struct directive *directive);

/** Whether there is code below a directive that is all of its cell, so that nobody runs it. */
int directive_drops_code(const struct directive *directive);

#endif
