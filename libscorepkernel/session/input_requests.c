/* SPDX-License-Identifier: BSD-3-Clause
 *
 * input_requests.c - what Python code asks the user, and the answers: the one table of who waits, by request.
 */
#include "session/input_requests.h"

#include "base/failure.h"
#include "session/host_calls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void input_requests_withdraw(struct spk_session *session, uint64_t request)
{
    if (questions_close(&session->questions, request))
        host_calls_withdraw_question(&session->host, request);
}

void input_requests_withdraw_all(struct spk_session *session)
{
    while (session->questions.count)
        input_requests_withdraw(session, session->questions.open[0].request);
}

static int send_answer(struct spk_session *session, uint64_t request, uint32_t number, struct spk_text value,
                       const char *refusal)
{
    struct python_process *asker =
        launched_cell_has(&session->launched, request) ? &session->launched.runner.worker : &session->worker;
    unsigned char bytes[4];
    frame_put_u32(bytes, number);
    struct spk_text parts[] = {value, {(const char *)bytes, sizeof bytes}, {refusal, 0}};
    if (refusal)
        parts[2].len = strlen(refusal);
    return python_process_send(asker, WORKER_INPUT_REPLY, request, parts, refusal ? 3 : 2);
}

int input_requests_answer(struct spk_session *session, uint64_t request, struct spk_text value,
                          struct spk_error *error)
{
    const struct question *question = questions_find(&session->questions, request);
    if (session->state != SESSION_READY || !question)
        return failure_set(error, -ENOENT,
                           "Request %llu does not wait for input: it has been answered or interrupted, or "
                           "its process has ended.",
                           (unsigned long long)request);
    int result = send_answer(session, request, question->number, value, NULL);
    if (result != 0)
        return failure_set(error, result, "The answer could not be sent to the code that waits for it: %s.",
                           failure_text(-result));
    (void)questions_close(&session->questions, request); /* it is open */
    return 0;
}

/* Python code asks the user. If that is not possible, it gets a refusal at once. */
void input_requests_ask(struct spk_session *session, struct frame *frame)
{
    struct spk_text prompt, password, part = {0}, nothing = {"", 0};
    char why[128] = "this host cannot ask the user";
    int can_ask = session->host.input_request != NULL;
    if (frame_next_part(frame, &prompt) != 1 || frame_next_part(frame, &password) != 1)
        return;
    (void)frame_next_part(frame, &part); /* without one it has the number 0 */
    uint32_t number = frame_u32(part, 0);
    if (can_ask && questions_open(&session->questions, frame->request, number) == 0) {
        host_calls_ask(&session->host, frame->request, prompt, frame_u32(password, 0));
        return;
    }
    if (can_ask)
        snprintf(why, sizeof why,
                 "%u other questions wait for their answers, and no more can be asked: answer one, or "
                 "interrupt its cell",
                 SPK_MAX_QUESTIONS);
    (void)send_answer(session, frame->request, number, nothing, why); /* or it ends, and needs none */
}

void input_requests_withdrawn(struct spk_session *session, struct frame *frame)
{
    const struct question *question = questions_find(&session->questions, frame->request);
    struct spk_text number;
    if (question && frame_next_part(frame, &number) == 1 && frame_u32(number, 0) == question->number)
        input_requests_withdraw(session, frame->request);
}
