/* SPDX-License-Identifier: BSD-3-Clause
 *
 * graft.h - what a library calls instead of a function of the C library.
 */
#ifndef SCOREP_GRAFT_H
#define SCOREP_GRAFT_H

#include <link.h>
#include <stddef.h>

struct graft {
    const char *name;  /* of the function or variable, as the library refers to it */
    void *replacement; /* its address */
};

/** Have a loaded library use the replacements: it, and nobody else in the process. The number of references
 * that were changed, or a negative errno: -ENOTSUP on a machine whose relocations are not known. */
int graft_apply(const struct dl_phdr_info *library, const struct graft *grafts, size_t count);

#endif
