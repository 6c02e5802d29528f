/* SPDX-License-Identifier: BSD-3-Clause
 *
 * answers.c - ending the active request with its answer.
 */
#include "session/answers.h"

#include "base/error_content.h"
#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/print.h"
#include "session/host_calls.h"
#include "session/replies.h"

#include <stdlib.h>
#include <string.h>

/* Take the active request, which the caller owns from now on: in the reply's callback the host may begin
 * another one. */
static struct request *take_active(struct spk_session *session)
{
    struct request *request = session->active;
    progress_display_end(&session->progress);
    session->active = NULL;
    session->marked.writing = 0;    /* the worker has written the marked cells, or failed to */
    session->asked = SETTINGS_NONE; /* and it has accepted the settings, or refused them */
    return request;
}

void answers_give(struct spk_session *session, uint32_t how, struct json *content)
{
    struct request *request = take_active(session);
    host_calls_reply(&session->host, request->number, how, content);
    free(request);
}

void answers_give_text(struct spk_session *session, uint32_t how, struct spk_text content)
{
    struct request *request = take_active(session);
    host_calls_reply_text(&session->host, request->number, how, content);
    free(request);
}

void answers_give_error(struct spk_session *session, const char *ename, const char *said)
{
    struct buffer visible = {0}; /* the text may hold words of the user's; closed by a NUL */
    int result = print_visible(&visible, said, strlen(said));
    result = result ? result : buffer_append(&visible, "", 1);
    const char *text = result == 0 ? (const char *)buffer_bytes(&visible) : failure_text(result);
    if (session->active->kind == WORKER_EXECUTE)
        host_calls_error(&session->host, session->active->number, error_content(ename, text));
    answers_give(session, SPK_REPLY_ERROR, reply_failed(ename, text, session->active->execution_count));
    buffer_finish(&visible);
}

void answers_abort_active(struct spk_session *session)
{
    answers_give(session, SPK_REPLY_ABORTED, reply_failed(NULL, NULL, session->active->execution_count));
}

void answers_abort_queue(struct spk_session *session, struct request_queue *queue)
{
    while ((session->active = request_pop(queue)))
        answers_abort_active(session);
}
