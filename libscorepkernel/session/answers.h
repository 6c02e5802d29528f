/* SPDX-License-Identifier: BSD-3-Clause
 *
 * answers.h - ending the active request with its answer.
 */
#ifndef SESSION_ANSWERS_H
#define SESSION_ANSWERS_H

#include "session/state.h"

struct json;

/** Give the answer to the active request, which is gone after this. Takes content over; NULL stands for one
 * that there was no memory for. */
void answers_give(struct spk_session *session, uint32_t how, struct json *content);

/** The same, with the content as the worker gave it. */
void answers_give_text(struct spk_session *session, uint32_t how, struct spk_text content);

/** Show an error in the active cell, and answer it with that error. text may hold words of the user's. */
void answers_give_error(struct spk_session *session, const char *ename, const char *text);

/** Nothing will be done for the active request, nor for those of a queue, which is emptied. */
void answers_abort_active(struct spk_session *session);
void answers_abort_queue(struct spk_session *session, struct request_queue *queue);

#endif
