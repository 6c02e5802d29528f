/* SPDX-License-Identifier: BSD-3-Clause
 *
 * shell.h - requests on shell, one at a time.
 */
#ifndef SHIM_HOST_SHELL_H
#define SHIM_HOST_SHELL_H

#include "shim/host/state.h"

/** Put a message into the queue; takes it over. */
void shell_receive(struct host *host, struct message *message);

/** Begin what waits in the queue until the library works on a request. */
void shell_advance(struct host *host);

/** Whether the next message may be taken from the socket. */
int shell_wants(const struct host *host);

/** The library's reply to the active request. content is taken over; NULL: it was no JSON. */
void shell_reply(struct host *host, uint32_t how, struct json *content);

/** Answer all that still waits: cells as aborted, others as the library refuses them. */
void shell_abort_all(struct host *host);

/** Release the queue. */
void shell_finish(struct host *host);

#endif
