/* SPDX-License-Identifier: BSD-3-Clause
 *
 * wake.h - waking the session, from any thread: by an eventfd that its loop watches.
 */
#ifndef SESSION_WAKE_H
#define SESSION_WAKE_H

#include "session/state.h"

#include <errno.h>
#include <unistd.h>

/* In session.wanted. */
#define WAKE_INTERRUPT 1u
#define WAKE_SHUTDOWN 2u

/** Have the session's loop look at what is to be done: the queue, and what of WAKE_INTERRUPT and
 * WAKE_SHUTDOWN is said here. Any thread. 0 or -errno. */
static inline int wake_session(struct spk_session *session, unsigned wanted)
{
    uint64_t one = 1;
    atomic_fetch_or(&session->wanted, wanted);
    /* The counter is full only after 2^64 - 2 calls without a dispatch. */
    return write(session->wake.fd, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
}

#endif
