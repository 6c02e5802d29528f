/* SPDX-License-Identifier: BSD-3-Clause
 *
 * shared_file.c - a file without a name, and how another process of this user's on the same machine opens it:
 * by way of /proc, whose numbers may mean something else over there, so that the file is looked at, too.
 */
#include "ranks/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_LEN 36

/* The identifier of this boot of the machine. Empty: it cannot be read. */
static void read_boot(char boot[BOOT_LEN + 1])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, boot, BOOT_LEN) : 0;
    boot[got > 0 ? got : 0] = 0;
    if (fd >= 0)
        close(fd);
}

int shared_file_describe(int descriptor, char text[SHARED_FILE_TEXT_LEN], uint64_t *length)
{
    char boot[BOOT_LEN + 1];
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return -errno;
    read_boot(boot);
    *length = (uint64_t)status.st_size;
    snprintf(text, SHARED_FILE_TEXT_LEN, "%s %ld %d %" PRIu64 " %" PRIu64 " %" PRIu64, boot[0] ? boot : "-",
             (long)getpid(), descriptor, (uint64_t)status.st_dev, (uint64_t)status.st_ino, *length);
    return 0;
}

/* The next word as a number. 0: the word is not a number. */
static int take_number(char **rest, uint64_t *number)
{
    char *word = strsep(rest, " "), *end = word;
    errno = 0;
    *number = word ? strtoull(word, &end, 10) : 0;
    return word && end != word && *end == 0 && errno == 0;
}

int shared_file_open(struct spk_text text, uint64_t *length)
{
    char copy[SHARED_FILE_TEXT_LEN], boot[BOOT_LEN + 1], path[64], *rest = copy;
    uint64_t pid, number, device, inode;
    struct stat status;
    snprintf(copy, sizeof copy, "%.*s", (int)(text.len < sizeof copy ? text.len : 0), text.data);
    const char *theirs = strsep(&rest, " ");
    if (!take_number(&rest, &pid) || !take_number(&rest, &number) || !take_number(&rest, &device) ||
        !take_number(&rest, &inode) || !take_number(&rest, length) || rest)
        return -EINVAL;
    read_boot(boot);
    if (strcmp(boot[0] ? boot : "-", theirs) != 0)
        return -ENOENT;
    snprintf(path, sizeof path, "/proc/%" PRIu64 "/fd/%" PRIu64, pid, number);
    int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
                       O_NOCTTY); /* the number may stand for any kind of file, so opening must not block */
    if (fd < 0)
        return -ENOENT;
    if (fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode &&
        (uint64_t)status.st_size == *length)
        return fd;
    close(fd);
    return -ENOENT;
}
