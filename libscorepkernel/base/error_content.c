/* SPDX-License-Identifier: BSD-3-Clause
 *
 * error_content.c - the content of an error message. Pure.
 */
#include "base/error_content.h"

#include <string.h>

struct json *error_content(const char *ename, const char *text)
{
    struct json *content = json_object(), *traceback = json_array();
    int result = json_set_text(content, "ename", ename, strlen(ename));
    result = result ? result : json_set_text(content, "evalue", text, strlen(text));
    result = result ? result : json_append_text(traceback, text, strlen(text));
    if (result != 0)
        json_free(traceback);
    else
        result = json_set(content, "traceback", traceback);
    if (result == 0)
        return content;
    json_free(content);
    return NULL;
}
