/* SPDX-License-Identifier: BSD-3-Clause
 *
 * paths.c - finds the library's own parts, relative to the library itself so that a tree can be moved, and
 * the user's Python. Only looks; opens nothing.
 */
#include "process/paths.h"

#include "base/failure.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int paths_private(char path[PATHS_MAX], struct spk_error *error)
{
    Dl_info info;
    char resolved[PATH_MAX];
    if (!dladdr((void *)(uintptr_t)&paths_private, &info) || !info.dli_fname ||
        !realpath(info.dli_fname, resolved))
        return failure_set(
            error, -ENOENT,
            "It cannot be found out where libscorepkernel.so was loaded from. Load it by an absolute path.");
    char *slash = strrchr(resolved, '/');
    char found[PATHS_MAX], keeper[PATHS_MAX + 32];
    int len = snprintf(found, sizeof found, "%.*s/scorepkernel", (int)(slash - resolved), resolved);
    if (len < 0 || len >= PATHS_MAX)
        return failure_set(
            error, -ENAMETOOLONG,
            "The library's path is too long: %s. Install it into a directory with a shorter path.", resolved);
    snprintf(keeper, sizeof keeper, "%s/scorepkernel-keeper", found);
    if (access(keeper, X_OK) != 0)
        return failure_set(error, -ENOENT,
                           "%s is missing. The library must stay together with the directory "
                           "\"scorepkernel\" beside it: install it again (make install).",
                           keeper);
    memcpy(path, found, (size_t)len + 1);
    return 0;
}

const char *paths_variable(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return *environment + len + 1;
    return NULL;
}

static int is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Whether a program is there: directory/name, of len bytes of directory. If so, it is put into path. */
static int is_program_in(const char *directory, size_t len, const char *name, char path[PATHS_MAX])
{
    char found[PATHS_MAX];
    int written = snprintf(found, sizeof found, "%.*s/%s", (int)len, directory, name);
    if (written <= 0 || written >= PATHS_MAX || found[0] != '/' || !is_program(found))
        return 0;
    memcpy(path, found, (size_t)written + 1);
    return 1;
}

/* name is a path, from directory if it is a relative one. */
static int find_path(const char *name, const char *directory, char path[PATHS_MAX], struct spk_error *error)
{
    int found = name[0] == '/' ? is_program_in("", 0, name + 1, path)
                               : is_program_in(directory, strlen(directory), name, path);
    if (found)
        return 0;
    return failure_set(error, -ENOENT,
                       "There is no Python interpreter at %s. Point the kernel at one that exists: "
                       "scorepkernel install --python PATH",
                       name);
}

int paths_python(const char *name, const char *const *environment, const char *directory,
                 char path[PATHS_MAX], struct spk_error *error)
{
    if (strchr(name, '/'))
        return find_path(name, directory, path, error);
    const char *search = paths_variable(environment, "PATH");
    for (const char *at = search ? search : "/usr/local/bin:/usr/bin:/bin"; at;) {
        size_t len = strcspn(at, ":");
        /* An empty entry stands for the current directory. */
        if (is_program_in(len ? at : directory, len ? len : strlen(directory), name, path))
            return 0;
        at = at[len] ? at + len + 1 : NULL;
    }
    return failure_set(error, -ENOENT,
                       "No program \"%s\" was found on PATH. Install Python 3.9 or newer, or name an "
                       "interpreter: scorepkernel install --python PATH",
                       name);
}
