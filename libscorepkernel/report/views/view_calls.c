/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_calls.c - the call tree of a measured cell, folded to what matters. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#define SHOWN 0.01 /* a share of the whole time, from which on an entry is shown */
#define TEXT_SHOWN 0.02
#define ROWS_MAX 60
#define TEXT_ROWS_MAX 16
#define ALWAYS_SHOWN 3

typedef void draw_row(struct buffer *out, const struct findings *findings, const struct call *call,
                      int depth);

struct walk {
    const struct findings *findings;
    draw_row *row;
    double least_s;
    int rows_left;
    int hidden; /* entries that were left out, though long enough */
};

/* Whether an entry is too short to be shown, and so are those that follow. Threads and ranks are shown
 * however short, and so are the first outermost ones: there is something to see, then, where there are very
 * many. */
static int is_too_short(const struct walk *state, const struct call *call, int depth, int place)
{
    int is_division = call->kind == CALL_THREAD || call->kind == CALL_RANK;
    return call_total(call) < state->least_s && !is_division && (depth > 0 || place >= ALWAYS_SHOWN);
}

/* A call tree is at most CALL_TREE_DEPTH_MAX deep. */
static void walk(struct walk *state, struct buffer *out, const struct call *call,
                 int depth) // NOLINT(misc-no-recursion)
{
    const struct call_tree *tree = &state->findings->tree;
    int place = 0;
    for (int32_t at = call->first; at >= 0; at = tree->calls[at].next, place++) {
        const struct call *callee = &tree->calls[at];
        if (is_too_short(state, callee, depth, place))
            return;
        if (state->rows_left == 0) {
            state->hidden++;
            continue;
        }
        state->rows_left--;
        state->row(out, state->findings, callee, depth);
        walk(state, out, callee, depth + 1);
    }
}

static void remaining(const struct walk *state, struct buffer *out, const char *begin, const char *end)
{
    if (state->hidden)
        print_text(out, "%sand %d more%s", begin, state->hidden, end);
}

/* --- text ------------------------------------------------------------------------------------------------
 */

/* Nothing for what is no function. */
static void print_visits(struct buffer *out, const struct call *call)
{
    if (call->visits > 0)
        print_count(out, call->visits);
}

static void text_row(struct buffer *out, const struct findings *findings, const struct call *call, int depth)
{
    struct buffer cell = {0};
    print_seconds(&cell, call_total(call));
    draw_right(out, &cell, 10);
    draw_share(&cell, call_total(call), findings->whole_s);
    draw_right(out, &cell, 8);
    if (findings_are_recorded(findings)) {
        print_visits(&cell, call);
        draw_right(out, &cell, 14);
    }
    print_text(out, "  %*s", 2 * depth, "");
    draw_call_name(out, findings, call, 0);
    if (call->function >= 0)
        print_text(out, "  ");
    draw_call_place(out, findings, call, 0);
    print_text(out, "\n");
    buffer_finish(&cell);
}

static void text(struct buffer *out, const struct findings *findings)
{
    struct walk state = {findings, text_row, TEXT_SHOWN * findings->whole_s, TEXT_ROWS_MAX, 0};
    if (!findings_have_calls(findings))
        return;
    print_text(out, "\n      time   share%s  calls\n",
               findings_are_recorded(findings) ? "        visits" : "");
    walk(&state, out, &findings->tree.calls[0], 0);
    remaining(&state, out, "", "\n");
}

/* --- HTML ------------------------------------------------------------------------------------------------
 */

static void html_row(struct buffer *out, const struct findings *findings, const struct call *call, int depth)
{
    print_text(out,
               "<div style=\"display:flex;align-items:center;white-space:nowrap;line-height:1.5\" title=\"");
    draw_kinds(out, call->spent_s);
    print_text(out, "\"><span style=\"width:3.2em;flex:none;text-align:right\">%d&nbsp;%%</span>",
               draw_percent(call_total(call), findings->whole_s));
    draw_bar(out, call->spent_s, findings->whole_s);
    print_text(out,
               "<span style=\"padding-left:%d.%dem;overflow:hidden;text-overflow:ellipsis\">"
               "<code style=\"white-space:pre;background:none;padding:0\">",
               depth * 12 / 10, depth * 12 % 10);
    draw_call_name(out, findings, call, 1);
    print_text(out, "</code> <small style=\"" DRAW_FAINT "\">");
    draw_call_place(out, findings, call, 1);
    if (call->visits > 0) {
        print_text(out, " × ");
        print_visits(out, call);
    }
    print_text(out, "</small></span></div>");
}

static void html(struct buffer *out, const struct findings *findings)
{
    struct walk state = {findings, html_row, SHOWN * findings->whole_s, ROWS_MAX, 0};
    if (!findings_have_calls(findings))
        return;
    draw_details(out, findings, "Calls");
    walk(&state, out, &findings->tree.calls[0], 0);
    remaining(&state, out, "<div><small>", "</small></div>");
    print_text(out, "</details>");
}

const struct report_view view_calls = {"calls", text, html};
