/* SPDX-License-Identifier: BSD-3-Clause
 *
 * otf2_libc: what OTF2 gets instead of three functions of the C library, through the linker's --wrap, when
 * OTF2 is linked statically. All for the sake of being a guest in somebody's process. */
#include "tracer/otf2/otf2_libc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker makes these names; they cannot be chosen. */
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
long __wrap_gethostid(void);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

bool otf2_libc_is_reading;

/* OTF2 copies what it flushes into 4 MiB more for each file, beyond any limit on memory, and if writing
 * that fails it frees it twice (otf2_file_write_buffered, then otf2_file_finalize; so in 3.0 and 3.2).
 * Without memory for it, OTF2 writes straight to the file: so there is none. Nothing else that writes here
 * asks malloc for exactly so much; readers do, for chunks of OTF2's default size. */
void *__wrap_malloc(size_t size)
{
    return size == (size_t)4 * 1024 * 1024 && !otf2_libc_is_reading ? NULL : __real_malloc(size);
}

/* OTF2 keeps a location's file open from its first flush to the end of the measurement. A child process
 * must not inherit it by exec, and a forked child must find nothing buffered that its exit would write. */
FILE *__wrap_fopen(const char *path, const char *mode)
{
    char with_cloexec[8];
    if (strlen(mode) + 2 > sizeof with_cloexec)
        return __real_fopen(path, mode);
    (void)snprintf(with_cloexec, sizeof with_cloexec, "%se", mode);
    FILE *file = __real_fopen(path, with_cloexec);
    if (file && mode[0] == 'w')
        (void)setvbuf(file, NULL, _IONBF, 0); /* whole chunks are written: no use for a buffer */
    return file;
}

/* OTF2 hashes it into the trace's identifier, beside the time of day and more. The C library's asks the
 * name service for the host's address: that loads libraries into the process and may wait for a network. */
long __wrap_gethostid(void)
{
    char name[256] = "";
    FILE *file = __real_fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file) {
        if (!fgets(name, sizeof name, file))
            name[0] = '\0';
        (void)fclose(file);
    }
    unsigned long hash = 5381;
    for (size_t i = 0; name[i] != '\0'; i++)
        hash = hash * 33u + (unsigned char)name[i];
    return (long)(hash & 0x7fffffffu) | 1; /* OTF2 asks again and again while it is 0 */
}
