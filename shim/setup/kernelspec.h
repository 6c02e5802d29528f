/* SPDX-License-Identifier: BSD-3-Clause
 *
 * kernelspec.h - the directory by which Jupyter knows a kernel: kernel.json and the logos.
 */
#ifndef SHIM_SETUP_KERNELSPEC_H
#define SHIM_SETUP_KERNELSPEC_H

#include "scorepkernel.h"

struct kernelspec {
    const char *program; /* absolute path of this executable */
    const char *python;  /* absolute path, or NULL: left to the library */
    const char *display_name;
    const char *logos; /* a directory; what is missing there is left out */
};

/** Write DIRECTORY/NAME as a whole: it is there complete or, on failure, as it was before. One that this
 * program wrote earlier is replaced, one of somebody else's is refused. DIRECTORY is made if need be. 0 or a
 * negative errno. */
int kernelspec_write(const char *directory, const char *name, const struct kernelspec *spec,
                     struct spk_error *error);

#endif
