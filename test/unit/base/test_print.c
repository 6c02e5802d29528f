/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_print.c - numbers and texts for people.
 */
#include "base/print.h"

#include "test.h"

#include <limits.h>
#include <locale.h>
#include <math.h>

static struct buffer out;

static void printed(const char *wanted, int result)
{
    if (result != 0 || !test_same(out.data ? buffer_bytes(&out) : NULL, out.len, wanted)) {
        fprintf(stderr, "printed \"%.*s\", not \"%s\"\n", (int)out.len, (const char *)out.data, wanted);
        exit(1);
    }
    buffer_consume(&out, out.len);
}

static void texts(void)
{
    printed("", print_text(&out, "%s", ""));
    printed("a 5 b", print_text(&out, "a %d %s", 5, "b"));
    char large[5000];
    memset(large, 'y', sizeof large - 1);
    large[sizeof large - 1] = 0;
    printed(large, print_text(&out, "%s", large));
}

static void escapes(void)
{
    printed("", print_html(&out, ""));
    printed("plain", print_html(&out, "plain"));
    printed("&#60;script&#62;alert(&#34;x&#34; &#38;&#38; &#39;y&#39;)&#60;/script&#62;",
            print_html(&out, "<script>alert(\"x\" && 'y')</script>"));
    printed("gr\xC3\xBC\xC3\x9F&#62;", print_html(&out, "gr\xC3\xBC\xC3\x9F>"));
}

/* What a terminal obeys is written out, and what only looks like it stays. */
static void visible(void)
{
    static const char text[] =
        "a\x1b[1m\tb\n\x7f\xC2\x9F\xC2\xA0\xD8\x9C\xE2\x80\xAE\xE2\x80\xB0\xE2\x81\xA9";
    printed("a\\x1b[1m b\n\\x7f\\x9f\xC2\xA0\\u061c\\u202e\xE2\x80\xB0\\u2069",
            print_visible(&out, text, sizeof text - 1));
    printed("a\\x1b[1m b\\n\\x7f\\x9f\xC2\xA0\\u061c\\u202e\xE2\x80\xB0\\u2069", print_name(&out, text));
    printed("&#60;\\x1b&#62;\n", print_html(&out, "<\x1b>\n"));
    printed("\\x00", print_visible(&out, "", 1));
    printed("\xE2\x80", print_visible(&out, "\xE2\x80\xAE", 2)); /* cut within a character: none yet */
    printed("", print_visible(&out, "", 0));
}

static void counts(void)
{
    static const struct {
        long long value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {-1, "-1"},
        {-999, "-999"},
        {-1000, "-1,000"},
        {-123456, "-123,456"},
        {1234567, "1,234,567"},
        {LLONG_MAX, "9,223,372,036,854,775,807"},
        {LLONG_MIN, "-9,223,372,036,854,775,808"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        printed(cases[i].text, print_count(&out, cases[i].value));
}

static void times(void)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0, "0.00 ns"},        {1e-9, "1.00 ns"},          {850e-9, "850 ns"},
        {999.4e-9, "999 ns"},  {999.6e-9, "1.00 \u00b5s"}, {12.34e-3, "12.3 ms"},
        {99.94e-3, "99.9 ms"}, {99.96e-3, "100 ms"},       {4.56, "4.56 s"},
        {9.994, "9.99 s"},     {9.996, "10.0 s"},          {59.96, "60.0 s"},
        {123.4, "123 s"},      {1e8, "100000000 s"},       {-1, "0.00 ns"},
        {1e300, "0.00 ns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        printed(cases[i].text, print_seconds(&out, cases[i].seconds));
    printed("0.00 ns", print_seconds(&out, (double)NAN));
    printed("0.00 ns", print_seconds(&out, (double)INFINITY));
}

int main(void)
{
    test_limit(60);
    texts();
    escapes();
    visible();
    counts();
    times();
    /* Where a decimal comma is usual, our output does not change. */
    if (setlocale(LC_ALL, "de_DE.UTF-8") || setlocale(LC_ALL, "fr_FR.UTF-8"))
        times();
    buffer_finish(&out);
    return 0;
}
