/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quiet_calls: see quiet_calls.h. Who records calls puts itself into the table by which a library calls
 * others (its global offset table), or wraps names; the system itself is called past that, and so is a
 * function whose address was taken when this library was loaded. */
#include "tracer/sampling/quiet_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Variables and no constants: else the compiler would call the functions by their names. */
static int (*volatile create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                              void *) = pthread_create;
static int (*volatile join)(pthread_t, void **) = pthread_join;

static bool is_still_open(const struct quiet_file *file)
{
    struct stat found;
    return file->is_open && fstat(file->fd, &found) == 0 && found.st_dev == file->device &&
           found.st_ino == file->inode;
}

struct quiet_file quiet_open(const char *path)
{
    struct quiet_file file = {.fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC)};
    struct stat found;
    if (file.fd >= 0 && fstat(file.fd, &found) == 0) {
        file.is_open = true;
        file.device = found.st_dev;
        file.inode = found.st_ino;
    }
    return file;
}

void quiet_close(struct quiet_file *file)
{
    if (is_still_open(file))
        (void)syscall(SYS_close, file->fd); /* opened for reading: nothing can be lost */
    file->is_open = false;
}

ssize_t quiet_read(const struct quiet_file *file, void *to, size_t len)
{
    return is_still_open(file) ? (ssize_t)syscall(SYS_pread64, file->fd, to, len, (off_t)0) : -1;
}

int quiet_thread_create(pthread_t *thread, void *(*run)(void *), void *argument)
{
    return create(thread, NULL, run, argument);
}

void quiet_thread_join(pthread_t thread)
{
    (void)join(thread, NULL); /* fails for what is no thread */
}
