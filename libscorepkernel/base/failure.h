/* SPDX-License-Identifier: BSD-3-Clause
 *
 * failure.h - telling the caller what went wrong.
 */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include "scorepkernel.h"

/** Fill error (NULL is allowed), and return code, a negative errno. */
int failure_set(struct spk_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** What an errno, positive or negative, means. */
const char *failure_text(int code);

#endif
