/* SPDX-License-Identifier: BSD-3-Clause
 *
 * report.c - what is shown under a measured cell: its views (views.def), one below the other, as text and as
 * HTML. Pure: JSON in, JSON out. Everything that comes from users' code is escaped.
 */
#include "report/report.h"

#include "base/print.h"
#include "report/view.h"

static const struct report_view *const views[] = {
#define VIEW(name) &view_##name,
#include "report/views.def"
};

static void print_views(struct buffer *text, struct buffer *page, const struct json *measured)
{
    print_text(page, "<div style=\"border-left:3px solid #e4572e;padding-left:0.8em\">");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        views[i]->text(text, measured);
        views[i]->html(page, measured);
    }
    print_text(page, "</div>");
}

struct json *report_content(struct spk_text measurement)
{
    struct json *measured = json_parse(measurement.data, measurement.len);
    struct json *content = json_object(), *data = json_object();
    struct buffer text = {0}, page = {0};
    int result = measured ? 0 : -1;
    if (result == 0) {
        print_views(&text, &page, measured);
        /* A buffer that memory ran out for is empty or short, which only shortens the report. */
        if (text.len)
            result = json_set_text(data, "text/plain", (const char *)buffer_bytes(&text), text.len);
        if (page.len && result == 0)
            result = json_set_text(data, "text/html", (const char *)buffer_bytes(&page), page.len);
    }
    if (result == 0)
        result = json_set(content, "metadata", json_object());
    if (result == 0)
        result = json_set(content, "transient", json_object());
    if (result == 0) {
        result = json_set(content, "data", data);
        data = NULL;
    }
    buffer_finish(&text);
    buffer_finish(&page);
    json_free(measured);
    json_free(data);
    if (result == 0)
        return content;
    json_free(content);
    return NULL;
}
