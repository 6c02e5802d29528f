/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_notes.c - what the user is to know beside the figures: warnings, what the measurement system says, and
 * what can be done about the time that the cell took, as far as its samples tell. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <string.h>

/* --- what can be done ----------------------------------------------------------------------------------- */

#define NOTICES_MAX 4
#define WAITS 0.1  /* a share of the whole time, from which on a line's waiting is told */
#define MOSTLY 0.7 /* of a line's time, for which it waits then */
#define GIL 0.05   /* of the time of all threads */
#define READY 0.1
#define MEASURING 0.1 /* of the cell's time, from which on the cost of measuring is told */
#define SHOWN_S 0.01  /* from which on showing the value is told */

typedef void begin_notice(struct buffer *out);
typedef void end_notice(struct buffer *out);

struct notices {
    struct buffer *out;
    const struct findings *findings;
    begin_notice *begin;
    end_notice *end;
    int left, html;
};

static int begin_one(struct notices *notices)
{
    if (notices->left == 0)
        return 0;
    notices->left--;
    notices->begin(notices->out);
    return 1;
}

static const char *what_for(const struct line_time *line)
{
    static const char *const names[WAITED_KINDS] = {[FOR_UNKNOWN] = "for something",
                                                    [FOR_SLEEP] = "in a sleep",
                                                    [FOR_FILE] = "for input, output or an event",
                                                    [FOR_LOCK] = "for a lock or another thread",
                                                    [FOR_CHILD] = "for a process that it started",
                                                    [FOR_GIL] = "for the GIL"};
    int most = 0;
    for (int kind = 1; kind < WAITED_KINDS; kind++)
        if (line->waited_s[kind] > line->waited_s[most])
            most = kind;
    return names[most];
}

/* Lines that mostly wait; of a line that calls another, the one that is called. */
static void lines_that_wait(struct notices *notices)
{
    const struct findings *findings = notices->findings;
    for (uint32_t i = 0; i < findings->lines.count; i++) {
        const struct line_time *line = &findings->lines.lines[i];
        double waited_s = line->spent_s[ON_WAITING];
        if (waited_s < WAITS * findings->whole_s || waited_s < MOSTLY * line_time_total(line) ||
            !begin_one(notices))
            continue;
        draw_file(notices->out, &findings->samples.functions[line->function], notices->html);
        print_text(notices->out, ", line %d: waits for ", (int)line->line);
        print_seconds(notices->out, waited_s);
        print_text(notices->out, ", %s.", what_for(line));
        notices->end(notices->out);
    }
}

static void gil(struct notices *notices)
{
    double waited_s = 0;
    const struct call_tree *tree = &notices->findings->tree;
    if (tree->count)
        waited_s = tree->calls[0].spent_s[ON_GIL];
    if (waited_s < GIL * notices->findings->whole_s || !begin_one(notices))
        return;
    print_text(notices->out, "Threads waited ");
    print_seconds(notices->out, waited_s);
    print_text(notices->out,
               " for the GIL: only one of them runs Python code at a time. Processes, or native code "
               "that lets go of it, run side by side.");
    notices->end(notices->out);
}

static void busy_machine(struct notices *notices)
{
    double ready_s = notices->findings->samples.ready_s;
    if (ready_s < READY * notices->findings->whole_s || !begin_one(notices))
        return;
    print_text(notices->out, "The machine was busy: for ");
    print_seconds(notices->out, ready_s);
    print_text(notices->out,
               " the cell was ready to run and had no processor, so that all of its times are longer than "
               "they would be.");
    notices->end(notices->out);
}

static void measuring(struct notices *notices)
{
    const struct json *measured = notices->findings->measured;
    double seconds = json_number(json_get(measured, "seconds"), 0);
    double took_s = json_number(json_get(measured, "measuring_seconds"), 0);
    if (!(took_s >= MEASURING * seconds) || seconds <= 0 || !begin_one(notices))
        return;
    print_text(notices->out, "Measuring ");
    print_count(notices->out, json_integer(json_get(measured, "events"), 0) / 2);
    print_text(notices->out, " calls took about ");
    print_seconds(notices->out, took_s);
    print_text(notices->out,
               " of this time. %%scorep_filter --apply leaves out those that are called most; without any, "
               "lines are told by %%%%scorep_python_binding_arguments --noinstrumenter.");
    notices->end(notices->out);
}

static void showing(struct notices *notices)
{
    double shown_s = json_number(json_get(notices->findings->measured, "shown_seconds"), 0);
    if (shown_s < SHOWN_S || !begin_one(notices))
        return;
    print_text(notices->out, "IPython took ");
    print_seconds(notices->out, shown_s);
    print_text(notices->out, " more to show the cell's value, which is not counted as the cell's.");
    notices->end(notices->out);
}

/* Why there are no lines, where that is not the cell's own shortness. */
static void no_samples(struct notices *notices)
{
    const char *problem = draw_member(notices->findings->measured, "sampling_problem", "");
    if (!problem[0] || !begin_one(notices))
        return;
    print_text(notices->out, "There are no times of lines: ");
    (notices->html ? print_html : print_name)(notices->out, problem);
    print_text(notices->out, ".");
    notices->end(notices->out);
}

static void notices(struct buffer *out, const struct findings *findings, begin_notice *begin, end_notice *end,
                    int html)
{
    struct notices found = {out, findings, begin, end, NOTICES_MAX, html};
    no_samples(&found);
    measuring(&found);
    showing(&found);
    if (!findings_are_sampled(findings))
        return;
    lines_that_wait(&found);
    gil(&found);
    busy_machine(&found);
}

/* --- warnings and messages ----------------------------------------------------------------------------- */

static const char *warning(const struct json *warnings, size_t at)
{
    const char *text = json_text(json_at(warnings, at), NULL);
    return text ? text : "";
}

static void text_begin(struct buffer *out)
{
    print_text(out, "Note: ");
}

static void text_end(struct buffer *out)
{
    print_text(out, "\n");
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
    notices(out, findings, text_begin, text_end, 0);
    if (!messages[0])
        return;
    print_text(out, "The measurement system says:\n");
    print_visible(out, messages, strlen(messages));
    print_text(out, "\n");
}

static void html_begin(struct buffer *out)
{
    print_text(out, "<div><small>");
}

static void html_end(struct buffer *out)
{
    print_text(out, "</small></div>");
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
    notices(out, findings, html_begin, html_end, 1);
    if (!messages[0])
        return;
    print_text(out, "<details><summary>The measurement system says</summary><pre>");
    print_html(out, messages);
    print_text(out, "</pre></details>");
}

const struct report_view view_notes = {"notes", text, html};
