/* SPDX-License-Identifier: BSD-3-Clause
 *
 * draw.c - what several views draw alike. Pure.
 */
#include "report/draw.h"

#include "base/print.h"
#include "base/utf8.h"

#include <string.h>

static const struct {
    const char *name, *colour, *ink;
} kinds[SPENT_KINDS] = {[ON_PYTHON] = {"Python", "#4c78a8", "#fff"},
                        [ON_NATIVE] = {"native", "#e4572e", "#000"},
                        [ON_WAITING] = {"waiting", "#9aa0a6", "#000"},
                        [ON_GIL] = {"for the GIL", "#b279a2", "#000"},
                        [ON_ANYTHING] = {"recorded", "#4a7560", "#fff"}};

const char *draw_member(const struct json *measured, const char *name, const char *fallback)
{
    const char *text = json_text(json_get(measured, name), NULL);
    return text ? text : fallback;
}

const char *draw_kind_name(enum spent_on kind)
{
    return kinds[kind].name;
}

const char *draw_kind_colour(enum spent_on kind)
{
    return kinds[kind].colour;
}

const char *draw_kind_ink(enum spent_on kind)
{
    return kinds[kind].ink;
}

enum spent_on draw_main_kind(const double spent_s[SPENT_KINDS])
{
    enum spent_on most = ON_PYTHON;
    for (int kind = 1; kind < SPENT_KINDS; kind++)
        if (spent_s[kind] > spent_s[most])
            most = (enum spent_on)kind;
    return most;
}

/* Many threads at once take more than the whole; from so many times on, that is said as times. */
#define AS_TIMES 10
#define TIMES_MAX 99999.0 /* of malformed numbers */

/* Between 0 and most, whatever the numbers are. */
static double share_of(double part, double whole, double most)
{
    double share = whole > 0 ? part / whole : 0;
    return share > 0 ? (share < most ? share : most) : 0;
}

int draw_percent(double part_s, double whole_s)
{
    return (int)(100 * share_of(part_s, whole_s, TIMES_MAX) + 0.5);
}

void draw_share(struct buffer *out, double part_s, double whole_s)
{
    double share = share_of(part_s, whole_s, TIMES_MAX);
    long thousandths = (long)(share * 1000 + 0.5);
    if (share > AS_TIMES)
        print_text(out, "%.0f x", share);
    else if (thousandths >= 10)
        print_text(out, "%ld %%", (thousandths + 5) / 10);
    else if (part_s > 0)
        print_text(out, "0.%ld %%", thousandths);
}

void draw_right(struct buffer *out, struct buffer *cell, size_t width)
{
    size_t columns = 0; /* not bytes: the micro sign has two */
    for (size_t i = 0; i < cell->len; i++)
        columns += (buffer_bytes(cell)[i] & 0xC0) != 0x80;
    print_text(out, "%*s", (int)(width > columns ? width - columns : 0), "");
    buffer_append(out, buffer_bytes(cell), cell->len);
    buffer_consume(cell, cell->len);
}

void draw_bar(struct buffer *out, const double *spent_s, double whole_s)
{
    print_text(out, "<span style=\"width:7em;max-width:20%%;flex:none;padding:0 0.6em\">");
    for (int kind = 0; spent_s && kind < SPENT_KINDS; kind++) {
        int width = (int)(share_of(spent_s[kind], whole_s, 1) * 10000); /* hundredths of a percent */
        if (width > 0)
            print_text(
                out,
                "<span style=\"display:inline-block;height:0.7em;width:%d.%02d%%;background:%s\"></span>",
                width / 100, width % 100, kinds[kind].colour);
    }
    print_text(out, "</span>");
}

void draw_details(struct buffer *out, const struct findings *findings, const char *title)
{
    int is_wanted = json_count(json_get(findings->measured, "views")) > 0;
    print_text(out, "<details%s><summary>%s</summary>", is_wanted ? " open" : "", title);
}

void draw_legend(struct buffer *out)
{
    print_text(out, "<div style=\"margin:0.2em 0\"><small>");
    for (int kind = 0; kind < SAMPLED_KINDS; kind++)
        print_text(
            out, "<span style=\"display:inline-block;width:0.8em;height:0.8em;background:%s\"></span> %s%s ",
            kinds[kind].colour, kind == ON_GIL ? "waiting " : "", kinds[kind].name);
    print_text(out, "</small></div>");
}

