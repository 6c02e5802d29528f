/* SPDX-License-Identifier: BSD-3-Clause
 *
 * magic.h - the directives of a cell. Pure.
 */
#ifndef MAGIC_H
#define MAGIC_H

#include <stddef.h>

#include "scorepkernel.h"

enum magic_kind {
    MAGIC_NONE,             /* an ordinary cell: none of our business */
    MAGIC_EXECUTE,          /* %%execute_with_scorep */
    MAGIC_SETTINGS,         /* %%marshalling_settings */
    MAGIC_ARGUMENTS,        /* %%scorep_python_binding_arguments */
    MAGIC_LAUNCHER,         /* %%scorep_launcher */
    MAGIC_ENV,              /* %%scorep_env */
    MAGIC_ENABLE_MARKING,   /* %%enable_multicellmode */
    MAGIC_FINALIZE_MARKING, /* %%finalize_multicellmode */
    MAGIC_ABORT_MARKING,    /* %%abort_multicellmode */
    MAGIC_START_WRITING,    /* %%start_writefile */
    MAGIC_END_WRITING,      /* %%end_writefile */
    MAGIC_ABORT_WRITING,    /* %%abort_writefile */
    MAGIC_VIEWER,           /* %%enable_vampir_launch_on_scorep_instrumented and its fellows */
    MAGIC_MARKED,           /* %scorep_marked */
    MAGIC_UNMARK,           /* %scorep_unmark N */
    MAGIC_MOVE,             /* %scorep_move N TO */
    MAGIC_BAD,              /* one of ours, but not as it must be: error says how */
};

/* Whether the session is kept safe from the cell: --guard, --no-guard. */
enum magic_guard { MAGIC_GUARD_AUTO, MAGIC_GUARD_YES, MAGIC_GUARD_NO };

#define MAGIC_REPEAT_MAX 1000u
#define MAGIC_RANKS_MAX 65536u
#define MAGIC_GATHER_MAX 1024u /* bytes of all names, with the commas between them */

struct magic {
    enum magic_kind kind;
    struct spk_text line; /* the directive as written, without the newline; borrowed from the cell */
    size_t lines;         /* how many lines the directive and what stands before it take */
    enum magic_guard guard;
    unsigned repeat;                   /* how often the cell is measured */
    unsigned ranks;                    /* as how many processes it runs; 0: the cell does not say */
    char gather[MAGIC_GATHER_MAX + 1]; /* the names whose values come back from all ranks, with commas */
    unsigned numbers[2];               /* what MAGIC_UNMARK and MAGIC_MOVE are about */
    struct spk_text
        body; /* what follows the directive's name: the rest of its line, and the lines after it */
    char error[512];
};

/** Read the directive in the first line of cell that is neither blank nor a comment. */
void magic_read(struct spk_text cell, struct magic *magic);

/** Whether there is code below a directive that is all of its cell, so that nobody runs it. */
int magic_drops_code(const struct magic *magic);

#endif
