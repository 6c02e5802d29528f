/* SPDX-License-Identifier: BSD-3-Clause
 *
 * comparison.c - two measured cells beside each other. Pure.
 */
#include "report/comparison.h"

#include "base/print.h"
#include "base/utf8.h"
#include "report/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 10000 /* of a source, that are compared */
/* Lines that differ at both ends are matched by a table of so many numbers at most. */
#define TABLE_MAX ((size_t)1 << 23)
#define SOURCE_MAX 120 /* bytes of a line that are shown, with its NUL */
/* Times that differ by less are no difference: a share of the longer one, for all that differs from run to
 * run, and beyond that so many times the standard deviation of what samples tell. */
#define NOISE 0.05
#define DEVIATIONS 2
/* A sum of what is nothing is less. */
#define TINY_S 1e-9

/* The source of a measured cell, and the times of its lines. */
struct side {
    const struct findings *findings;
    const char *begins[LINES_MAX];
    size_t lens[LINES_MAX];
    const struct line_time *times[LINES_MAX]; /* NULL: nothing was seen there */
    size_t count;
    int is_longer;   /* it has more lines than that */
    double period_s; /* that a sample stands for */
};

static const struct sampled_function *cell_of(const struct findings *findings)
{
    const struct line_times *lines = &findings->lines;
    if (lines->count == 0)
        return NULL;
    const struct sampled_function *function = &findings->samples.functions[lines->lines[0].function];
    return function->code == CODE_OF_CELL ? function : NULL;
}

static void side_read(struct side *side, const struct findings *findings)
{
    *side = (struct side){.findings = findings};
    const struct sampled_function *cell = cell_of(findings);
    const char *at = cell ? cell->source : NULL;
    if (findings->samples.count > 0)
        side->period_s = findings->whole_s / (double)findings->samples.count;
    for (; at && *at && side->count < LINES_MAX; at = strchr(at, '\n')) {
        at += *at == '\n';
        side->begins[side->count] = at;
        side->lens[side->count++] = strcspn(at, "\r\n");
    }
    side->is_longer = at && *at;
    for (uint32_t i = 0; cell && i < findings->lines.count; i++) {
        const struct line_time *time = &findings->lines.lines[i];
        if (time->function == findings->lines.lines[0].function && time->line >= 1 &&
            (size_t)time->line <= side->count)
            side->times[time->line - 1] = time;
    }
}

static int same(const struct side *left, size_t i, const struct side *right, size_t j)
{
    return left->begins[i] && right->begins[j] && left->lens[i] == right->lens[j] &&
           memcmp(left->begins[i], right->begins[j], left->lens[i]) == 0;
}

/* The lines that differ: from first on, so many of each cell. */
struct middle {
    size_t first, old_count, new_count;
};

static struct middle find_middle(const struct side *older, const struct side *newer)
{
    struct middle middle = {0, older->count, newer->count};
    size_t shorter = older->count < newer->count ? older->count : newer->count;
    while (middle.first < shorter && same(older, middle.first, newer, middle.first))
        middle.first++;
    middle.old_count -= middle.first;
    middle.new_count -= middle.first;
    while (middle.old_count > 0 && middle.new_count > 0 &&
           same(older, middle.first + middle.old_count - 1, newer, middle.first + middle.new_count - 1)) {
        middle.old_count--;
        middle.new_count--;
    }
    return middle;
}

/* A table of the longest common sequences: at i * width + j, that of the middle's lines from i and j on.
 * NULL: it would be too large, or there is no memory. */
static uint16_t *common_sequences(const struct side *older, const struct side *newer,
                                  const struct middle *middle, size_t width)
{
    if (middle->old_count + 1 > TABLE_MAX / width)
        return NULL;
    uint16_t *longest = calloc((middle->old_count + 1) * width, sizeof *longest);
    for (size_t i = longest ? middle->old_count : 0; i-- > 0;) {
        for (size_t j = middle->new_count; j-- > 0;) {
            uint16_t down = longest[(i + 1) * width + j], right = longest[i * width + j + 1];
            longest[i * width + j] = same(older, middle->first + i, newer, middle->first + j)
                                         ? (uint16_t)(longest[(i + 1) * width + j + 1] + 1)
                                     : down > right ? down
                                                    : right;
        }
    }
    return longest;
}

