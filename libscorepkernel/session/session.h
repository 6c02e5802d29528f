/* SPDX-License-Identifier: BSD-3-Clause
 *
 * session.h - a notebook's session as the host has it. All as spk_plugin of scorepkernel.h says.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "session/state.h"

int session_create(const struct spk_host *host, const struct spk_options *options,
                   struct spk_session **session, struct spk_error *error);
int session_dispatch(struct spk_session *session, struct spk_error *error);
int session_destroy(struct spk_session *session);

/** Begin a request of enum worker_frame or REQUEST_KERNEL_INFO; parts are copied. */
int session_begin(struct spk_session *session, uint16_t kind, uint64_t number, uint64_t execution_count,
                  const struct spk_text *parts, size_t count, struct spk_error *error);

#endif
