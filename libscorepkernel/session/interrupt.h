/* SPDX-License-Identifier: BSD-3-Clause
 *
 * interrupt.h - interrupting the active request, wherever it runs.
 */
#ifndef SESSION_INTERRUPT_H
#define SESSION_INTERRUPT_H

#include "session/state.h"

/** Interrupt the active request, which there must be. */
void interrupt_active(struct spk_session *session);

/** Interrupt the active request if it had been begun when the host asked for that. */
void interrupt_requests(struct spk_session *session);

/** The worker has begun the active request. */
void interrupt_taken(struct spk_session *session);

/** Give back what interrupts took. Safe to repeat. */
void interrupt_finish(struct spk_session *session);

#endif