/* 0, or -1: there is no table for it. */
static int match_middle(const struct side *older, const struct side *newer, const struct middle *middle,
                        uint16_t *pairs)
{
    size_t width = middle->new_count + 1, i = 0, j = 0;
    uint16_t *longest = common_sequences(older, newer, middle, width);
    if (!longest)
        return -1;
    while (i < middle->old_count && j < middle->new_count) {
        if (same(older, middle->first + i, newer, middle->first + j))
            pairs[middle->first + j++] = (uint16_t)(middle->first + ++i);
        else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1])
            i++;
        else
            j++;
    }
    free(longest);
    return 0;
}

/* pairs[j], which are 0, become 1 + the line of the older cell that is the newer one's line j; 0: it is new.
 * 0, or -1: they differ in too many lines, or there is no memory. */
static int match(const struct side *older, const struct side *newer, uint16_t *pairs)
{
    struct middle middle = find_middle(older, newer);
    for (size_t j = 0; j < middle.first; j++)
        pairs[j] = (uint16_t)(j + 1);
    for (size_t j = middle.first + middle.new_count; j < newer->count; j++)
        pairs[j] = (uint16_t)(j + middle.old_count - middle.new_count + 1);
    return match_middle(older, newer, &middle, pairs);
}

static double total_of(const struct side *side, size_t line)
{
    return side->times[line] ? line_time_total(side->times[line]) : 0;
}

/* Samples of a time are so many as that has periods, and so many is the variance of their number, too. */
static int is_noise(const struct side *older, double old_s, const struct side *newer, double new_s)
{
    double beyond_s = fabs(new_s - old_s) - NOISE * (old_s > new_s ? old_s : new_s);
    double variance = old_s * older->period_s + new_s * newer->period_s;
    return beyond_s <= 0 || beyond_s * beyond_s <= DEVIATIONS * DEVIATIONS * variance;
}

/* --- the whole -------------------------------------------------------------------------------------------
 */

static double seconds_of(const struct json *measured)
{
    return json_number(json_get(measured, "seconds"), 0);
}

/* How far a cell's time spreads, where it was measured several times. */
static double spread_of(const struct json *measured)
{
    double spread_s = json_number(json_get(measured, "seconds_most"), 0) -
                      json_number(json_get(measured, "seconds_least"), 0);
    return json_integer(json_get(measured, "runs"), 1) > 1 && spread_s > 0 ? spread_s : 0;
}

static void print_ratio(struct buffer *out, double old_s, double new_s)
{
    double ratio = new_s > old_s ? new_s / old_s : old_s / new_s;
    if (!(old_s > 0) || !(new_s > 0) || !(ratio < 1e6))
        return;
    print_text(out, "%lld.%02lld times %s", (long long)ratio, (long long)(ratio * 100) % 100,
               new_s > old_s ? "slower" : "faster");
}

static void print_whole(struct buffer *out, const struct json *older, const struct json *newer)
{
    double old_s = seconds_of(older), new_s = seconds_of(newer);
    double noise_s = NOISE * (old_s > new_s ? old_s : new_s) + spread_of(older) / 2 + spread_of(newer) / 2;
    print_seconds(out, old_s);
    print_text(out, " before, ");
    print_seconds(out, new_s);
    print_text(out, " now: ");
    if (fabs(new_s - old_s) <= noise_s)
        print_text(out, "no difference beyond what differs from run to run");
    else
        print_ratio(out, old_s, new_s);
    print_text(out, ".");
}

/* --- line by line ----------------------------------------------------------------------------------------
 */

struct row {
    double old_s, new_s;
    int is_noise, is_new;
    char source[SOURCE_MAX];
    size_t line;
};

static void print_change(struct buffer *out, const struct row *row)
{
    if (row->is_new)
        print_text(out, "new");
    else if (row->is_noise)
        print_text(out, "noise");
    else
        print_ratio(out, row->old_s, row->new_s);
}

static void text_row(struct buffer *out, const struct row *row)
{
    struct buffer cell = {0};
    if (!row->is_new)
        print_seconds(&cell, row->old_s);
    draw_right(out, &cell, 10);
    print_seconds(&cell, row->new_s);
    draw_right(out, &cell, 11);
    print_change(&cell, row);
    draw_right(out, &cell, 20);
    print_text(out, "%6zu  ", row->line);
    print_name(out, row->source);
    print_text(out, "\n");
    buffer_finish(&cell);
}

static void html_row(struct buffer *out, const struct row *row)
{
    const char *colour = row->is_noise || row->is_new ? ""
                         : row->new_s > row->old_s    ? ";background:rgba(228,87,46,0.2)"
                                                      : ";background:rgba(58,154,91,0.2)";
    print_text(out, "<tr><td style=\"text-align:right\">");
    if (!row->is_new)
        print_seconds(out, row->old_s);
    print_text(out, "</td><td style=\"text-align:right\">");
    print_seconds(out, row->new_s);
    print_text(out, "</td><td style=\"text-align:left%s%s\">", colour, row->is_noise ? ";" DRAW_FAINT : "");
    print_change(out, row);
    print_text(out,
               "</td><td style=\"text-align:right;" DRAW_FAINT
               "\">%zu</td><td style=\"text-align:left\"><code>",
               row->line);
    print_html(out, row->source);
    print_text(out, "</code></td></tr>");
}

