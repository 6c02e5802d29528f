/* SPDX-License-Identifier: BSD-3-Clause
 *
 * settings.h - how measured cells are run: what %%marshalling_settings, %%scorep_python_binding_arguments and
 * %%scorep_launcher say.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "scorepkernel.h"

#include <stddef.h>

#define SETTINGS_ARGUMENTS_MAX ((size_t)8 << 10) /* bytes; of a launcher, too */

/* Where a measured cell runs. */
enum settings_process {
    SETTINGS_AUTO,    /* in the session, unless something about the cell needs another way */
    SETTINGS_SESSION, /* in the session */
    SETTINGS_FORKED,  /* in a forked copy of it */
    SETTINGS_LAUNCH,  /* in a process of its own */
};

struct settings {
    enum settings_process process;
    int disk; /* variables go to it by way of a file on disk, not of memory */
    /* Words with single blanks between them, each as written, with its quotes. */
    char arguments[SETTINGS_ARGUMENTS_MAX + 1]; /* of the Score-P bindings */
    char launcher[SETTINGS_ARGUMENTS_MAX + 1];  /* the command that starts a cell's ranks; empty: none */
};

/** Read a directive's text, its name removed, into settings. 0; -EINVAL: it is wrong, and settings are as
 * before. said: what is in force now, or what is wrong, for the user; it has size bytes. */
int settings_read_marshalling(struct settings *settings, struct spk_text body, char *said, size_t size);
int settings_read_arguments(struct settings *settings, struct spk_text body, char *said, size_t size);
int settings_read_launcher(struct settings *settings, struct spk_text body, char *said, size_t size);

/** "auto", "session", "forked", "launch". */
const char *settings_process_name(const struct settings *settings);

#endif
