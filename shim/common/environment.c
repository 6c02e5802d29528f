/* SPDX-License-Identifier: BSD-3-Clause
 *
 * environment.c - what this process was given. Changes nothing of it.
 */
#include "shim/common/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/log.h"

const char *environment_variable(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of this program changes the environment */
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int environment_beside(const char *relative, char path[ENVIRONMENT_PATH_MAX], struct spk_error *error)
{
    char self[ENVIRONMENT_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0) {
        int code = -errno;
        return log_set(error, code, "It cannot be found out where this program lies: /proc/self/exe: %s.",
                       log_reason(code));
    }
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    int wanted = snprintf(path, ENVIRONMENT_PATH_MAX, "%s/%s", self, relative);
    if (wanted < 0 || wanted >= ENVIRONMENT_PATH_MAX)
        return log_set(
            error, -ENAMETOOLONG,
            "The path of this program is too long: %s. Install it into a directory with a shorter path.",
            self);
    return 0;
}
