/* SPDX-License-Identifier: BSD-3-Clause
 *
 * umbrella_object.h - a shared object that says which libraries belong together, and nothing else. Pure.
 */
#ifndef SCOREP_UMBRELLA_OBJECT_H
#define SCOREP_UMBRELLA_OBJECT_H

#include <stddef.h>

/** Write the object into image, which has room for size bytes. needed: count absolute paths of libraries.
 * like: the ELF header of any program for this machine. Returns its length, -ENOSPC, or -ENOEXEC when like is
 * not the header of a 64-bit program. */
long umbrella_object_make(const unsigned char like[64], const char *const *needed, size_t count,
                          unsigned char *image, size_t size);

/** The same for the machine of the running program, whose file is opened to see its header. */
long umbrella_object_make_here(const char *const *needed, size_t count, unsigned char *image, size_t size);

#endif
