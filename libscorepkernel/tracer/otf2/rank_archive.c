/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rank_archive: see rank_archive.h. */
#include "tracer/otf2/rank_archive.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/otf2/archive.h"

/* Definitions are read as a whole, and the longest of ours are shorter: REGIONS_MAX long names. */
#define FILE_LEN_MAX ((uint64_t)4 << 30)
#define ANCHOR_LEN_MAX ((uint64_t)64 * 1024)

int rank_archive_events_path(const char *directory, uint32_t number, char *path, struct problem *problem)
{
    return problem_path(problem, path, "%s/traces/%" PRIu64 ".evt", directory, (uint64_t)number << 32);
}

/* Opens a plain file: its descriptor and length. */
static int open_file(const char *path, int *fd, uint64_t *len, struct problem *problem)
{
    struct stat status;
    /* Does not block on a FIFO that has the name of a trace's file. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return problem_errno(problem, errno, path);
    int result = fstat(*fd, &status) == 0 ? 0 : problem_errno(problem, errno, path);
    if (result == 0 && !S_ISREG(status.st_mode))
        result = problem_flaw(problem, "it is not a file", path);
    if (result == 0)
        *len = (uint64_t)status.st_size;
    else
        close(*fd);
    return result;
}

/* Reads exactly so many bytes. */
static int read_at(int fd, uint64_t at, void *bytes, uint64_t len, const char *path, struct problem *problem)
{
    uint64_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, (unsigned char *)bytes + done, len - done, (off_t)(at + done));
        if (got < 0 && errno != EINTR)
            return problem_errno(problem, errno, path);
        if (got == 0)
            return problem_flaw(problem, "it became shorter while it was read", path);
        done += got > 0 ? (uint64_t)got : 0;
    }
    return 0;
}

/* *bytes are the caller's to free, NULL if it fails. */
static int read_file(const char *path, uint64_t max_len, unsigned char **bytes, uint64_t *len,
                     struct problem *problem)
{
    int fd;
    *bytes = NULL;
    int result = open_file(path, &fd, len, problem);
    if (result != 0)
        return result;
    if (*len > max_len)
        result = problem_flaw(problem, "it is larger than any of the built-in tracer's", path);
    else if (!(*bytes = malloc(*len + 1)))
        result = problem_errno(problem, ENOMEM, path);
    else
        result = read_at(fd, 0, *bytes, *len, path, problem);
    close(fd);
    if (result != 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return result;
}

static int read_definitions(struct rank_archive *rank_archive, struct problem *problem)
{
    char anchor_path[PATH_MAX], path[PATH_MAX];
    unsigned char *anchor = NULL;
    uint64_t anchor_len = 0, len = 0;
    int result = problem_path(problem, anchor_path, "%s/traces.otf2", rank_archive->directory);
    if (result == 0)
        result = problem_path(problem, path, "%s/traces.def", rank_archive->directory);
    if (result == 0)
        result = read_file(anchor_path, ANCHOR_LEN_MAX, &anchor, &anchor_len, problem);
    if (result == 0)
        result = read_file(path, FILE_LEN_MAX, &rank_archive->bytes, &len, problem);
    if (result == 0) {
        result = rank_archive_definitions_read(&rank_archive->definitions, anchor, anchor_len,
                                               rank_archive->bytes, len);
        if (result == -EBADMSG)
            (void)problem_flaw(problem, rank_archive->definitions.flaw, rank_archive->directory);
        else if (result != 0)
            (void)problem_errno(problem, -result, rank_archive->directory);
    }
    free(anchor);
    return result;
}

/* The chunks' headers count the events without a gap: of a file that was cut off, or of which blocks are
 * missing, one is wrong or the end is. */
static int check_chunks(int fd, uint64_t len, uint64_t events, const char *path, struct problem *problem)
{
    static const char flaw[] = "events are missing or overwritten";
    unsigned char header[RANK_ARCHIVE_CHUNK_HEADER_LEN], end[RANK_ARCHIVE_EVENT_END_LEN];
    uint64_t last = 0;
    if (len < sizeof header + sizeof end)
        return problem_flaw(problem, flaw, path);
    for (uint64_t at = 0; at < len; at += ARCHIVE_CHUNK_LEN) {
        if (len - at < sizeof header)
            return problem_flaw(problem, flaw, path);
        int result = read_at(fd, at, header, sizeof header, path, problem);
        if (result != 0)
            return result;
        if (!rank_archive_chunk_events(header, &last))
            return problem_flaw(problem, flaw, path);
    }
    int result = read_at(fd, len - sizeof end, end, sizeof end, path, problem);
    if (result == 0 && (last != events || !rank_archive_events_end(end)))
        result = problem_flaw(problem, flaw, path);
    return result;
}

static int check_events(const struct rank_archive *rank_archive, uint32_t number, struct problem *problem)
{
    char path[PATH_MAX];
    int fd = -1;
    uint64_t len = 0;
    int result = rank_archive_events_path(rank_archive->directory, number, path, problem);
    if (result == 0)
        result = open_file(path, &fd, &len, problem);
    if (result != 0)
        return result;
    result = check_chunks(fd, len, rank_archive->definitions.locations[number].events, path, problem);
    close(fd);
    return result;
}

/* Whether the archive's files can be removed. Checked before anything is done: otherwise the merged archive
 * would exist, and the rank's archive as well. */
static int check_removable(const char *path, struct problem *problem)
{
    return access(path, W_OK | X_OK) == 0 ? 0 : problem_errno(problem, errno, path);
}

int rank_archive_open(struct rank_archive *rank_archive, const char *directory, struct problem *problem)
{
    struct stat status;
    char events[PATH_MAX];
    *rank_archive = (struct rank_archive){.directory = directory};
    if (stat(directory, &status) != 0)
        return problem_errno(problem, errno, directory);
    rank_archive->device = status.st_dev;
    rank_archive->inode = status.st_ino;
    int result = read_definitions(rank_archive, problem);
    if (result == 0)
        result = problem_path(problem, events, "%s/traces", directory);
    if (result == 0)
        result = check_removable(directory, problem);
    if (result == 0)
        result = check_removable(events, problem);
    for (uint32_t i = 0; result == 0 && i < rank_archive->definitions.location_count; i++)
        result = check_events(rank_archive, i, problem);
    return result;
}

void rank_archive_close(struct rank_archive *rank_archive)
{
    rank_archive_definitions_finish(&rank_archive->definitions);
    free(rank_archive->bytes);
    rank_archive->bytes = NULL;
}

static void remove_file(const char *directory, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) < (int)sizeof path)
        (void)unlink(path);
}

/* Files that cannot be removed are left: the merged archive is complete, which is what matters. The anchor
 * file is removed first, so that no incomplete directory looks like an archive. */
void rank_archive_remove(const struct rank_archive *rank_archive)
{
    char path[PATH_MAX];
    remove_file(rank_archive->directory, "traces.otf2");
    remove_file(rank_archive->directory, "traces.def");
    for (uint32_t i = 0; i < rank_archive->definitions.location_count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "traces/%" PRIu64 ".evt", (uint64_t)i << 32);
        remove_file(rank_archive->directory, name);
        (void)snprintf(name, sizeof name, "traces/%" PRIu64 ".def", (uint64_t)i << 32);
        remove_file(rank_archive->directory, name);
    }
    if (snprintf(path, sizeof path, "%s/traces", rank_archive->directory) < (int)sizeof path)
        (void)rmdir(path);
    (void)rmdir(rank_archive->directory);
}
