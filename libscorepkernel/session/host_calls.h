/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host_calls.h - the only caller of the host's table. What the host has no function for is left out.
 */
#ifndef SESSION_HOST_CALLS_H
#define SESSION_HOST_CALLS_H

#include "scorepkernel.h"
#include "wire/frame.h"
#include "wire/frame_trace.h"

struct json;

/** The answer to a request. Takes content over; NULL stands for one that there was no memory for. */
void host_calls_reply(const struct spk_host *host, uint64_t request, uint32_t how, struct json *content);

/** The answer as the worker gave it. */
void host_calls_reply_text(const struct spk_host *host, uint64_t request, uint32_t how,
                           struct spk_text content);

/** enum SPK_STATUS_*, and what is to be said of it. */
void host_calls_status(const struct spk_host *host, uint32_t status, const char *text);

/** Text of SPK_STDOUT or SPK_STDERR. */
void host_calls_text(const struct spk_host *host, uint64_t request, uint32_t which, struct spk_text text);

/** An error message, a display, and one in place of an earlier one: content is taken over, and NULL is
 * nothing. */
void host_calls_error(const struct spk_host *host, uint64_t request, struct json *content);
void host_calls_display(const struct spk_host *host, uint64_t request, struct json *content);
void host_calls_update_display(const struct spk_host *host, uint64_t request, struct json *content);

/** Ask the user for a line; the host must have a function for it. */
void host_calls_ask(const struct spk_host *host, uint64_t request, struct spk_text prompt, uint32_t password);
void host_calls_withdraw_question(const struct spk_host *host, uint64_t request);

/** A frame, for the log: whose it is, as frame_trace.h says. */
void host_calls_trace(const struct spk_host *host, enum frame_protocol protocol, const char *whose, int sent,
                      const struct frame *frame);

/** The worker's outputs, each by a frame of its type (worker_protocol.h). */
void host_calls_comm(const struct spk_host *host, struct frame *frame);
void host_calls_content(const struct spk_host *host, struct frame *frame);
void host_calls_clear_output(const struct spk_host *host, struct frame *frame);
void host_calls_log(const struct spk_host *host, struct frame *frame);

#endif
