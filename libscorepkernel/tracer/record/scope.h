/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scope: whose code a file is. Pure: file names in, a kind out. */
#ifndef TRACER_RECORD_SCOPE_H
#define TRACER_RECORD_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCOPE_PREFIXES_MAX 4096u
#define SCOPE_CELLS_MAX 1024u
#define SCOPE_TEXT_MAX 4096u /* bytes of a prefix or of the cell's file name */

enum kind {
    KIND_USER,    /* always recorded */
    KIND_LIBRARY, /* recorded where the user's code called it */
    KIND_OWN,     /* never recorded: the kernel's own and IPython's, and the import system */
    KIND_THROUGH, /* never recorded, and what it calls is as if its caller had called it: wrappers */
    KIND_ROOT     /* a measured cell's code: its entry and its end are those of the recording */
};

struct prefix {
    char *text; /* owned */
    size_t len;
    enum kind kind;
};

struct scope {
    struct scope_cell {
        char *file; /* owned, and so is name */
        char *name; /* of its region; NULL: <module> */
    } * cells;
    uint32_t cell_count;
    struct prefix *prefixes; /* the first one that fits decides */
    uint32_t count;
};

void scope_init(struct scope *scope);
void scope_finish(struct scope *scope);

/* A measured cell, by the file name of its code; name may be NULL. 0, -ENOMEM, -E2BIG. */
int scope_add_cell(struct scope *scope, const char *file, const char *name);
/* What its region is called; NULL: as Python calls a module's code. */
const char *scope_cell_name(const struct scope *scope, const char *file);
/* 0, -ENOMEM, -E2BIG. Of two prefixes that fit a file, the one that was added first decides. */
int scope_add(struct scope *scope, const char *prefix, enum kind kind);

/* function: the code's own name, `<module>` for instance. */
enum kind scope_kind(const struct scope *scope, const char *file, const char *function);

#endif
