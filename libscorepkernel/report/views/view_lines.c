/* SPDX-License-Identifier: BSD-3-Clause
 *
 * view_lines.c - the lines of the user's code, each with the time that it took, beside its source. Pure.
 */
#include "base/print.h"
#include "report/draw.h"
#include "report/view.h"

#include <stdlib.h>
#include <string.h>

#define HOT 0.2          /* a share of the whole time, from which on a line is marked */
#define SHOWN 0.01       /* and from which on it is shown, where not all lines are */
#define ALL_LINES_MAX 16 /* a source of no more lines is shown as a whole */
#define SOURCE_MAX 200   /* bytes of a line's source that are shown */

/* Where a source's lines begin. */
struct source {
    const char **lines; /* owned; count of them, borrowed texts that end with a newline or the text */
    int32_t count;
};

static int source_read(struct source *source, const char *text)
{
    int32_t count = 1;
    for (const char *at = text; (at = strchr(at, '\n')) && count < INT32_MAX; at++)
        count++;
    *source = (struct source){.lines = malloc((size_t)count * sizeof *source->lines)};
    if (!source->lines)
        return -1;
    for (const char *at = text; at && source->count < count; at = strchr(at, '\n')) {
        at += source->count > 0; /* behind the newline */
        source->lines[source->count++] = at;
    }
    while (source->count > 0 &&
           strspn(source->lines[source->count - 1], " \t\r\n") == strlen(source->lines[source->count - 1]))
        source->count--;
    return 0;
}

static size_t line_len(const struct source *source, int32_t line)
{
    if (line < 1 || line > source->count)
        return 0;
    size_t len = strcspn(source->lines[line - 1], "\r\n");
    return len < SOURCE_MAX ? len : SOURCE_MAX;
}

/* A copy of a line of source, cut between characters. */
static void line_text(const struct source *source, int32_t line, char text[SOURCE_MAX + 1])
{
    size_t len = line_len(source, line);
    if (len > 0)
        memcpy(text, source->lines[line - 1], len);
    while (len == SOURCE_MAX && len > 0 && (text[len - 1] & 0x80)) /* perhaps within a character */
        len--;
    text[len] = '\0';
}

/* --- which lines are shown -------------------------------------------------------------------------------
 */

/* The lines of one file: lines[0..count) of line_times, and its source. */
struct block {
    const struct findings *findings;
    const struct sampled_function *function;
    const struct line_time *lines;
    uint32_t count;
    struct source source;
    double whole_s;
};

typedef void draw_row(struct buffer *out, const struct block *block, int32_t line,
                      const struct line_time *time);
typedef void draw_gap(struct buffer *out);

static const struct line_time *time_of(const struct block *block, int32_t line, uint32_t *from)
{
    while (*from < block->count && block->lines[*from].line < line)
        (*from)++;
    return *from < block->count && block->lines[*from].line == line ? &block->lines[*from] : NULL;
}

static int is_directive(const struct block *block, int32_t line)
{
    char text[SOURCE_MAX + 1];
    line_text(&block->source, line, text);
    return strncmp(text, "%%", 2) == 0 || strncmp(text, "# %%", 4) == 0;
}

static void draw_whole(struct buffer *out, const struct block *block, draw_row *row)
{
    uint32_t from = 0;
    for (int32_t line = 1; line <= block->source.count; line++)
        if (line_len(&block->source, line) > 0 && !is_directive(block, line))
            row(out, block, line, time_of(block, line, &from));
}

static void draw_hot(struct buffer *out, const struct block *block, draw_row *row, draw_gap *gap)
{
    int32_t last = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct line_time *time = &block->lines[i];
        if (line_time_total(time) < SHOWN * block->whole_s)
            continue;
        if (last > 0 && time->line > last + 1)
            gap(out);
        row(out, block, time->line, time);
        last = time->line;
    }
}

static double hottest(const struct block *block)
{
    double most_s = 0;
    for (uint32_t i = 0; i < block->count; i++)
        if (line_time_total(&block->lines[i]) > most_s)
            most_s = line_time_total(&block->lines[i]);
    return most_s;
}

struct drawing {
    void (*begin)(struct buffer *out, const struct block *block);
    draw_row *row;
    draw_gap *gap;
    void (*end)(struct buffer *out);
};

static void draw_block(struct buffer *out, struct block *block, const struct drawing *drawing)
{
    if (hottest(block) < SHOWN * block->whole_s ||
        source_read(&block->source, block->function->source ? block->function->source : "") != 0)
        return;
    drawing->begin(out, block);
    if (block->function->code == CODE_OF_CELL && block->source.count <= ALL_LINES_MAX &&
        block->source.count > 0)
        draw_whole(out, block, drawing->row);
    else
        draw_hot(out, block, drawing->row, drawing->gap);
    drawing->end(out);
    free(block->source.lines);
}

