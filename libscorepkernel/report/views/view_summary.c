/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_summary.c - how long the cell took, what it did with that time, and by what it was measured. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <string.h>

#define HTML_DOT " · "

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

static void events(struct buffer *out, const struct json *measured)
{
    long long locations = json_integer(json_get(measured, "locations"), 0);
    if (json_get(measured, "events")) { /* a profile does not tell them */
        print_count(out, json_integer(json_get(measured, "events"), 0));
        print_text(out, " events in ");
    }
    print_text(out, "%lld %s", locations, locations == 1 ? "location" : "locations");
}

/* How many processors' time it took, in hundredths; -1: it is not known. */
static long processors(const struct json *measured)
{
    double seconds = json_number(json_get(measured, "seconds"), 0);
    double ran_s = json_number(json_get(measured, "processor_seconds"), -1);
    double share = seconds > 0 ? ran_s / seconds : -1;
    return share >= 0 && share < 1e6 ? (long)(share * 100 + 0.5) : -1;
}

static void print_processors(struct buffer *out, const struct json *measured)
{
    long hundredths = processors(measured);
    print_text(out, "%ld.%02ld of one processor", hundredths / 100, hundredths % 100);
}

/* Nothing, or a separator and what the thread of the cell waited. */
static void waiting(struct buffer *out, const struct findings *findings, const char *separator)
{
    const double *spent_s = findings->samples.of_cell_s;
    double waited_s = spent_s[ON_WAITING] + spent_s[ON_GIL];
    if (!findings_are_sampled(findings) || waited_s < 0.005 * findings->whole_s)
        return;
    print_text(out, "%s", separator);
    draw_share(out, waited_s, findings->whole_s);
    print_text(out, " waiting");
}

static void memory(struct buffer *out, const struct findings *findings, const char *separator)
{
    static const double worth_telling = 1e6;
    const struct samples *samples = &findings->samples;
    double grown = samples->memory_last - samples->memory_first;
    if (samples->memory_peak <= 0)
        return;
    print_text(out, "%smemory ", separator);
    draw_bytes(out, samples->memory_peak);
    print_text(out, " at its peak");
    if (grown < worth_telling && grown > -worth_telling)
        return;
    print_text(out, ", %s", grown < 0 ? "−" : "+");
    draw_bytes(out, grown < 0 ? -grown : grown);
}

static void text(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    print_text(out, "Measured in ");
    print_seconds(out, json_number(json_get(measured, "seconds"), 0));
    spread(out, measured);
    print_text(out, " by ");
    print_name(out, draw_member(measured, "measurement", "measurement"));
    print_text(out, ": ");
    events(out, measured);
    if (processors(measured) >= 0) {
        print_text(out, "\nIt took ");
        print_processors(out, measured);
        waiting(out, findings, ", ");
        memory(out, findings, "; ");
    }
    print_text(out, "\nExperiment: ");
    print_name(out, draw_member(measured, "directory", "?"));
    print_text(out, "\n");
}

static void html(struct buffer *out, const struct findings *findings)
{
    const struct json *measured = findings->measured;
    print_text(out, "<div><b>");
    print_seconds(out, json_number(json_get(measured, "seconds"), 0));
    print_text(out, "</b>");
    spread(out, measured);
    if (processors(measured) >= 0) {
        print_text(out, HTML_DOT);
        print_processors(out, measured);
        waiting(out, findings, HTML_DOT);
        memory(out, findings, HTML_DOT);
    }
    print_text(out, HTML_DOT "<small>");
    events(out, measured);
    print_text(out, ", measured by ");
    print_html(out, draw_member(measured, "measurement", "measurement"));
    print_text(out, "</small></div>");
}

const struct report_view view_summary = {"summary", text, html};
