/* SPDX-License-Identifier: BSD-3-Clause
 *
 * interrupt.c - interrupting the active request, wherever it runs. A worker that has not begun it is not in
 * users' code for it: if it does not take it soon after the interrupt either, it never will, and is ended.
 */
#include "session/interrupt.h"

#include "session/answers.h"
#include "session/lifecycle.h"

#include <signal.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* So long the worker may compute in a task of the user's, where an interrupt does not reach it. */
#define PATIENCE_SECONDS 10

static void on_patience(void *owner, unsigned events)
{
    struct spk_session *session = owner;
    const struct request *request = session->active;
    uint64_t expired;
    (void)events;
    if (read(session->patience.fd, &expired, sizeof expired) == (ssize_t)sizeof expired && request &&
        request->awaited && !request->taken && session->state == SESSION_READY)
        lifecycle_end_worker(session,
                             "was ended by the kernel, since it took neither the request nor, for 10 "
                             "seconds, the interrupt");
}

/* Without a timer the worker is waited for. */
static void wait_for_worker(struct spk_session *session)
{
    const struct itimerspec when = {.it_value.tv_sec = PATIENCE_SECONDS};
    session->active->awaited = 1;
    if (session->patience.fd < 0) {
        session->patience = (struct source){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                                            .ready = on_patience,
                                            .owner = session};
        if (session->patience.fd < 0 || loop_watch(&session->loop, &session->patience, LOOP_READ) != 0) {
            interrupt_finish(session);
            return;
        }
    }
    (void)timerfd_settime(session->patience.fd, 0, &when, NULL); /* fails for bad arguments only */
}

void interrupt_taken(struct spk_session *session)
{
    static const struct itimerspec never = {.it_value.tv_sec = 0};
    session->active->taken = 1;
    if (session->patience.fd >= 0)
        (void)timerfd_settime(session->patience.fd, 0, &never, NULL); /* as above */
}

void interrupt_finish(struct spk_session *session)
{
    loop_forget(&session->loop, &session->patience);
    if (session->patience.fd >= 0)
        close(session->patience.fd);
    session->patience.fd = -1;
}

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
    if (worker == &session->worker && !session->active->taken && !session->active->awaited)
        wait_for_worker(session);
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
