/* SPDX-License-Identifier: BSD-3-Clause
 *
 * settings.h - how measured cells are run: what %%marshalling_settings, %%scorep_python_binding_arguments and
 * %%scorep_launcher say.
 */
#ifndef DIRECTIVES_SETTINGS_H
#define DIRECTIVES_SETTINGS_H

#include "scorepkernel.h"

#include <stddef.h>

#define SETTINGS_ARGUMENTS_MAX ((size_t)8 << 10) /* bytes; of a launcher, too */
#define SETTINGS_NAME_MAX ((size_t)200)          /* bytes of a marshaller's name, and of a mode's */

/* Where a measured cell runs. */
enum settings_process {
    SETTINGS_AUTO,    /* in the session, unless something about the cell needs another way */
    SETTINGS_SESSION, /* in the session */
    SETTINGS_FORKED,  /* in a forked copy of it */
    SETTINGS_LAUNCH,  /* in a process of its own */
};

/* Whose settings: a directive's. */
enum settings_part {
    SETTINGS_NONE,
    SETTINGS_MARSHALLING, /* process, mode and marshaller */
    SETTINGS_ARGUMENTS,
    SETTINGS_LAUNCHER,
};

struct settings {
    enum settings_process process;
    /* As they were written: the worker knows which there are. Empty: nothing was said. */
    char mode[SETTINGS_NAME_MAX + 1];       /* variables go by way of "memory" or "disk" */
    char marshaller[SETTINGS_NAME_MAX + 1]; /* the module that pickles them */
    /* Words with single blanks between them, each as written, with its quotes. */
    char arguments[SETTINGS_ARGUMENTS_MAX + 1]; /* of the Score-P bindings */
    char launcher[SETTINGS_ARGUMENTS_MAX + 1];  /* the command that starts a cell's ranks; empty: none */
};

/** Read a directive's text, its name removed, into settings. 0; -EINVAL: it is wrong, and settings are as
 * before. said: what is in force now, or what is wrong, for the user; it has size bytes. */
int settings_read_marshalling(struct settings *settings, struct spk_text body, char *said, size_t size);
int settings_read_arguments(struct settings *settings, struct spk_text body, char *said, size_t size);
int settings_read_launcher(struct settings *settings, struct spk_text body, char *said, size_t size);

/** What is in force, for the user. part: not SETTINGS_NONE. */
void settings_say(const struct settings *settings, enum settings_part part, char *said, size_t size);

/** What has that name, "mode" or "marshaller", stays as it was before; another name changes nothing. */
void settings_keep(struct settings *settings, const struct settings *before, const char *name);

/** "auto", "session", "forked", "launch". */
const char *settings_process_name(const struct settings *settings);
/** What is in force, also where nothing was said. */
const char *settings_mode(const struct settings *settings);
const char *settings_marshaller(const struct settings *settings);

#endif