static void print_head(struct buffer *text, struct buffer *page)
{
    print_text(text, "\n    before        now              change  line\n");
    print_text(page, "<div style=\"overflow-x:auto\"><table style=\"margin:0.5em "
                     "0\"><thead><tr><th>before</th><th>now</th><th style=\"text-align:left\">"
                     "change</th><th></th><th></th></tr></thead><tbody>");
}

static void print_lines(struct buffer *text, struct buffer *page, const struct side *older,
                        const struct side *newer, const uint16_t *pairs)
{
    double least_s = 0.01 * newer->findings->whole_s;
    int has_rows = 0;
    for (size_t j = 0; j < newer->count; j++) {
        struct row row = {.new_s = total_of(newer, j), .is_new = pairs[j] == 0, .line = j + 1};
        row.old_s = row.is_new ? 0 : total_of(older, pairs[j] - 1u);
        if (row.new_s < least_s && row.old_s < least_s)
            continue;
        if (!has_rows)
            print_head(text, page);
        has_rows = 1;
        row.is_noise = !row.is_new && is_noise(older, row.old_s, newer, row.new_s);
        utf8_format(row.source, sizeof row.source, "%.*s",
                    (int)utf8_cut(newer->begins[j], newer->lens[j], sizeof row.source - 1), newer->begins[j]);
        text_row(text, &row);
        html_row(page, &row);
    }
    if (has_rows)
        print_text(page, "</tbody></table></div>");
}

static double gone(const struct side *older, const struct side *newer, const uint16_t *pairs)
{
    double gone_s = 0;
    for (size_t i = 0; i < older->count; i++)
        gone_s += total_of(older, i);
    for (size_t j = 0; j < newer->count; j++)
        if (pairs[j] > 0)
            gone_s -= total_of(older, pairs[j] - 1u);
    return gone_s > TINY_S ? gone_s : 0;
}

static void compare_lines(struct buffer *text, struct buffer *page, const struct side *older,
                          const struct side *newer)
{
    uint16_t pairs[LINES_MAX] = {0};
    if (match(older, newer, pairs) != 0) {
        static const char too_many[] = "The cells differ in too many lines to compare them line by line.";
        print_text(text, "%s\n", too_many);
        print_text(page, "<div><small>%s</small></div>", too_many);
        return;
    }
    print_lines(text, page, older, newer, pairs);
    if (older->is_longer || newer->is_longer) {
        print_text(text, "Only the first %d lines of the cells are compared.\n", LINES_MAX);
        print_text(page, "<div><small>Only the first %d lines of the cells are compared.</small></div>",
                   LINES_MAX);
    }
    double gone_s = gone(older, newer, pairs);
    if (gone_s <= 0)
        return;
    print_text(text, "Lines that are gone took ");
    print_seconds(text, gone_s);
    print_text(text, ".\n");
    print_text(page, "<div><small>Lines that are gone took ");
    print_seconds(page, gone_s);
    print_text(page, ".</small></div>");
}

void comparison_print(struct buffer *text, struct buffer *page, const struct findings *older,
                      const struct findings *newer)
{
    struct side *sides = calloc(2, sizeof *sides);
    print_text(page, "<div style=\"border-left:3px solid #e4572e;padding-left:0.8em\"><div><b>");
    print_whole(text, older->measured, newer->measured);
    print_whole(page, older->measured, newer->measured);
    print_text(text, "\nBefore: ");
    print_name(text, draw_member(older->measured, "directory", "?"));
    print_text(text, "\nNow: ");
    print_name(text, draw_member(newer->measured, "directory", "?"));
    print_text(text, "\n");
    print_text(page, "</b></div><div><small>before: <code>");
    print_html(page, draw_member(older->measured, "directory", "?"));
    print_text(page, "</code>, now: <code>");
    print_html(page, draw_member(newer->measured, "directory", "?"));
    print_text(page, "</code></small></div>");
    if (sides && findings_are_sampled(older) && findings_are_sampled(newer)) {
        side_read(&sides[0], older);
        side_read(&sides[1], newer);
        compare_lines(text, page, &sides[0], &sides[1]);
    }
    print_text(page, "</div>");
    free(sides);
}
