/* SPDX-License-Identifier: BSD-3-Clause
 *
 * wake.h - waking the session, from any thread.
 */
#ifndef SESSION_WAKE_H
#define SESSION_WAKE_H

#include "session/state.h"

/* In session.wanted. */
#define WAKE_INTERRUPT 1u
#define WAKE_SHUTDOWN 2u

/** Have the session's loop look at what is to be done: the queue, and what of WAKE_INTERRUPT and
 * WAKE_SHUTDOWN is said here. Any thread. 0 or -errno. */
int wake_session(struct spk_session *session, unsigned wanted);

#endif
