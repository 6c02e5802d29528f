/* SPDX-License-Identifier: BSD-3-Clause
 *
 * requests.h - requests on their way to the worker, and what the worker says of them.
 */
#ifndef SESSION_REQUESTS_H
#define SESSION_REQUESTS_H

#include "session/state.h"

/** Begin the first requests of the queue, as far as that is possible now. */
void requests_run_next(struct spk_session *session);

/** A frame from the session's worker. owner: the session. */
void requests_on_frame(void *owner, struct frame *frame);

#endif
