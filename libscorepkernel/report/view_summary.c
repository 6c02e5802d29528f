/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_summary.c - how long the cell took, by what it was measured, and where and how it ran. Pure.
 */
#include "base/print.h"
#include "report/view.h"

#include <string.h>

static int print_plain(struct buffer *out, const char *text)
{
    return print_visible(out, text, strlen(text));
}

/* Of a cell that was measured several times. */
static void spread(struct buffer *out, const struct json *measured)
{
    long long runs = json_integer(json_get(measured, "runs"), 1);
    if (runs < 2)
        return;
    print_text(out, " (the median of %lld, from ", runs);
    print_seconds(out, json_number(json_get(measured, "seconds_least"), 0));
    print_text(out, " to ");
    print_seconds(out, json_number(json_get(measured, "seconds_most"), 0));
    print_text(out, ")");
}

static void summary(struct buffer *out, const struct json *measured,
                    int (*print)(struct buffer *, const char *))
{
    long long locations = json_integer(json_get(measured, "locations"), 0);
    print_text(out, "Measured in ");
    print_seconds(out, json_number(json_get(measured, "seconds"), 0));
    spread(out, measured);
    print_text(out, " by ");
    print(out, view_member(measured, "measurement", "measurement"));
    print_text(out, ": ");
    print_count(out, json_integer(json_get(measured, "events"), 0));
    print_text(out, " events in %lld %s", locations, locations == 1 ? "location" : "locations");
}

/* Where the cell ran, and what that cost it. */
static void circumstances(struct buffer *out, const struct json *measured,
                          int (*print)(struct buffer *, const char *))
{
    static const double worth_telling_s = 1e-4;
    double seconds = json_number(json_get(measured, "page_faults_seconds"), 0);
    print_text(out, "Ran ");
    print(out, view_member(measured, "way", "somewhere"));
    if (seconds < worth_telling_s)
        return;
    print_text(out, "; ");
    print_count(out, json_integer(json_get(measured, "page_faults"), 0));
    print_text(out, " page faults, which took about ");
    print_seconds(out, seconds);
}

static void text(struct buffer *out, const struct json *measured)
{
    summary(out, measured, print_plain);
    print_text(out, "\nExperiment: ");
    print_name(out, view_member(measured, "directory", "?"));
    print_text(out, "\n");
    circumstances(out, measured, print_plain);
    print_text(out, "\n");
}

static void html(struct buffer *out, const struct json *measured)
{
    print_text(out, "<div>");
    summary(out, measured, print_html);
    print_text(out, "</div><div><small>Experiment: <code>");
    print_html(out, view_member(measured, "directory", "?"));
    print_text(out, "</code></small></div><div><small>");
    circumstances(out, measured, print_html);
    print_text(out, "</small></div>");
}

const struct report_view view_summary = {"summary", text, html};
