/* SPDX-License-Identifier: BSD-3-Clause
 *
 * otf2_libc: what OTF2 gets instead of some functions of the C library, see otf2_libc.c. */
#ifndef TRACER_OTF2_OTF2_LIBC_H
#define TRACER_OTF2_OTF2_LIBC_H

#include <stdbool.h>

/* Whether OTF2 gets the memory that its writers do not need and its readers may: of archives with large
 * chunks. */
extern bool otf2_libc_is_reading;

#endif
