/* SPDX-License-Identifier: BSD-3-Clause
 *
 * staging: see staging.h. */
#include "tracer/otf2/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of an archive, in the order in which they appear: readers look for the last one. */
static const char *const names[] = {"traces", "traces.def", "traces.otf2"};
#define NAME_COUNT (sizeof names / sizeof names[0])

static int check_free(const char *into, struct problem *problem)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        char path[PATH_MAX];
        struct stat status;
        int result = problem_path(problem, path, "%s/%s", into, names[i]);
        if (result != 0)
            return result;
        if (lstat(path, &status) == 0)
            return problem_errno(problem, EEXIST, path);
        if (errno != ENOENT)
            return problem_errno(problem, errno, into);
    }
    return 0;
}

int staging_create(struct staging *staging, const char *into, struct problem *problem)
{
    staging->into = into;
    int result = check_free(into, problem);
    if (result == 0)
        result = problem_path(problem, staging->path, "%s/.merging-XXXXXX", into);
    if (result == 0 && !mkdtemp(staging->path))
        result = problem_errno(problem, errno, into);
    return result;
}

static int copy_bytes(int from, int to)
{
    char block[64 * 1024];
    for (;;) {
        ssize_t got = read(from, block, sizeof block);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -errno;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return -errno;
            done += put > 0 ? put : 0;
        }
    }
}

static int copy_file(const char *from, const char *to, struct problem *problem)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return problem_errno(problem, errno, from);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int result = out < 0 ? -errno : copy_bytes(in, out);
    if (out >= 0 && close(out) != 0 && result == 0) /* some file systems write no sooner */
        result = -errno;
    close(in);
    return result == 0 ? 0 : problem_errno(problem, -result, to);
}

/* First gives the file a second name, so that the rank's archive stays complete whatever happens; its own
 * name is removed at the end. File systems without hard links, and two different file systems, need a copy.
 */
int staging_add(const struct staging *staging, const char *events, uint64_t location, struct problem *problem)
{
    char path[PATH_MAX];
    int result = problem_path(problem, path, "%s/traces/%" PRIu64 ".evt", staging->path, location);
    if (result != 0 || linkat(AT_FDCWD, events, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        return result;
    return copy_file(events, path, problem);
}

/* Moves names[0..count-1] back; what was moved a moment ago can be. */
static void withdraw(const struct staging *staging, size_t count)
{
    char from[PATH_MAX], to[PATH_MAX];
    while (count-- > 0)
        if (snprintf(from, sizeof from, "%s/%s", staging->into, names[count]) < (int)sizeof from &&
            snprintf(to, sizeof to, "%s/%s", staging->path, names[count]) < (int)sizeof to)
            (void)rename(from, to);
}

int staging_publish(const struct staging *staging, struct problem *problem)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        char from[PATH_MAX], to[PATH_MAX];
        int result = problem_path(problem, from, "%s/%s", staging->path, names[i]);
        if (result == 0)
            result = problem_path(problem, to, "%s/%s", staging->into, names[i]);
        if (result == 0 && rename(from, to) != 0)
            result = problem_errno(problem, errno, to);
        if (result != 0) {
            withdraw(staging, i);
            return result;
        }
    }
    (void)rmdir(staging->path); /* empty, and harmless if it stays */
    return 0;
}

static void remove_files(const char *directory)
{
    DIR *files = opendir(directory);
    if (!files)
        return;
    struct dirent *file;
    while ((file = readdir(files))) // NOLINT(concurrency-mt-unsafe): a stream that nobody else reads
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
            (void)unlinkat(dirfd(files), file->d_name, 0);
    (void)closedir(files);
}

void staging_discard(const struct staging *staging)
{
    char events[PATH_MAX];
    if (snprintf(events, sizeof events, "%s/traces", staging->path) < (int)sizeof events) {
        remove_files(events);
        (void)rmdir(events);
    }
    remove_files(staging->path);
    (void)rmdir(staging->path);
}
