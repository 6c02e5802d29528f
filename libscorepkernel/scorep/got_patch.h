/* SPDX-License-Identifier: BSD-3-Clause
 *
 * got_patch.h - what a library calls instead of a function of the C library.
 */
#ifndef SCOREP_GOT_PATCH_H
#define SCOREP_GOT_PATCH_H

#include <link.h>
#include <stddef.h>

struct got_patch {
    const char *name;  /* of the function or variable, as the library refers to it */
    void *replacement; /* its address */
};

/** Have one loaded library, and no other, use the replacements. Returns the number of references that were
 * changed, or a negative errno: -ENOTSUP on a machine whose relocations are not known. */
int got_patch_apply(const struct dl_phdr_info *library, const struct got_patch *patches, size_t count);

#endif
