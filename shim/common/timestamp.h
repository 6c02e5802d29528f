/* SPDX-License-Identifier: BSD-3-Clause
 *
 * timestamp.h - the time as Jupyter's messages carry it.
 */
#ifndef SHIM_COMMON_TIMESTAMP_H
#define SHIM_COMMON_TIMESTAMP_H

#ifdef __cplusplus
extern "C" {
#endif

#define TIMESTAMP_MAX 64

/** Now, as ISO 8601 in UTC with microseconds. */
void timestamp_now(char text[TIMESTAMP_MAX]);

#ifdef __cplusplus
}
#endif

#endif
