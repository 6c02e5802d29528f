/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replies.h - the replies that the library gives itself, not the worker. Pure.
 */
#ifndef SESSION_REPLIES_H
#define SESSION_REPLIES_H

#include "base/json_bridge.h"

#include <stdint.h>

/** The content of a reply with status "error" (or "aborted" when ename is NULL). */
struct json *reply_failed(const char *ename, const char *text, uint64_t execution_count);

/** The content of the reply to a cell that was done without the worker. */
struct json *reply_done(uint64_t execution_count);

/** The content of a kernel_info_reply. hello: the worker's JSON, or NULL when there is none. */
struct json *reply_kernel_info(const char *hello);

#endif
