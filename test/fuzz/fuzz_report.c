/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_report.c - any JSON for a measured cell: a report or none, and in its HTML no tag but ours, each
 * closed. No character in it that a terminal obeys, but for the ends of lines, and none that is cut.
 */
#include "report/report.h"

#include "fuzz.h"

static const char *const tags[] = {"div", "small", "code", "b",       "table",   "thead", "tbody", "tr",
                                   "th",  "td",    "span", "details", "summary", "pre",   "br"};
#define TAGS (sizeof tags / sizeof *tags)
#define TAG_BR (TAGS - 1) /* holds nothing, and has no end */

/* The tag that begins here, or TAGS. */
static size_t tag_at(const char *at)
{
    size_t len = strcspn(at, " >"), i = 0;
    while (i < TAGS && (strlen(tags[i]) != len || memcmp(tags[i], at, len) != 0))
        i++;
    return i;
}

static void well_formed(const char *html)
{
    size_t open[128], depth = 0;
    for (const char *at = html; (at = strchr(at, '<')); at++) {
        int closes = at[1] == '/';
        size_t tag = tag_at(at + 1 + closes);
        MUST(tag < TAGS);
        const char *end = at + strcspn(at, ">");
        MUST(*end == '>' && !memchr(at + 1, '<', (size_t)(end - at - 1)));
        if (tag == TAG_BR)
            MUST(!closes);
        else if (closes)
            MUST(depth > 0 && open[--depth] == tag);
        else
            MUST(depth < 128 && (open[depth++] = tag, 1));
        int quotes = 0;
        for (const char *c = at; c < end; c++)
            quotes += *c == '"';
        MUST(quotes % 2 == 0);
    }
    MUST(depth == 0);
}

/* Written by code points, other than print.c. */
static void visible(const char *text)
{
    static const char *const obeyed[] = {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029",
                                         "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                         "\u2066", "\u2067", "\u2068", "\u2069", "\x7f"};
    size_t len = strlen(text);
    MUST(fuzz_valid_utf8((const unsigned char *)text, len));
    for (size_t i = 0; i < len; i++) {
        MUST((unsigned char)text[i] >= ' ' || text[i] == '\n');
        MUST((unsigned char)text[i] != 0xC2 || (unsigned char)text[i + 1] >= 0xA0);
    }
    for (size_t i = 0; i < sizeof obeyed / sizeof *obeyed; i++)
        MUST(!strstr(text, obeyed[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *content = report_content((struct spk_text){(const char *)data, size});
    struct json *parsed = json_parse((const char *)data, size);
    MUST(!content == !parsed);
    const char *begin = json_count(json_get(parsed, "compared")) == 2 ? " before, " : "Measured in ";
    json_free(parsed);
    if (!content)
        return 0;
    const struct json *forms = json_get(content, "data");
    const char *plain = json_text(json_get(forms, "text/plain"), NULL);
    const char *html = json_text(json_get(forms, "text/html"), NULL);
    MUST(plain && html && strstr(plain, begin) && json_get(content, "metadata") &&
         json_get(content, "transient"));
    well_formed(html);
    visible(plain);
    visible(html);
    size_t len;
    char *text = json_print(content, &len);
    MUST(text && strlen(text) == len);
    struct json *again = json_parse(text, len);
    MUST(again != NULL);
    json_free(again);
    free(text);
    json_free(content);
    return 0;
}
