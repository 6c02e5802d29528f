/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lifecycle.h - the life of the session's worker: its start, its end, and who goes on then.
 */
#ifndef SESSION_LIFECYCLE_H
#define SESSION_LIFECYCLE_H

#include "session/state.h"

/** The host has its session now: say how the worker's start, which came before, went. */
void lifecycle_tell_start(struct spk_session *session);

/** Start a worker. When that fails at once, the session is idle again, and every waiting request is marked
 * tried. */
void lifecycle_start_worker(struct spk_session *session);

/** End a worker that cannot be spoken to. why: how it ended, for messages; it stays. */
void lifecycle_end_worker(struct spk_session *session, const char *why);

/** The session is to end: what waits is answered, and what runs is to be interrupted. 1; 0: it is ending
 * already, or has ended. */
int lifecycle_begin_shutdown(struct spk_session *session);

/** End the session's processes, as spk_plugin.shutdown says, after the former. */
void lifecycle_shutdown(struct spk_session *session);

/** The standby cannot take the worker's place any more: let it go, and tell the user, whose cell goes on.
 * how: what happened to it, as a predicate. */
void lifecycle_lose_standby(struct spk_session *session, const char *how);

/** For session.worker_events: what the worker sent was not understood; it closed its socket. */
void lifecycle_lost(void *owner);
void lifecycle_closed(void *owner);

/** What the session's keeper is started with; the owner is the session. */
extern const struct keeper_events lifecycle_keeper_events;

#endif
