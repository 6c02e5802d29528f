/* SPDX-License-Identifier: BSD-3-Clause
 *
 * probe_python.c - asks a Python what it is, by running it. Changes nothing.
 */
#include "shim/setup/probe_python.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"

#define OUTPUT_MAX 16384

extern char **environ;

/* Understood by every Python ever: an old one must be able to say that it is old. The marks are for a
   sitecustomize that prints. Files in the working directory are not asked. */
static const char question[] = "import sys\n"
                               "sys.path[:] = [p for p in sys.path if p]\n"
                               "w = sys.stdout.write\n"
                               "w('\\n@version=%d.%d.%d\\n' % tuple(sys.version_info[:3]))\n"
                               "w('@prefix=%s\\n' % sys.prefix)\n"
                               "try:\n"
                               "    import IPython\n"
                               "    w('@ipython=%s\\n' % IPython.__version__)\n"
                               "except ImportError:\n"
                               "    pass\n";

static int is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* dir/name, made absolute by the current directory. 0, or -1 when it is too long. */
static int join(const char *dir, size_t dir_len, const char *name, char path[PROBE_PATH_MAX])
{
    char here[PROBE_PATH_MAX] = "";
    int relative = dir_len ? dir[0] != '/' : name[0] != '/';
    if (relative && !getcwd(here, sizeof here))
        return -1;
    int wanted = snprintf(path, PROBE_PATH_MAX, "%s%s%.*s%s%s", here, relative ? "/" : "", (int)dir_len, dir,
                          dir_len ? "/" : "", name);
    return wanted < 0 || wanted >= PROBE_PATH_MAX ? -1 : 0;
}

static int find(const char *name, char path[PROBE_PATH_MAX], struct spk_error *error)
{
    if (strchr(name, '/')) {
        if (join("", 0, name, path) == 0 && is_program(path))
            return 0;
        return log_set(error, -ENOENT,
                       "%s is not a program that can be run. Name the interpreter with --python PATH.", name);
    }
    const char *dir = environment_variable("PATH");
    while (dir && *dir) {
        size_t len = strcspn(dir, ":");
        if (len && join(dir, len, name, path) == 0 && is_program(path))
            return 0;
        dir += len + (dir[len] == ':');
    }
    return log_set(error, -ENOENT, "There is no %s on PATH. Name the interpreter with --python PATH.", name);
}

static size_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got = 1;
    while (len + 1 < size && got != 0) {
        got = read(fd, text + len, size - 1 - len);
        if (got < 0 && errno != EINTR)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';
    return len;
}

/* What python prints, and its wait status. 0 or a negative errno. */
static int run(const char *python, char output[OUTPUT_MAX], int *status)
{
    int ends[2];
    pid_t pid = 0;
    char *argv[] = {strdup(python), strdup("-c"), strdup(question), NULL};
    posix_spawn_file_actions_t actions;
    int code = argv[0] && argv[1] && argv[2] ? 0 : -ENOMEM;
    if (!code && pipe2(ends, O_CLOEXEC) < 0)
        code = -errno;
    if (!code) {
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        code = -posix_spawn(&pid, python, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        (void)close(ends[1]);
        if (!code)
            (void)read_all(ends[0], output, OUTPUT_MAX);
        (void)close(ends[0]);
        while (!code && waitpid(pid, status, 0) < 0)
            code = errno == EINTR ? 0 : -errno;
    }
    for (int i = 0; i < 3; i++)
        free(argv[i]);
    return code;
}

/* The value behind mark at the start of a line; "" when there is none or it is too long. */
static void take(const char *output, const char *mark, char *value, size_t size)
{
    const char *at = strstr(output, mark);
    value[0] = '\0';
    if (!at)
        return;
    at += strlen(mark);
    size_t len = strcspn(at, "\n");
    if (len >= size)
        return;
    memcpy(value, at, len);
    value[len] = '\0';
}

static int is_new_enough(const char *version)
{
    char *rest = NULL;
    long major = strtol(version, &rest, 10);
    long minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return major > 3 || (major == 3 && minor >= 9);
}

int probe_python(const char *name, struct probe *probe, struct spk_error *error)
{
    char output[OUTPUT_MAX] = "";
    int status = 0;
    int code = find(name, probe->path, error);
    if (code)
        return code;
    code = run(probe->path, output, &status);
    if (code)
        return log_set(error, code, "%s cannot be run: %s. Name another interpreter with --python PATH.",
                       probe->path, log_reason(code));
    take(output, "\n@version=", probe->version, sizeof probe->version);
    take(output, "\n@prefix=", probe->prefix, sizeof probe->prefix);
    take(output, "\n@ipython=", probe->ipython, sizeof probe->ipython);
    if (probe->version[0] == '\0' || probe->prefix[0] == '\0')
        return log_set(error, -ENOEXEC,
                       "%s does not answer as Python does. Name the interpreter with --python PATH.",
                       probe->path);
    if (!is_new_enough(probe->version))
        return log_set(
            error, -ENOTSUP,
            "%s is Python %s; 3.9 or later is needed. Name another interpreter with --python PATH.",
            probe->path, probe->version);
    if (probe->ipython[0] == '\0')
        return log_set(
            error, -ENOPKG,
            "%s cannot import IPython, which the kernel needs. Install it: %s -m pip install ipython",
            probe->path, probe->path);
    return 0;
}
