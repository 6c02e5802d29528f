/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plugin.h - finds and loads libscorepkernel.so.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "scorepkernel.h"

#define PLUGIN_PATH_MAX 4096

/** PATH relative to the directory of this executable, made absolute without looking whether it is there. */
int plugin_beside(const char *relative, char path[PLUGIN_PATH_MAX], struct spk_error *error);

/** Load a library and check that it speaks this host's ABI. NULL path: the one installed with this
 * executable. The library stays loaded to the end of the process. NULL: error says what is wrong and names
 * the remedy. */
const struct spk_plugin *plugin_load(const char *path, struct spk_error *error);

#endif
