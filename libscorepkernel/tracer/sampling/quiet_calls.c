/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quiet_calls: see quiet_calls.h. Who records calls puts itself into the table by which a library calls
 * others (its global offset table), or wraps names; the system itself is called past that, and so is a
 * function whose address was taken when this library was loaded. */
#include "tracer/sampling/quiet_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Variables and no constants: else the compiler would call the functions by their names. */
static int (*volatile create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                              void *) = pthread_create;
static int (*volatile join)(pthread_t, void **) = pthread_join;

int quiet_open(const char *path)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

void quiet_close(int fd)
{
    (void)syscall(SYS_close, fd); /* opened for reading: nothing can be lost */
}

ssize_t quiet_read(int fd, void *to, size_t len)
{
    return (ssize_t)syscall(SYS_pread64, fd, to, len, (off_t)0);
}

int quiet_thread_create(pthread_t *thread, void *(*run)(void *), void *argument)
{
    return create(thread, NULL, run, argument);
}

void quiet_thread_join(pthread_t thread)
{
    (void)join(thread, NULL); /* fails for what is no thread */
}
