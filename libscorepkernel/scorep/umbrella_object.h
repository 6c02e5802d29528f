/* SPDX-License-Identifier: BSD-3-Clause
 *
 * umbrella_object.h - a shared object that says which libraries belong together, and nothing else. Pure.
 */
#ifndef SCOREP_UMBRELLA_OBJECT_H
#define SCOREP_UMBRELLA_OBJECT_H

#include <stddef.h>

/** Write it into image, which has room for size bytes: needed are count absolute paths. like is the ELF
 * header of any program for this machine. Its length, -ENOSPC, or -ENOEXEC when like is none of a 64-bit
 * machine. */
long umbrella_object_make(const unsigned char like[64], const char *const *needed, size_t count,
                          unsigned char *image, size_t size);

/** The same for this machine, like the program that runs: the one call here that opens a file. */
long umbrella_object_make_here(const char *const *needed, size_t count, unsigned char *image, size_t size);

#endif