void draw_kinds(struct buffer *out, const double spent_s[SPENT_KINDS])
{
    int some = 0;
    for (int kind = 0; kind < SPENT_KINDS; kind++) {
        if (spent_s[kind] <= 0)
            continue;
        print_text(out, "%s%s%s ", some ? ", " : "", kind == ON_GIL ? "waiting " : "", kinds[kind].name);
        print_seconds(out, spent_s[kind]);
        some = 1;
    }
}

void draw_bytes(struct buffer *out, double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    long long tenths = (long long)(bytes * 10 + 0.5);
    if (unit >= 2 && tenths < 100)
        print_text(out, "%lld.%lld %s", tenths / 10, tenths % 10, units[unit]);
    else
        print_text(out, "%lld %s", (tenths + 5) / 10, units[unit]);
}

void draw_file(struct buffer *out, const struct sampled_function *function, int html)
{
    const char *slash = strrchr(function->file, '/');
    const char *name = slash && slash[1] ? slash + 1 : function->file;
    if (function->cell)
        print_text(out, "In [");
    (html ? print_html : print_name)(out, function->cell ? function->cell : name);
    if (function->cell)
        print_text(out, "]");
}

/* --- entries of the call tree --------------------------------------------------------------------------- */

#define NAME_MAX_LEN 120 /* bytes of a name or of a line's source, with its NUL */

static void print_part(struct buffer *out, const char *text, size_t len, int html)
{
    char part[NAME_MAX_LEN];
    utf8_format(part, sizeof part, "%.*s", (int)utf8_cut(text, len, sizeof part - 1), text);
    (html ? print_html : print_name)(out, part);
}

/* A line of a text, without the blanks around it. */
static const char *line_of(const char *text, int32_t line, size_t *len)
{
    for (int32_t at = 1; text && at < line; at++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    if (!text)
        return NULL;
    text += strspn(text, " \t");
    *len = strcspn(text, "\r\n");
    return *len ? text : NULL;
}

static void print_function(struct buffer *out, const struct sampled_function *function, int html)
{
    static const char locals[] = ".<locals>.";
    const char *name = function->name, *nested = NULL;
    if (function->code == CODE_OF_CELL) {
        print_text(out, "(the cell itself)");
        return;
    }
    for (const char *at = name; (at = strstr(at, locals)); at += sizeof locals - 1)
        nested = at + sizeof locals - 1;
    if (nested && *nested)
        name = nested;
    print_part(out, name, strlen(name), html);
}

void draw_thread_name(struct buffer *out, const struct findings *findings, uint32_t number, int html)
{
    const struct sampled_thread *thread = &findings->samples.threads[number];
    if (thread->rank >= 0)
        print_text(out, "rank %lld%s", thread->rank, thread->is_master ? "" : ", ");
    if (thread->name)
        print_part(out, thread->name, strlen(thread->name), html);
    else if (thread->is_master && thread->rank < 0)
        print_text(out, "the cell");
    else if (!thread->is_master)
        print_text(out, "thread %u", number);
}

/* What is no function. */
static void print_division(struct buffer *out, const struct findings *findings, const struct call *call,
                           int html)
{
    if (call->kind == CALL_KERNEL)
        print_text(out, "(IPython and the kernel)");
    else if (call->kind == CALL_THREAD)
        draw_thread_name(out, findings, (uint32_t)call->line, html);
    else if (call->kind == CALL_RANK)
        print_text(out, "rank %d", (int)call->line);
    else
        print_text(out, "(all threads)");
}

void draw_call_name(struct buffer *out, const struct findings *findings, const struct call *call, int html)
{
    size_t len = 0;
    if (call->function < 0) {
        print_division(out, findings, call, html);
        return;
    }
    const struct sampled_function *function = &findings->samples.functions[call->function];
    const char *source = call->kind == CALL_LINE ? line_of(function->source, call->line, &len) : NULL;
    if (source)
        print_part(out, source, len, html);
    else if (call->kind == CALL_LINE)
        print_text(out, "line %d", (int)call->line);
    else
        print_function(out, function, html);
    if (call->is_recursive)
        print_text(out, " (calls itself)");
}

void draw_call_place(struct buffer *out, const struct findings *findings, const struct call *call, int html)
{
    if (call->function < 0)
        return;
    const struct sampled_function *function = &findings->samples.functions[call->function];
    if (call->kind == CALL_LINE) {
        size_t len;
        if (line_of(function->source, call->line, &len)) /* else that is its name already */
            print_text(out, "line %d", (int)call->line);
        return;
    }
    draw_file(out, function, html);
    if (function->code != CODE_OF_CELL && function->line > 0)
        print_text(out, ":%lld", function->line);
}
