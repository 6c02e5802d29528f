/* SPDX-License-Identifier: BSD-3-Clause
 *
 * environment.h - what this process was given: its environment, and the place of its program.
 */
#ifndef SHIM_COMMON_ENVIRONMENT_H
#define SHIM_COMMON_ENVIRONMENT_H

#include "scorepkernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ENVIRONMENT_PATH_MAX 4096

/** The value of an environment variable, or NULL when it is not set or empty. Nothing in this program changes
 * the environment. */
const char *environment_variable(const char *name);

/** A path relative to the directory of this executable, made absolute without looking whether it is there. 0
 * or a negative errno. */
int environment_beside(const char *relative, char path[ENVIRONMENT_PATH_MAX], struct spk_error *error);

#ifdef __cplusplus
}
#endif

#endif
