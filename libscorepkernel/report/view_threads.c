/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_threads.c - what each thread did in the course of time, where there are several. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#define THREADS_MAX 32 /* that are shown */

/* The kinds of time of a piece of a thread's time line. */
static void piece(const struct sampled_thread *thread, size_t at, double spent_s[SPENT_KINDS])
{
    const struct json *row = json_at(thread->timeline, at);
    for (int kind = 0; kind < SPENT_KINDS; kind++) {
        double ns = json_number(json_at(row, (size_t)kind), 0);
        spent_s[kind] = ns > 0 && ns < 1e18 ? ns / 1e9 : 0;
    }
}

static double all_of(const double spent_s[SPENT_KINDS])
{
    double all_s = 0;
    for (int kind = 0; kind < SPENT_KINDS; kind++)
        all_s += spent_s[kind];
    return all_s;
}

static void sums(const struct sampled_thread *thread, double spent_s[SPENT_KINDS])
{
    for (int kind = 0; kind < SPENT_KINDS; kind++)
        spent_s[kind] = 0;
    for (size_t i = 0; i < json_count(thread->timeline); i++) {
        double some_s[SPENT_KINDS];
        piece(thread, i, some_s);
        for (int kind = 0; kind < SPENT_KINDS; kind++)
            spent_s[kind] += some_s[kind];
    }
}

/* How long the longest of them was there: what the width of a time line stands for. */
static double longest(const struct findings *findings)
{
    double most_s = 0;
    for (uint32_t i = 0; i < findings->samples.thread_count; i++)
        if (findings->samples.threads[i].end_s > most_s)
            most_s = findings->samples.threads[i].end_s;
    return most_s > 0 ? most_s : 1;
}

static void name(struct buffer *out, const struct sampled_thread *thread, uint32_t number)
{
    if (thread->rank >= 0)
        print_text(out, "rank %lld%s", thread->rank, thread->is_master ? "" : ", ");
    if (thread->is_master && thread->rank < 0)
        print_text(out, "the cell");
    else if (thread->is_master)
        return;
    else
        print_text(out, "thread %u", number);
}

static uint32_t shown(const struct findings *findings)
{
    uint32_t count = findings->samples.thread_count;
    return !findings_are_sampled(findings) || count < 2 ? 0 : count < THREADS_MAX ? count : THREADS_MAX;
}

static void text(struct buffer *out, const struct findings *findings)
{
    if (!shown(findings))
        return;
    print_text(out, "\nthreads\n");
    for (uint32_t i = 0; i < shown(findings); i++) {
        double spent_s[SPENT_KINDS];
        struct buffer cell = {0};
        sums(&findings->samples.threads[i], spent_s);
        name(&cell, &findings->samples.threads[i], i);
        draw_right(out, &cell, 12);
        print_text(out, "  ");
        draw_kinds(out, spent_s);
        print_text(out, "\n");
        buffer_finish(&cell);
    }
}

/* A block that says of which kind time was; SPENT_KINDS: the thread was not there. */
static void block(struct buffer *out, int kind, double percent)
{
    int hundredths = percent > 100 ? 10000 : (int)(percent * 100);
    const char *colour = kind == SPENT_KINDS ? "none" : draw_kind_colour((enum spent_on)kind);
    if (hundredths > 0)
        print_text(out, "<span style=\"width:%d.%02d%%;background:%s\"></span>", hundredths / 100,
                   hundredths % 100, colour);
}

static int kind_of_piece(const struct sampled_thread *thread, size_t at)
{
    double spent_s[SPENT_KINDS];
    piece(thread, at, spent_s);
    return all_of(spent_s) > 0 ? (int)draw_main_kind(spent_s) : SPENT_KINDS;
}

/* Pieces of one kind, one behind the other, are one block. */
static void blocks(struct buffer *out, const struct findings *findings, const struct sampled_thread *thread)
{
    double percent_each = 100 * thread->piece_s / longest(findings);
    size_t count = json_count(thread->timeline);
    for (size_t from = 0, to; from < count; from = to) {
        int kind = kind_of_piece(thread, from);
        to = from + 1;
        while (to < count && kind_of_piece(thread, to) == kind)
            to++;
        block(out, kind, (double)(to - from) * percent_each);
    }
}

static void html(struct buffer *out, const struct findings *findings)
{
    if (!shown(findings))
        return;
    draw_details(out, findings, "Threads");
    for (uint32_t i = 0; i < shown(findings); i++) {
        double spent_s[SPENT_KINDS];
        sums(&findings->samples.threads[i], spent_s);
        print_text(out, "<div style=\"display:flex;line-height:1.5\" title=\"");
        draw_kinds(out, spent_s);
        print_text(out, "\"><span style=\"width:6em;flex:none\"><small>");
        name(out, &findings->samples.threads[i], i);
        print_text(out, "</small></span><span style=\"display:flex;flex:1;height:0.9em;margin-top:0.3em;"
                        "overflow:hidden\">");
        blocks(out, findings, &findings->samples.threads[i]);
        print_text(out, "</span></div>");
    }
    print_text(out, "</details>");
}

const struct report_view view_threads = {"threads", text, html};
