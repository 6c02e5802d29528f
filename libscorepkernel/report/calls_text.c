/* SPDX-License-Identifier: BSD-3-Clause
 *
 * calls_text.c - the words for an entry of the call tree. Pure.
 */
#include "report/calls_text.h"

#include "base/print.h"
#include "base/utf8.h"
#include "report/draw.h"

#include <string.h>

#define NAME_MAX_LEN 120 /* bytes of a name or of a line's source, with its NUL */

static void print_part(struct buffer *out, const char *text, size_t len, int html)
{
    char part[NAME_MAX_LEN];
    utf8_format(part, sizeof part, "%.*s", (int)utf8_cut(text, len, sizeof part - 1), text);
    (html ? print_html : print_name)(out, part);
}

/* A line of a text, without the blanks around it. */
static const char *line_of(const char *text, int32_t line, size_t *len)
{
    for (int32_t at = 1; text && at < line; at++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    if (!text)
        return NULL;
    text += strspn(text, " \t");
    *len = strcspn(text, "\r\n");
    return *len ? text : NULL;
}

static void print_function(struct buffer *out, const struct sampled_function *function, int html)
{
    static const char locals[] = ".<locals>";
    const char *name = function->name, *nested = NULL;
    if (function->code == CODE_OF_CELL) {
        print_text(out, "(the cell itself)");
        return;
    }
    for (const char *at = name; (at = strstr(at, locals)); at += sizeof locals - 1)
        nested = at + sizeof locals; /* behind the point */
    if (nested && *nested)
        name = nested;
    print_part(out, name, strlen(name), html);
}

void calls_name(struct buffer *out, const struct findings *findings, const struct call *call, int html)
{
    size_t len = 0;
    const struct sampled_function *function =
        call->function >= 0 ? &findings->samples.functions[call->function] : NULL;
    const char *source = NULL;
    switch (call->kind) {
    case CALL_LINE:
        source = line_of(function->source, call->line, &len);
        if (source)
            print_part(out, source, len, html);
        else
            print_text(out, "line %d", (int)call->line);
        return;
    case CALL_FUNCTION:
        print_function(out, function, html);
        if (call->is_recursive)
            print_text(out, " (calls itself)");
        return;
    case CALL_KERNEL:
        print_text(out, "(IPython and the kernel)");
        return;
    case CALL_ALL:
        print_text(out, "(all threads)");
    }
}

void calls_place(struct buffer *out, const struct findings *findings, const struct call *call, int html)
{
    if (call->function < 0)
        return;
    const struct sampled_function *function = &findings->samples.functions[call->function];
    if (call->kind == CALL_LINE) {
        print_text(out, "line %d", (int)call->line);
        return;
    }
    draw_file(out, function, html);
    if (function->code != CODE_OF_CELL && function->line > 0)
        print_text(out, ":%lld", function->line);
}
