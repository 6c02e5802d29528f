/* SPDX-License-Identifier: BSD-3-Clause
 *
 * server.h - a kernel's five Jupyter channels, for C.
 *
 * Owns the sockets, the wire format and the signatures; knows no message by name but the status. Everything
 * happens in the calling thread, from inside server_poll and server_drain_shell, but for the heartbeat, which
 * has a thread of its own. Nothing blocks: what a client that has gone cannot take is dropped, and what one
 * that is there does not take waits without limit. How much that is, server_waiting tells.
 *
 * Content goes in and out as struct json; a value that is given to be sent is taken over, also on failure.
 */
#ifndef SHIM_XEUS_SERVER_H
#define SHIM_XEUS_SERVER_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_bridge.h"
#include "scorepkernel.h"
#include "shim/xeus/connection.h"
#include "shim/xeus/message.h"

#ifdef __cplusplus
extern "C" {
#endif

struct server;

/** Bind all channels. NULL: error says which could not be bound, and why. */
struct server *server_create(const struct connection *connection, server_handler *handler, void *ctx,
                             struct spk_error *error) SERVER_NOTHROW;

/** Close the channels; what was sent has a second to leave. NULL is allowed. */
void server_destroy(struct server *server) SERVER_NOTHROW;

/** Wait for messages and for others (as poll(2) does, which sets their revents), and hand the messages on:
 * all of control and stdin, and one of shell if with_shell. timeout_ms -1: for ever. 0 or a negative errno.
 */
int server_poll(struct server *server, int with_shell, struct pollfd *others, size_t count,
                int timeout_ms) SERVER_NOTHROW;

/** Hand on everything that waits on shell now. */
void server_drain_shell(struct server *server) SERVER_NOTHROW;

/** Answer origin on the channel on which it came. metadata may be NULL. 0 or a negative errno:
 *  -EINVAL when origin is NULL. */
int server_reply(struct server *server, enum server_channel channel, const struct origin *origin,
                 const char *type, struct json *content, struct json *metadata) SERVER_NOTHROW;

#define SERVER_ID_MAX 64

/** Send an input_request to origin's client; id receives the msg_id that the answer may name as its parent.
 * What waited on stdin answers older questions, and is handed on before. */
int server_ask(struct server *server, const struct origin *origin, struct json *content,
               char id[SERVER_ID_MAX]) SERVER_NOTHROW;

/** Publish on iopub. origin (the parent) and metadata may be NULL. */
int server_publish(struct server *server, const struct origin *origin, const char *type, struct json *content,
                   struct json *metadata, const struct spk_text *buffers, size_t count) SERVER_NOTHROW;

/** Publish on iopub that origin's request, which came on channel, is busy or idle. While clients leave 64 MiB
 * of such messages unread, those of control are dropped, and the log says so: 0 then, too. */
int server_publish_status(struct server *server, enum server_channel channel, const struct origin *origin,
                          const char *state) SERVER_NOTHROW;

/** How many of the bytes that were sent, on whatever channel, some client has still to take. Without the
 * status messages, so that requests alone never hold output back. */
uint64_t server_waiting(const struct server *server) SERVER_NOTHROW;

#ifdef __cplusplus
}
#endif

#endif
