/* SPDX-License-Identifier: BSD-3-Clause
 *
 * error_content.h - the content of an error message. Pure.
 */
#ifndef BASE_ERROR_CONTENT_H
#define BASE_ERROR_CONTENT_H

#include "base/json_bridge.h"

/** The content of an error message: ename, evalue, and text as its traceback. To be freed with json_free.
 * NULL: no memory. */
struct json *error_content(const char *ename, const char *text);

#endif
