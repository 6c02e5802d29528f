/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_flame.c - the call tree as a flame graph: the width of a block is the time of an entry, and below it
 * lie those that it calls. Blocks are nested in each other, as SVG does not survive everywhere. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#define SHOWN 0.004   /* a share of the whole time, from which on an entry is drawn */
#define LABELLED 0.03 /* and from which on its block has room for its name */
#define DEPTH_MAX 24
#define BLOCKS_MAX 300

struct drawing {
    const struct findings *findings;
    int blocks_left;
};

static void block_begin(struct buffer *out, const struct drawing *drawing, const struct call *call,
                        double of_s)
{
    enum spent_on kind = draw_main_kind(call->spent_s);
    double total_s = call_total(call), percent = of_s > 0 ? 100 * total_s / of_s : 0;
    int hundredths = (int)(percent > 100 ? 10000 : percent * 100);
    print_text(out, "<div style=\"width:%d.%02d%%;flex:none;overflow:hidden\"><div title=\"",
               hundredths / 100, hundredths % 100);
    draw_call_name(out, drawing->findings, call, 1);
    print_text(out, " ");
    draw_call_place(out, drawing->findings, call, 1);
    print_text(out, ": ");
    print_seconds(out, total_s);
    print_text(out, ", ");
    draw_share(out, total_s, drawing->findings->whole_s);
    print_text(out,
               "\" style=\"background:%s;color:%s;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;"
               "font-size:0.8em;height:1.6em;line-height:1.6;border-right:1px solid rgba(255,255,255,0.7);"
               "border-bottom:1px solid rgba(255,255,255,0.7);box-sizing:border-box;text-indent:0.2em\">",
               draw_kind_colour(kind), draw_kind_ink(kind));
    if (total_s >= LABELLED * drawing->findings->whole_s)
        draw_call_name(out, drawing->findings, call, 1);
    print_text(out, "</div>");
}

/* At most DEPTH_MAX deep. */
static void draw(struct buffer *out, struct drawing *drawing, const struct call *call,
                 int depth) // NOLINT(misc-no-recursion)
{
    const struct call_tree *tree = &drawing->findings->tree;
    double least_s = SHOWN * drawing->findings->whole_s;
    if (depth == DEPTH_MAX || call->first < 0 || call_total(&tree->calls[call->first]) < least_s)
        return;
    print_text(out, "<div style=\"display:flex;width:100%%\">");
    for (int32_t at = call->first; at >= 0 && drawing->blocks_left > 0; at = tree->calls[at].next) {
        if (call_total(&tree->calls[at]) < least_s)
            break;
        drawing->blocks_left--;
        block_begin(out, drawing, &tree->calls[at], call_total(call));
        draw(out, drawing, &tree->calls[at], depth + 1);
        print_text(out, "</div>");
    }
    print_text(out, "</div>");
}

static void text(struct buffer *out, const struct findings *findings)
{
    (void)out; /* the calls say the same */
    (void)findings;
}

static void html(struct buffer *out, const struct findings *findings)
{
    struct drawing drawing = {findings, BLOCKS_MAX};
    if (!findings_have_calls(findings) || findings->tree.count < 3)
        return;
    draw_details(out, findings, "Flame graph");
    print_text(out, "<div style=\"margin:0.3em 0\">");
    draw(out, &drawing, &findings->tree.calls[0], 0);
    print_text(out, "</div></details>");
}

const struct report_view view_flame = {"flame", text, html};
