/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_notes.c - what the user is to know beside the figures: warnings, and what the measurement system says.
 * Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <string.h>

static const char *warning(const struct json *warnings, size_t at)
{
    const char *text = json_text(json_at(warnings, at), NULL);
    return text ? text : "";
}

static void text(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    const struct json *warnings = json_get(measured, "warnings");
    const char *messages = draw_member(measured, "messages", "");
    for (size_t i = 0; i < json_count(warnings); i++) {
        print_text(out, "Warning: ");
        print_visible(out, warning(warnings, i), strlen(warning(warnings, i)));
        print_text(out, "\n");
    }
    if (!messages[0])
        return;
    print_text(out, "The measurement system says:\n");
    print_visible(out, messages, strlen(messages));
    print_text(out, "\n");
}

static void html(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    const struct json *warnings = json_get(measured, "warnings");
    const char *messages = draw_member(measured, "messages", "");
    for (size_t i = 0; i < json_count(warnings); i++) {
        print_text(out, "<div><b>Warning:</b> ");
        print_html(out, warning(warnings, i));
        print_text(out, "</div>");
    }
    if (!messages[0])
        return;
    print_text(out, "<details><summary>The measurement system says</summary><pre>");
    print_html(out, messages);
    print_text(out, "</pre></details>");
}

const struct report_view view_notes = {"notes", text, html};
