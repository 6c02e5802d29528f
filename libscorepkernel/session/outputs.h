/* SPDX-License-Identifier: BSD-3-Clause
 *
 * outputs.h - what a cell shows, on its way from a worker to the host.
 */
#ifndef SESSION_OUTPUTS_H
#define SESSION_OUTPUTS_H

#include "session/state.h"

/** A frame that is an output or a question, of the session's worker or of a launched cell's. */
void outputs_deliver(struct spk_session *session, struct frame *frame);

#endif
