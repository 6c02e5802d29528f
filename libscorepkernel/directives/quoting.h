/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quoting.h - quotes and backslashes, as a POSIX shell has them. The one parser of them. Pure.
 */
#ifndef DIRECTIVES_QUOTING_H
#define DIRECTIVES_QUOTING_H

#include "base/buffer.h"
#include "scorepkernel.h"

/** How many bytes belong together where text, which is not empty, begins: what is in quotes, a backslash and
 * what follows it, or just one. 0: a quote is not closed, or nothing follows a backslash. */
size_t quoting_unit(struct spk_text text);

/** Append what such a unit stands for. 0 or -ENOMEM. */
int quoting_unquote(struct spk_text unit, struct buffer *out);

#endif