static void draw_all(struct buffer *out, const struct findings *findings, const struct drawing *drawing)
{
    const struct line_times *times = &findings->lines;
    for (uint32_t from = 0, to; from < times->count; from = to) {
        for (to = from; to < times->count && times->lines[to].function == times->lines[from].function;)
            to++;
        struct block block = {.findings = findings,
                              .function = &findings->samples.functions[times->lines[from].function],
                              .lines = times->lines + from,
                              .count = to - from,
                              .whole_s = findings->whole_s};
        draw_block(out, &block, drawing);
    }
}

/* --- text ------------------------------------------------------------------------------------------------
 */

static void text_begin(struct buffer *out, const struct block *block)
{
    print_text(out, "\n      time  share  Python  native waiting     GIL  line  ");
    draw_file(out, block->function, 0);
    print_text(out, "\n");
}

static void text_row(struct buffer *out, const struct block *block, int32_t line,
                     const struct line_time *time)
{
    struct buffer cell = {0};
    char source[SOURCE_MAX + 1];
    double total_s = time ? line_time_total(time) : 0;
    int counts = time && total_s >= 0.005 * block->whole_s;
    if (counts)
        print_seconds(&cell, total_s);
    draw_right(out, &cell, 10);
    if (counts)
        draw_share(&cell, total_s, block->whole_s);
    draw_right(out, &cell, 7);
    for (int kind = 0; kind < SAMPLED_KINDS; kind++) {
        if (counts && time->spent_s[kind] >= 0.005 * block->whole_s)
            draw_share(&cell, time->spent_s[kind], block->whole_s);
        draw_right(out, &cell, 8);
    }
    print_text(out, "%6d  ", (int)line);
    line_text(&block->source, line, source);
    print_name(out, source);
    print_text(out, "\n");
    buffer_finish(&cell);
}

static void text_gap(struct buffer *out)
{
    print_text(out, "%55s  ...\n", "");
}

static void text_end(struct buffer *out)
{
    (void)out;
}

static void text(struct buffer *out, const struct findings *findings)
{
    static const struct drawing drawing = {text_begin, text_row, text_gap, text_end};
    if (findings_are_sampled(findings))
        draw_all(out, findings, &drawing);
}

/* --- HTML ------------------------------------------------------------------------------------------------
 */

static void html_begin(struct buffer *out, const struct block *block)
{
    print_text(out, "<div style=\"margin:0.4em 0\"><div><small style=\"" DRAW_FAINT "\">");
    draw_file(out, block->function, 1);
    print_text(out, "</small></div>");
}

static void html_row(struct buffer *out, const struct block *block, int32_t line,
                     const struct line_time *time)
{
    char source[SOURCE_MAX + 1];
    double total_s = time ? line_time_total(time) : 0;
    int counts = time && total_s >= 0.005 * block->whole_s;
    int is_hot = total_s >= HOT * block->whole_s;
    print_text(out,
               "<div style=\"display:flex;align-items:center;white-space:nowrap;line-height:1.5%s\" title=\"",
               is_hot ? ";background:rgba(228,87,46,0.12)" : "");
    if (counts) {
        print_seconds(out, total_s);
        print_text(out, ": ");
        draw_kinds(out, time->spent_s);
    }
    print_text(out, "\"><span style=\"width:3.2em;flex:none;text-align:right%s\">",
               is_hot ? ";font-weight:600" : "");
    if (counts)
        print_text(out, "%d&nbsp;%%", draw_percent(total_s, block->whole_s));
    print_text(out, "</span>");
    draw_bar(out, counts ? time->spent_s : NULL, block->whole_s);
    print_text(out,
               "<span style=\"width:2.2em;flex:none;text-align:right;" DRAW_FAINT "\">%d</span>"
               "<code style=\"white-space:pre;overflow:hidden;text-overflow:ellipsis;padding-left:0.8em;"
               "background:none%s\">",
               (int)line, is_hot ? ";font-weight:600" : "");
    line_text(&block->source, line, source);
    print_html(out, source);
    print_text(out, "</code></div>");
}

static void html_gap(struct buffer *out)
{
    print_text(out,
               "<div style=\"display:flex;line-height:1.5\"><span style=\"width:3.2em;flex:none\"></span>");
    draw_bar(out, NULL, 0);
    print_text(out, "<span style=\"width:2.2em;flex:none;text-align:right;" DRAW_FAINT "\">⋯</span></div>");
}

static void html_end(struct buffer *out)
{
    print_text(out, "</div>");
}

static void html(struct buffer *out, const struct findings *findings)
{
    static const struct drawing drawing = {html_begin, html_row, html_gap, html_end};
    if (!findings_are_sampled(findings))
        return;
    draw_all(out, findings, &drawing);
    if (findings->lines.count)
        draw_legend(out);
}

const struct report_view view_lines = {"lines", text, html};
