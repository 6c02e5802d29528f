/* SPDX-License-Identifier: BSD-3-Clause
 *
 * paths.h - where the library's own parts and the user's Python are.
 */
#ifndef PROCESS_PATHS_H
#define PROCESS_PATHS_H

#include <stddef.h>

#include "scorepkernel.h"

#define PATHS_MAX 4096

/** The directory of the helper program and the worker: "scorepkernel" beside the library. */
int paths_private(char path[PATHS_MAX], struct spk_error *error);

/** The absolute path of the interpreter that name stands for, looked up on the PATH of environment
 * (NAME=VALUE strings, closed by NULL), or from directory if name is a relative path. A symbolic link is not
 * followed, since the Python of a virtual environment is one. */
int paths_python(const char *name, const char *const *environment, const char *directory,
                 char path[PATHS_MAX], struct spk_error *error);

/** The value of name in environment, or NULL. */
const char *paths_variable(const char *const *environment, const char *name);

#endif
