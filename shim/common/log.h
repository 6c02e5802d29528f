/* SPDX-License-Identifier: BSD-3-Clause
 *
 * log.h - telling the user what went wrong: in the caller's struct spk_error, or on standard error, which
 * is where Jupyter collects a kernel's log.
 */
#ifndef SHIM_COMMON_LOG_H
#define SHIM_COMMON_LOG_H

#include "scorepkernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Fill error (NULL is allowed) and return code, a negative errno. */
int log_set(struct spk_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** What a negative errno means. Static. */
const char *log_reason(int code);

/** One line on standard error, in one write, so that lines of several processes do not mix. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
