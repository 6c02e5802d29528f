/* SPDX-License-Identifier: BSD-3-Clause
 *
 * outputs.h - what the library calls back.
 */
#ifndef SHIM_HOST_OUTPUTS_H
#define SHIM_HOST_OUTPUTS_H

#include "shim/host/state.h"

/** The table of callbacks to give to the library. */
void outputs_table(struct host *host, struct spk_host *table);

#endif
