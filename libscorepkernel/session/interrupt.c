/* SPDX-License-Identifier: BSD-3-Clause
 *
 * interrupt.c - interrupting the active request, wherever it runs.
 */
#include "session/interrupt.h"

#include "session/answers.h"

#include <signal.h>

/* The signal goes by way of the keeper and may overtake the request: so a frame that says which request is
 * meant goes ahead of it. */
static void send_interrupt(struct spk_session *session)
{
    unsigned char number[4];
    struct python_process *worker = launched_cell_has(&session->launched, session->active->number)
                                        ? &session->launched.runner.worker
                                        : &session->worker;
    frame_put_u32(number, ++worker->interrupts);
    struct spk_text part = {(const char *)number, sizeof number};
    /* A process that has ended needs neither. */
    (void)python_process_send(worker, WORKER_INTERRUPT, session->active->number, &part, 1);
    (void)keeper_signal(&session->keeper, worker->id, SIGINT);
}

void interrupt_active(struct spk_session *session)
{
    if (launched_cell_interrupt(&session->launched))
        return;
    if (session->active->sent)
        send_interrupt(session);
    else if (session->active->kind == WORKER_EXECUTE)
        answers_give_error(session, "KeyboardInterrupt",
                           "The cell was interrupted before the session was ready, and was not run.");
}

void interrupt_requests(struct spk_session *session)
{
    /* What was begun later than the call is not meant. */
    if (session->active && session->active->order <= atomic_load(&session->interrupted))
        interrupt_active(session);
}
