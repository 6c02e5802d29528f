/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control.h - requests on control, at any time; and the answers on stdin.
 */
#ifndef SHIM_HOST_CONTROL_H
#define SHIM_HOST_CONTROL_H

#include "shim/host/state.h"

/** Serve a message on control; takes it over. */
void control_receive(struct host *host, struct message *message);

/** Serve a shutdown_request, which older clients send on shell. The message stays the caller's. */
void control_shutdown(struct host *host, enum server_channel channel, const struct message *message);

/** Interrupt the running cell, and answer. The message stays the caller's. */
void control_interrupt(struct host *host, enum server_channel channel, const struct message *message);

/** A message of a type that the kernel does not know: a request is answered with an error, and the log names
 * it. The message stays the caller's. */
void control_unknown(struct host *host, enum server_channel channel, const struct message *message);

/** Pass an answer on stdin to the cell that waits for it; takes the message over. */
void control_input(struct host *host, struct message *message);

/** What clients get as kernel_info_reply, made from the library's answer, which is taken over and kept if
 * good. */
struct json *control_kernel_info(struct host *host, uint32_t how, struct json *content);

/** The request's question is not open any more, if it was. */
void control_forget_question(struct host *host, uint64_t request);

#endif
