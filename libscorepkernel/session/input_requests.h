/* SPDX-License-Identifier: BSD-3-Clause
 *
 * input_requests.h - what Python code asks the user, and the answers.
 */
#ifndef SESSION_INPUT_REQUESTS_H
#define SESSION_INPUT_REQUESTS_H

#include "session/state.h"

/** As spk_plugin.input_reply says. */
int input_requests_answer(struct spk_session *session, uint64_t request, struct spk_text value,
                          struct spk_error *error);

/** A process asks the user (WORKER_INPUT_REQUEST), or takes its question back (WORKER_INPUT_WITHDRAWN). */
void input_requests_ask(struct spk_session *session, struct frame *frame);
void input_requests_withdrawn(struct spk_session *session, struct frame *frame);

/** The request, or every request, no longer waits for input. The host is told if it did. */
void input_requests_withdraw(struct spk_session *session, uint64_t request);
void input_requests_withdraw_all(struct spk_session *session);

#endif
