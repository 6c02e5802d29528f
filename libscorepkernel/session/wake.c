/* SPDX-License-Identifier: BSD-3-Clause
 *
 * wake.c - waking the session, from any thread: by an eventfd that its loop watches.
 */
#include "session/wake.h"

#include <errno.h>
#include <unistd.h>

int wake_session(struct spk_session *session, unsigned wanted)
{
    uint64_t one = 1;
    atomic_fetch_or(&session->wanted, wanted);
    /* The counter is full only after 2^64 - 2 calls without a dispatch. */
    return write(session->wake.fd, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
}
