/* SPDX-License-Identifier: BSD-3-Clause
 *
 * probe_python.h - whether a Python can serve a session.
 */
#ifndef SHIM_SETUP_PROBE_PYTHON_H
#define SHIM_SETUP_PROBE_PYTHON_H

#include "scorepkernel.h"

#define PROBE_PATH_MAX 4096

struct probe {
    char path[PROBE_PATH_MAX];   /* absolute; the way to it is kept, a virtual environment's link is not
                                    followed */
    char prefix[PROBE_PATH_MAX]; /* its sys.prefix */
    char version[32];
    char ipython[32];
};

/** Run name (a path, or a name looked up on PATH) and see that it is a Python of 3.9 or later with IPython. 0
 * or a negative errno; error names the remedy. */
int probe_python(const char *name, struct probe *probe, struct spk_error *error);

#endif
