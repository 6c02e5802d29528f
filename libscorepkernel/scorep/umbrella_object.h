/* SPDX-License-Identifier: BSD-3-Clause
 *
 * root.h - a shared object that says which libraries belong together, and nothing else. Pure.
 */
#ifndef SCOREP_ROOT_H
#define SCOREP_ROOT_H

#include <stddef.h>

/** Write it into image, which has room for size bytes: needed are count absolute paths. like is the ELF
 * header of any program for this machine. Its length, -ENOSPC, or -ENOEXEC when like is none of a 64-bit
 * machine. */
long root_make(const unsigned char like[64], const char *const *needed, size_t count, unsigned char *image,
               size_t size);

/** The same for this machine, like the program that runs: the one call here that opens a file. */
long root_make_here(const char *const *needed, size_t count, unsigned char *image, size_t size);

#endif
