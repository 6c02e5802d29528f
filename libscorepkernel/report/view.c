/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view.c - what all views need. Pure.
 */
#include "report/view.h"

const char *view_member(const struct json *measured, const char *name, const char *fallback)
{
    const char *text = json_text(json_get(measured, name), NULL);
    return text ? text : fallback;
}
