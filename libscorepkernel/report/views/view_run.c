/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_run.c - where the experiment is, how the cell was run, and what that and the sampling cost. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <string.h>

static void page_faults(struct buffer *out, const struct json *measured)
{
    static const double worth_telling = 0.02; /* a share of the cell's time */
    double took_s = json_number(json_get(measured, "page_faults_seconds"), 0);
    if (took_s <= worth_telling * json_number(json_get(measured, "seconds"), 0))
        return;
    print_text(out, "; ");
    print_count(out, json_integer(json_get(measured, "page_faults"), 0));
    print_text(out, " page faults, which took about ");
    print_seconds(out, took_s);
}

static void measuring(struct buffer *out, const struct json *measured)
{
    double took_s = json_number(json_get(measured, "measuring_seconds"), 0);
    double seconds = json_number(json_get(measured, "seconds"), 0);
    if (!(took_s >= 0.005 * seconds) || seconds <= 0)
        return;
    print_text(out, "; measuring took about ");
    draw_share(out, took_s, seconds);
    print_text(out, " of the time");
}

static void sampling(struct buffer *out, const struct findings *findings)
{
    if (!findings_are_sampled(findings))
        return;
    print_text(out, "; ");
    print_count(out, (long long)findings->samples.count);
    print_text(out, " samples, which took ");
    print_seconds(out, findings->samples.cost_s);
    print_text(out, " of another processor");
}

static void run(struct buffer *out, const struct findings *findings,
                int (*print)(struct buffer *, const char *))
{
    const char *file = draw_member(findings->measured, "read_from", NULL);
    print_text(out, file ? "Read from " : "Ran ");
    print(out, file ? file : draw_member(findings->measured, "way", "somewhere"));
    page_faults(out, findings->measured);
    measuring(out, findings->measured);
    sampling(out, findings);
}

static void text(struct buffer *out, const struct findings *findings)
{
    run(out, findings, print_name);
    print_text(out, "\n");
}

static void html(struct buffer *out, const struct findings *findings)
{
    print_text(out, "<div style=\"margin-top:0.3em\"><small style=\"" DRAW_FAINT "\">Experiment: <code>");
    print_html(out, draw_member(findings->measured, "directory", "?"));
    print_text(out, "</code></small></div><div><small style=\"" DRAW_FAINT "\">");
    run(out, findings, print_html);
    print_text(out, "</small></div>");
}

const struct report_view view_run = {"run", text, html};
