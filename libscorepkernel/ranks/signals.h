/* SPDX-License-Identifier: BSD-3-Clause
 *
 * signals.h - the signals of both ends of scorepkernel-ranks, as a source of their loop: that a child has
 * ended, and SIGTERM. SIGINT is blocked: what is to be interrupted is said in a frame.
 */
#ifndef RANKS_SIGNALS_H
#define RANKS_SIGNALS_H

#include "base/loop.h"

/** Have ready called when one comes. source: its descriptor is to be closed by the caller. 0 or -errno. */
int signals_watch(struct loop *loop, struct source *source, void (*ready)(void *owner, unsigned events),
                  void *owner);

/** Take those that have come. Whether SIGTERM was among them. */
int signals_take(const struct source *source);

#endif
