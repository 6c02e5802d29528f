/* SPDX-License-Identifier: BSD-3-Clause
 *
 * environment_lines.h - the lines of %%scorep_env.
 */
#ifndef DIRECTIVES_ENVIRONMENT_LINES_H
#define DIRECTIVES_ENVIRONMENT_LINES_H

#include "scorepkernel.h"

#include <stddef.h>

struct json;

#define ENVIRONMENT_VALUE_MAX ((size_t)64 << 10) /* bytes */

/** Read KEY=VALUE and -KEY lines into changes, a JSON array of [key, value], and of [key] for what is unset.
 * 0; -EINVAL: a line is wrong, and why, for the user, is in error, which has size bytes; -ENOMEM. changes may
 * hold some of it then. */
int environment_lines_read(struct spk_text text, struct json *changes, char *error, size_t size);

#endif
