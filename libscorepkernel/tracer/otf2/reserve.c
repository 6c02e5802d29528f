/* SPDX-License-Identifier: BSD-3-Clause
 *
 * reserve: see reserve.h. Owns one descriptor, closed on exec. */
#include "tracer/otf2/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* O_TMPFILE has no name that could be left behind, but not every file system has O_TMPFILE. */
static int open_nameless(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/traces.reserve", directory);
    if (len < 0 || (size_t)len >= sizeof path)
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        (void)unlink(path); /* a file left under its name is untidy, not wrong */
    return fd;
}

void reserve_init(struct reserve *reserve, const char *directory)
{
    reserve->held = 0;
    reserve->fd = open_nameless(directory);
}

/* Growing past the limit on file sizes raises SIGXFSZ, which kills a process that does not expect it. */
static bool exceeds_file_size_limit(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    return limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur;
}

int reserve_grow(struct reserve *reserve, uint64_t bytes)
{
    if (reserve->fd < 0)
        return 0;
    uint64_t wanted = reserve->held + bytes;
    if (wanted > INT64_MAX || exceeds_file_size_limit(wanted))
        return -EFBIG;
    int result;
    do {
        /* From 0 on: blocks that are there already cost nothing, and a gap is impossible. */
        result = fallocate(reserve->fd, 0, 0, (off_t)wanted);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        reserve->held = wanted;
        return 0;
    }
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) {
        int code = errno;
        /* A failed claim may have taken some blocks: the disk is full, somebody may need them. */
        (void)!ftruncate(reserve->fd, (off_t)reserve->held);
        return -code;
    }
    reserve_finish(reserve); /* EOPNOTSUPP and its relatives: this file system does not reserve */
    return 0;
}

void reserve_shrink(struct reserve *reserve, uint64_t bytes)
{
    if (reserve->fd < 0)
        return;
    uint64_t left = bytes < reserve->held ? reserve->held - bytes : 0;
    if (ftruncate(reserve->fd, (off_t)left) == 0)
        reserve->held = left;
}

void reserve_finish(struct reserve *reserve)
{
    if (reserve->fd >= 0)
        (void)close(reserve->fd); /* the file has no name and no content: nothing can be lost */
    reserve->fd = -1;
    reserve->held = 0;
}
