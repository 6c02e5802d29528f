/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plugin.h - finds and loads libscorepkernel.so.
 */
#ifndef SHIM_HOST_PLUGIN_H
#define SHIM_HOST_PLUGIN_H

#include "scorepkernel.h"

/** Load a library and check that it speaks this host's ABI. NULL path: the one installed with this
 * executable. The library stays loaded to the end of the process. NULL: error says what is wrong and names
 * the remedy. */
const struct spk_plugin *plugin_load(const char *path, struct spk_error *error);

#endif
