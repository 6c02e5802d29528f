/* SPDX-License-Identifier: BSD-3-Clause
 *
 * quoting.c - quotes and backslashes, as a POSIX shell has them: between single quotes everything stands for
 * itself; between double ones a backslash quotes only a double quote, a backslash, $ and `. Pure.
 */
#include "directives/quoting.h"

#include <string.h>

size_t quoting_unit(struct spk_text text)
{
    char first = text.data[0];
    if (first == '\\')
        return text.len > 1 ? 2 : 0;
    if (first != '\'' && first != '"')
        return 1;
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] == first)
            return i + 1;
        if (text.data[i] == '\\' && first == '"')
            i++;
    }
    return 0;
}

int quoting_unquote(struct spk_text unit, struct buffer *out)
{
    char first = unit.data[0];
    if (first == '\\' && unit.len == 2)
        return buffer_append(out, unit.data + 1, 1);
    if (first != '\'' && first != '"')
        return buffer_append(out, unit.data, unit.len);
    int result = 0;
    for (size_t i = 1; result == 0 && i + 1 < unit.len; i++) {
        if (first == '"' && unit.data[i] == '\\' && strchr("\"\\$`", unit.data[i + 1]))
            i++;
        result = buffer_append(out, unit.data + i, 1);
    }
    return result;
}
