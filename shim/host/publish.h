/* SPDX-License-Identifier: BSD-3-Clause
 *
 * publish.h - the messages that the host itself composes.
 */
#ifndef SHIM_HOST_PUBLISH_H
#define SHIM_HOST_PUBLISH_H

#include "shim/host/state.h"

/** Publish content (taken over; NULL: it could not be made) under parent. A failure is logged. */
void publish(struct host *host, const struct origin *parent, const char *type, struct json *content);

/** A text that the library made, which must be JSON, on its way to the client. */
void publish_text(struct host *host, const struct origin *parent, const char *type, struct spk_text content);

/** state: "starting", "busy" or "idle"; channel: the one on which the parent came. */
void publish_status(struct host *host, enum server_channel channel, const struct origin *parent,
                    const char *state);

/** name: "stdout" or "stderr". */
void publish_stream(struct host *host, const struct origin *parent, const char *name, struct spk_text text);

/** The content of a reply, or of an error message, that says that a request could not be served. NULL: no
 * memory. */
struct json *publish_failure(const char *ename, const char *evalue);

/** {"status": status}, or NULL. */
struct json *publish_ok(const char *status);

/** Answer a request; content is taken over. A failure is logged. metadata may be NULL. */
void publish_reply(struct host *host, enum server_channel channel, const struct origin *origin,
                   const char *type, struct json *content, struct json *metadata);

/** The name of the reply to a request of that type: "" when it has none. */
void publish_reply_type(const char *request_type, char *reply_type, size_t size);

#endif
