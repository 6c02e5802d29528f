/* SPDX-License-Identifier: BSD-3-Clause
 *
 * env.h - the lines of %%scorep_env.
 */
#ifndef ENV_H
#define ENV_H

#include "scorepkernel.h"

#include <stddef.h>

struct json;

#define ENV_VALUE_MAX ((size_t)64 << 10) /* bytes */

/** Read KEY=VALUE and -KEY lines into changes, a JSON array of [key, value], and of [key] for what is unset.
 * 0; -EINVAL: a line is wrong, and why, for the user, is in error, which has size bytes; -ENOMEM. changes may
 * hold some of it then. */
int env_read(struct spk_text text, struct json *changes, char *error, size_t size);

#endif
