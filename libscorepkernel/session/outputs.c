/* SPDX-License-Identifier: BSD-3-Clause
 *
 * outputs.c - what a cell shows, on its way from a worker to the host.
 */
#include "session/outputs.h"

#include "report/report.h"
#include "session/host_calls.h"
#include "session/input_requests.h"

static void show_report(struct spk_session *session, struct frame *frame)
{
    struct spk_text measurement;
    if (frame_next_part(frame, &measurement) == 1)
        host_calls_display(&session->host, frame->request, report_content(measurement));
}

static void clear_output(struct spk_session *session, struct frame *frame)
{
    struct spk_text waits;
    struct frame ahead = *frame;
    if (frame_next_part(&ahead, &waits) == 1)
        progress_display_saw_clear(&session->progress, frame->request, frame_u32(waits, 0) != 0);
    host_calls_clear_output(&session->host, frame);
}

void outputs_deliver(struct spk_session *session, struct frame *frame)
{
    switch (frame->type) {
    case WORKER_FROM_COMM_OPEN:
    case WORKER_FROM_COMM_MESSAGE:
    case WORKER_FROM_COMM_CLOSE:
        host_calls_comm(&session->host, frame);
        break;
    case WORKER_CLEAR_OUTPUT:
        clear_output(session, frame);
        break;
    case WORKER_INPUT_REQUEST:
        input_requests_ask(session, frame);
        break;
    case WORKER_INPUT_WITHDRAWN:
        input_requests_withdrawn(session, frame);
        break;
    case WORKER_REPORT:
        show_report(session, frame);
        break;
    case WORKER_LOG:
        host_calls_log(&session->host, frame);
        break;
    default:
        host_calls_content(&session->host, frame);
        break;
    }
}
