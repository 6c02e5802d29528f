/* SPDX-License-Identifier: BSD-3-Clause
 *
 * install.c - where a kernelspec goes and what is in it. Writing it is kernelspec's.
 */
#include "shim/setup/install.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"
#include "shim/setup/kernelspec.h"
#include "shim/setup/probe_python.h"

#define NAME_MAX_LEN 64

/* Jupyter's data directory of this user, as jupyter_core finds it on Linux. */
static int user_data(char *path, size_t size)
{
    const char *data = environment_variable("JUPYTER_DATA_DIR");
    const char *xdg = environment_variable("XDG_DATA_HOME");
    const char *home = environment_variable("HOME");
    if (data)
        return snprintf(path, size, "%s", data);
    if (xdg)
        return snprintf(path, size, "%s/jupyter", xdg);
    return home ? snprintf(path, size, "%s/.local/share/jupyter", home) : -1;
}

/* The kernels directory. */
static int find_place(const struct install_options *options, const struct probe *python, char *path,
                      size_t size, struct spk_error *error)
{
    char data[PROBE_PATH_MAX];
    enum install_place place = options->place;
    int wanted = -1;
    if (place == INSTALL_DEFAULT)
        place = geteuid() == 0 ? INSTALL_SYSTEM : INSTALL_USER;
    if (place == INSTALL_SYSTEM)
        (void)umask(S_IWGRP | S_IWOTH); /* for all users, also when root keeps its files to itself */
    if (place == INSTALL_USER)
        wanted = user_data(data, sizeof data);
    else if (place == INSTALL_SYS_PREFIX)
        wanted = snprintf(data, sizeof data, "%s/share/jupyter", python->prefix);
    else
        wanted = snprintf(data, sizeof data, "%s/share/jupyter",
                          place == INSTALL_PREFIX ? options->prefix : "/usr/local");
    if (wanted < 0)
        return log_set(error, -ENOENT, "HOME is not set. Choose a place with --prefix DIR.");
    if ((size_t)wanted < sizeof data)
        wanted = snprintf(path, size, "%s/kernels", data);
    if (wanted < 0 || (size_t)wanted >= size)
        return log_set(error, -ENAMETOOLONG,
                       "The path to install to is too long. Choose another place with --prefix DIR.");
    return 0;
}

static int check_name(const char *name, struct spk_error *error)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LEN || strspn(name, allowed) != len || name[0] == '.' || name[0] == '-')
        return log_set(error, -EINVAL,
                       "\"%s\" cannot name a kernel: use up to %d letters, digits, \".\", \"_\" and \"-\", "
                       "beginning with a letter, a digit or \"_\".",
                       name, NAME_MAX_LEN);
    return 0;
}

/* A word that a shell takes as it is. */
static void print_word(const char *word)
{
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*word);
    }
    putchar('\'');
}

static void say_where(const struct install_options *options, const struct kernelspec *spec,
                      const struct probe *python, const char *directory, const char *name)
{
    printf("Installed the kernel \"%s\" (Python %s, IPython %s) in\n  %s/%s\nRemove it with\n  rm -r ",
           spec->display_name, python->version, python->ipython, directory, name);
    char place[PROBE_PATH_MAX * 2];
    (void)snprintf(place, sizeof place, "%s/%s", directory, name);
    print_word(place);
    putchar('\n');
    if (options->place == INSTALL_PREFIX)
        printf("If \"jupyter kernelspec list\" does not show it, add %.*s to JUPYTER_PATH.\n",
               (int)(strlen(directory) - strlen("/kernels")), directory);
}

int install_run(const struct install_options *options)
{
    struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
    struct probe python;
    char program[ENVIRONMENT_PATH_MAX];
    char logos[ENVIRONMENT_PATH_MAX];
    char directory[PROBE_PATH_MAX];
    const char *name = options->name ? options->name : "scorep-python";
    if (check_name(name, &error) ||
        probe_python(options->python ? options->python : "python3", &python, &error) ||
        environment_beside("scorepkernel", program, &error) ||
        environment_beside("../lib/scorepkernel/kernelspec", logos, &error) ||
        find_place(options, &python, directory, sizeof directory, &error))
        goto fail;
    struct kernelspec spec = {
        .program = program,
        .python = options->python ? python.path : NULL,
        .display_name = options->display_name ? options->display_name : "Python (Score-P)",
        .logos = logos,
    };
    if (kernelspec_write(directory, name, &spec, &error))
        goto fail;
    say_where(options, &spec, &python, directory, name);
    return EXIT_SUCCESS;
fail:
    log_print("%s", error.text);
    return EXIT_FAILURE;
}
