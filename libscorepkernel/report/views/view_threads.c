/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_threads.c - what each thread did in the course of time, where there are several. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <stdlib.h>

#define THREADS_MAX 32 /* that are shown */

static double seconds_at(const struct json *row, size_t column)
{
    double ns = json_number(json_at(row, column), 0);
    return ns > 0 && ns < 1e18 ? ns / 1e9 : 0;
}

/* The kinds of time of a piece of a thread's time line. What was one of Python and native code is divided as
 * what is known of the piece. */
static void piece(const struct sampled_thread *thread, size_t at, double spent_s[SPENT_KINDS])
{
    const struct json *row = json_at(thread->timeline, at);
    for (int kind = 0; kind < SPENT_KINDS; kind++)
        spent_s[kind] = kind < SAMPLED_KINDS ? seconds_at(row, (size_t)kind) : 0;
    double either_s = seconds_at(row, SAMPLED_KINDS), known_s = spent_s[ON_PYTHON] + spent_s[ON_NATIVE];
    double native = known_s > 0 ? spent_s[ON_NATIVE] / known_s : 0;
    spent_s[ON_PYTHON] += either_s * (1 - native);
    spent_s[ON_NATIVE] += either_s * native;
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

/* The threads that are shown, by their numbers: those that took the most time. */
struct shown {
    uint32_t numbers[THREADS_MAX], count;
    double times_s[THREADS_MAX]; /* that each took, until all are found */
    uint32_t left_out;           /* of those that took any */
};

static double time_of(const struct findings *findings, uint32_t number)
{
    double spent_s[SPENT_KINDS];
    sums(&findings->samples.threads[number], spent_s);
    return all_of(spent_s);
}

/* Puts it among them if it took more than one of them, or there is room: they are sorted by time. */
static void pick(struct shown *shown, const struct findings *findings, uint32_t number)
{
    double time_s = time_of(findings, number);
    uint32_t at = shown->count;
    if (time_s <= 0)
        return;
    while (at > 0 && time_s > shown->times_s[at - 1])
        at--;
    if (shown->count < THREADS_MAX)
        shown->count++;
    else
        shown->left_out++;
    for (uint32_t i = shown->count; i-- > at + 1;) {
        shown->numbers[i] = shown->numbers[i - 1];
        shown->times_s[i] = shown->times_s[i - 1];
    }
    if (at < THREADS_MAX) {
        shown->numbers[at] = number;
        shown->times_s[at] = time_s;
    }
}

static int by_number(const void *left, const void *right)
{
    uint32_t one = *(const uint32_t *)left, other = *(const uint32_t *)right;
    return (one > other) - (one < other);
}

static struct shown find_shown(const struct findings *findings)
{
    struct shown shown = {.count = 0};
    for (uint32_t i = 0; findings_are_sampled(findings) && i < findings->samples.thread_count; i++)
        pick(&shown, findings, i);
    qsort(shown.numbers, shown.count, sizeof *shown.numbers, by_number);
    return shown;
}

static void text(struct buffer *out, const struct findings *findings)
{
    struct shown shown = find_shown(findings);
    if (shown.count < 2)
        return;
    print_text(out, "\nthreads\n");
    for (uint32_t i = 0; i < shown.count; i++) {
        double spent_s[SPENT_KINDS];
        struct buffer cell = {0};
        const struct sampled_thread *thread = &findings->samples.threads[shown.numbers[i]];
        sums(thread, spent_s);
        draw_thread_name(&cell, findings, shown.numbers[i], 0);
        draw_right(out, &cell, 12);
        print_text(out, "  ");
        draw_kinds(out, spent_s);
        print_text(out, "\n");
        buffer_finish(&cell);
    }
    if (shown.left_out > 0)
        print_text(out, "Threads that are not shown, as they took less: %u.\n", shown.left_out);
}

/* A block that says of which kind time was; SPENT_KINDS: the thread was not there. */
static void block(struct buffer *out, int kind, double percent)
{
    int hundredths = percent > 100 ? 10000 : (int)(percent * 100);
    const char *colour = kind == SPENT_KINDS ? "none" : draw_kind_colour((enum spent_on)kind);
    if (hundredths > 0)
        print_text(out, "<span style=\"width:%d.%02d%%;flex:none;background:%s\"></span>", hundredths / 100,
                   hundredths % 100, colour);
}

static int kind_of_piece(const struct sampled_thread *thread, size_t at)
{
    double spent_s[SPENT_KINDS];
    piece(thread, at, spent_s);
    return all_of(spent_s) > 0 ? (int)draw_main_kind(spent_s) : SPENT_KINDS;
}

/* The piece from there on in which the thread was seen; beyond the last: in none. */
static size_t next_seen(const struct sampled_thread *thread, size_t at)
{
    while (at < json_count(thread->timeline) && kind_of_piece(thread, at) == SPENT_KINDS)
        at++;
    return at;
}

/* Pieces of one kind, one behind the other, are one block. Where the sampler came late, a piece is empty, and
 * the one behind it has its time: they are of one kind. */
static void blocks(struct buffer *out, const struct findings *findings, const struct sampled_thread *thread)
{
    double percent_each = 100 * thread->piece_s / longest(findings);
    size_t count = json_count(thread->timeline), seen = next_seen(thread, 0), to;
    block(out, SPENT_KINDS, (double)seen * percent_each);
    for (size_t from = seen; (seen = next_seen(thread, from)) < count; from = to) {
        int kind = kind_of_piece(thread, seen);
        to = seen + 1;
        while ((seen = next_seen(thread, to)) < count && kind_of_piece(thread, seen) == kind)
            to = seen + 1;
        block(out, kind, (double)(to - from) * percent_each);
    }
}

static void html(struct buffer *out, const struct findings *findings)
{
    struct shown shown = find_shown(findings);
    if (shown.count < 2)
        return;
    draw_details(out, findings, "Threads");
    for (uint32_t i = 0; i < shown.count; i++) {
        double spent_s[SPENT_KINDS];
        const struct sampled_thread *thread = &findings->samples.threads[shown.numbers[i]];
        sums(thread, spent_s);
        print_text(out, "<div style=\"display:flex;line-height:1.5\" title=\"");
        draw_kinds(out, spent_s);
        print_text(out, "\"><span style=\"width:6em;flex:none\"><small>");
        draw_thread_name(out, findings, shown.numbers[i], 1);
        print_text(out, "</small></span><span style=\"display:flex;flex:1;height:0.9em;margin-top:0.3em;"
                        "overflow:hidden\">");
        blocks(out, findings, thread);
        print_text(out, "</span></div>");
    }
    if (shown.left_out > 0)
        print_text(out, "<div><small>Threads that are not shown, as they took less: %u.</small></div>",
                   shown.left_out);
    print_text(out, "</details>");
}

const struct report_view view_threads = {"threads", text, html};
