/* SPDX-License-Identifier: BSD-3-Clause
 *
 * message.h - a client's message, for C.
 */
#ifndef SHIM_XEUS_MESSAGE_H
#define SHIM_XEUS_MESSAGE_H

#include <stddef.h>

#include "base/json_bridge.h"
#include "scorepkernel.h"

#ifdef __cplusplus
extern "C" {
#define SERVER_NOTHROW noexcept
#else
#define SERVER_NOTHROW
#endif

enum server_channel { SERVER_SHELL, SERVER_CONTROL, SERVER_STDIN };

/* Where a request came from: its header, which is the parent of all that it causes, and its client's route.
 */
struct origin;

/* A message from a client. What it points to is its own, but for origin, which may be moved out (set it to
 * NULL then). Ended by message_free. */
struct message {
    const char *type; /* of the header, as parent_id is of the parent header ("" when there is none) */
    const char *parent_id;
    const char *wrong; /* NULL, or why the content was not parsed; content is null then */
    const struct json
        *content; /* any JSON value, not only an object; values inside its members are left empty */
    struct spk_text content_text; /* all of it, as it came */
    struct spk_text metadata_text;
    const struct spk_text *buffers;
    size_t buffer_count;
    struct origin *origin;
};

void message_free(struct message *message) SERVER_NOTHROW;
void origin_free(struct origin *origin) SERVER_NOTHROW;
/** The request's msg_id, borrowed; "" for NULL. */
const char *origin_id(const struct origin *origin) SERVER_NOTHROW;

/** The request's header as JSON, borrowed; an empty text for NULL. */
struct spk_text origin_header(const struct origin *origin) SERVER_NOTHROW;

/** Called for each message that is whole and rightly signed; takes the message over. */
typedef void server_handler(void *ctx, enum server_channel channel, struct message *message);

#ifdef __cplusplus
}
#endif

#endif
