/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scope: whose code a file is. Pure: file names in, a kind out. */
#ifndef TRACER_SCOPE_H
#define TRACER_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCOPE_PREFIXES_MAX 4096u
#define SCOPE_TEXT_MAX 4096u /* bytes of a prefix or of the cell's file name */

enum kind {
    KIND_USER,    /* always recorded */
    KIND_LIBRARY, /* recorded where the user's code called it */
    KIND_OWN,     /* never recorded: the kernel's own and IPython's, and the import system */
    KIND_ROOT     /* a measured cell's code: its entry and its end are those of the recording */
};

struct prefix {
    char *text; /* owned */
    size_t len;
};

struct scope {
    char *cell; /* owned */
    struct prefix *prefixes;
    uint32_t own_count; /* these come first: own code may lie among the libraries */
    uint32_t count;
};

void scope_init(struct scope *scope);
void scope_finish(struct scope *scope);

/* 0 or -ENOMEM. To be called once. */
int scope_set_cell(struct scope *scope, const char *cell);
/* 0, -ENOMEM, -E2BIG. All own prefixes before the first library prefix. */
int scope_add(struct scope *scope, const char *prefix, enum kind kind);

/* function: the code's own name, `<module>` for instance. */
enum kind scope_kind(const struct scope *scope, const char *file, const char *function);

#endif
