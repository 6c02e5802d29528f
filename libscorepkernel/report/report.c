/* SPDX-License-Identifier: BSD-3-Clause
 *
 * report.c - what is shown under a measured cell: its views (views.def), one below the other, as text and as
 * HTML. Pure: JSON in, JSON out. Everything that comes from users' code is escaped.
 */
#include "report/report.h"

#include "base/print.h"
#include "report/comparison.h"
#include "report/view.h"

#include <string.h>

static const struct report_view *const views[] = {
#define VIEW(name) &view_##name,
#include "report/views.def"
    NULL};

int findings_are_sampled(const struct findings *findings)
{
    return findings->samples.count >= FINDINGS_SAMPLES_MIN && findings->whole_s > 0;
}

int findings_are_recorded(const struct findings *findings)
{
    return findings->samples.count == 0 && findings->samples.node_count > 0;
}

int findings_have_calls(const struct findings *findings)
{
    return findings->tree.count > 1 && findings->whole_s > 0 &&
           (findings_are_sampled(findings) || findings_are_recorded(findings));
}

/* What is to have a call tree of its own. */
static enum call_tree_apart apart(const struct json *measured)
{
    const char *wanted = json_text(json_get(measured, "apart"), NULL);
    if (!wanted)
        return CALL_TREE_TOGETHER;
    return strcmp(wanted, "ranks") == 0 ? CALL_TREE_RANKS : CALL_TREE_THREADS;
}

/* The samples, or without them the calls that were recorded. 0, or -ENOMEM. */
static int read_samples(struct samples *samples, const struct json *measured)
{
    if (json_get(measured, "call_paths"))
        return samples_read_call_paths(samples, measured);
    return samples_read(samples, measured);
}

/* Without memory for it, the report lacks the times of lines and calls. */
static void find(struct findings *findings, const struct json *measured)
{
    *findings = (struct findings){.measured = measured};
    if (read_samples(&findings->samples, measured) == 0 && findings->samples.node_count > 0 &&
        (findings_are_recorded(findings) || line_times_make(&findings->lines, &findings->samples) == 0) &&
        call_tree_make(&findings->tree, &findings->samples, apart(measured)) == 0) {
        findings->whole_s = findings->samples.seconds - findings->samples.shown_s;
        return;
    }
    samples_finish(&findings->samples);
    line_times_finish(&findings->lines);
}

static void forget(struct findings *findings)
{
    call_tree_finish(&findings->tree);
    line_times_finish(&findings->lines);
    samples_finish(&findings->samples);
}

/* Whether a view is to be shown: all are, or those that are asked for, with the summary. */
static int is_shown(const struct report_view *view, const struct json *measured)
{
    const struct json *wanted = json_get(measured, "views");
    if (json_count(wanted) == 0 || view == &view_summary)
        return 1;
    for (size_t i = 0; i < json_count(wanted); i++) {
        const char *name = json_text(json_at(wanted, i), NULL);
        if (name && strcmp(name, view->name) == 0)
            return 1;
    }
    return 0;
}

static void print_views(struct buffer *text, struct buffer *page, const struct findings *findings)
{
    print_text(page, "<div style=\"border-left:3px solid #e4572e;padding-left:0.8em\">");
    for (size_t i = 0; views[i]; i++) {
        if (!is_shown(views[i], findings->measured))
            continue;
        views[i]->text(text, findings);
        views[i]->html(page, findings);
    }
    print_text(page, "</div>");
}

static void print_report(struct buffer *text, struct buffer *page, const struct json *measured)
{
    const struct json *compared = json_get(measured, "compared");
    struct findings findings, older;
    if (json_count(compared) != 2) {
        find(&findings, measured);
        print_views(text, page, &findings);
        forget(&findings);
        return;
    }
    find(&older, json_at(compared, 0));
    find(&findings, json_at(compared, 1));
    comparison_print(text, page, &older, &findings);
    forget(&older);
    forget(&findings);
}

struct json *report_content(struct spk_text measurement)
{
    struct json *measured = json_parse(measurement.data, measurement.len);
    struct json *content = json_object(), *data = json_object();
    struct buffer text = {0}, page = {0};
    int result = measured ? 0 : -1;
    if (result == 0) {
        print_report(&text, &page, measured);
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
