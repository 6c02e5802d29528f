/* SPDX-License-Identifier: BSD-3-Clause
 *
 * kernelspec.c - writes a kernelspec directory beside its place and renames it there. Knows nothing of where
 * Jupyter looks.
 */
#include "shim/setup/kernelspec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_bridge.h"
#include "shim/common/log.h"

#define SPEC_PATH_MAX 4096
#define FILE_MAX ((size_t)1 << 20)

static int path_join(char path[SPEC_PATH_MAX], const char *directory, const char *name)
{
    int wanted = snprintf(path, SPEC_PATH_MAX, "%s/%s", directory, name);
    return wanted < 0 || wanted >= SPEC_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make_directories(const char *directory)
{
    char path[SPEC_PATH_MAX];
    size_t len = strlen(directory);
    if (len == 0 || len >= sizeof path)
        return len ? -ENAMETOOLONG : -EINVAL;
    memcpy(path, directory, len + 1);
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            return -errno;
        *at = kept;
        if (kept == '\0')
            return 0;
    }
}

/* The content of a small file; NULL with errno set. */
static char *read_whole(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(FILE_MAX) : NULL;
    if (text) {
        *len = fread(text, 1, FILE_MAX, file);
        if (ferror(file) || *len == FILE_MAX) {
            free(text);
            text = NULL;
            errno = EFBIG;
        }
    }
    if (file)
        (void)fclose(file); /* only read from */
    return text;
}

static int write_whole(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "wxe");
    if (!file)
        return -errno;
    size_t written = fwrite(text, 1, len, file);
    int code = written == len ? 0 : -errno;
    if (fclose(file) != 0 && !code)
        code = -errno;
    return code;
}

static void copy_logos(const char *from, const char *to)
{
    static const char *const names[] = {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"};
    char source[SPEC_PATH_MAX];
    char target[SPEC_PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = 0;
        if (path_join(source, from, names[i]) || path_join(target, to, names[i]))
            continue;
        char *picture = read_whole(source, &len);
        /* Jupyter draws a letter where a logo is missing. */
        if (picture && write_whole(target, picture, len))
            (void)unlink(target);
        free(picture);
    }
}

/* text as a JSON string, to be freed; NULL: no memory. */
static char *quoted(const char *text)
{
    struct json *list = json_array();
    size_t len = 0;
    char *printed = json_append_text(list, text, strlen(text)) ? NULL : json_print(list, &len);
    json_free(list);
    if (printed) {
        memmove(printed, printed + 1, len - 2); /* less the brackets */
        printed[len - 2] = '\0';
    }
    return printed;
}

/* Laid out for people: sites edit this file, to set an environment for instance. */
static int write_json(const char *path, const struct kernelspec *spec)
{
    char *program = quoted(spec->program);
    char *python = quoted(spec->python ? spec->python : "");
    char *display_name = quoted(spec->display_name);
    char *text = NULL;
    int len = -1;
    if (program && python && display_name)
        len = asprintf(
            &text,
            "{\n  \"argv\": [\n    %s,\n    \"-f\",\n    \"{connection_file}\"%s%s\n  ],\n"
            "  \"display_name\": %s,\n  \"language\": \"python\",\n"
            "  \"interrupt_mode\": \"message\",\n  \"metadata\": {\n    \"debugger\": false\n  }\n}\n",
            program, spec->python ? ",\n    \"--python\",\n    " : "", spec->python ? python : "",
            display_name);
    int code = len < 0 ? -ENOMEM : write_whole(path, text, (size_t)len);
    if (len >= 0)
        free(text);
    free(program);
    free(python);
    free(display_name);
    return code;
}

/* Whether a kernelspec was written by this program: it starts a scorepkernel. */
static int is_ours(const char *spec)
{
    char path[SPEC_PATH_MAX];
    size_t len = 0;
    if (path_join(path, spec, "kernel.json"))
        return 0;
    char *text = read_whole(path, &len);
    struct json *file = json_parse(text, len);
    const char *program = json_text(json_at(json_get(file, "argv"), 0), NULL);
    const char *slash = program ? strrchr(program, '/') : NULL;
    int ours = program && strcmp(slash ? slash + 1 : program, "scorepkernel") == 0;
    json_free(file);
    free(text);
    return ours;
}

/* A kernelspec directory is flat. What cannot be removed is left for the user to see. */
static void remove_spec(const char *spec)
{
    char path[SPEC_PATH_MAX];
    DIR *directory = opendir(spec);
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is no other thread's */
    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            path_join(path, spec, entry->d_name) == 0)
            (void)unlink(path);
    if (directory)
        (void)closedir(directory);
    (void)rmdir(spec);
}

/* Exchange the directories fresh and place. What was at place before is then at fresh, or removed. */
static int swap_in(const char *fresh, const char *place, int replaces)
{
    if (!replaces)
        return rename(fresh, place) < 0 ? -errno : 0;
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, place, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* A file system that cannot exchange, such as NFS: for a moment there is none. */
    remove_spec(place);
    return rename(fresh, place) < 0 ? -errno : 0;
}

static int write_beside(const char *fresh, const char *place, const struct kernelspec *spec, int replaces)
{
    char path[SPEC_PATH_MAX];
    mode_t mask = umask(0);
    (void)umask(mask);
    int code = path_join(path, fresh, "kernel.json");
    if (!code && chmod(fresh, 0777 & ~mask) < 0) /* mkdtemp made it for us alone */
        code = -errno;
    if (!code)
        code = write_json(path, spec);
    if (!code) {
        copy_logos(spec->logos, fresh);
        code = swap_in(fresh, place, replaces);
    }
    return code;
}

int kernelspec_write(const char *directory, const char *name, const struct kernelspec *spec,
                     struct spk_error *error)
{
    char place[SPEC_PATH_MAX];
    char fresh[SPEC_PATH_MAX];
    int code = make_directories(directory);
    if (!code)
        code = path_join(place, directory, name);
    if (!code)
        code = path_join(fresh, directory, ".new-XXXXXX");
    if (code)
        return log_set(error, code, "%s cannot be made: %s. Choose another place: --user or --prefix DIR.",
                       directory, log_reason(code));
    int replaces = access(place, F_OK) == 0;
    if (replaces && !is_ours(place))
        return log_set(error, -EEXIST,
                       "%s belongs to another kernel. Choose another name with --name NAME, or remove it.",
                       place);
    if (!mkdtemp(fresh)) {
        code = -errno;
        return log_set(error, code,
                       "Nothing can be written to %s: %s. Choose another place: --user or --prefix DIR.",
                       directory, log_reason(code));
    }
    code = write_beside(fresh, place, spec, replaces);
    remove_spec(fresh); /* the old one, or what could not be finished */
    return code ? log_set(error, code,
                          "%s cannot be written: %s. Choose another place: --user or --prefix DIR.", place,
                          log_reason(code))
                : 0;
}
