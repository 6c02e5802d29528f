/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_report.c - what is shown under a measured cell: numbers in their places, users' names harmless, and
 * whatever JSON comes, no more than a poor report.
 */
#include "report/report.h"

#include "base/buffer.h"
#include "base/print.h"
#include "base/utf8.h"
#include "test.h"

static struct json *made;

/* The report of this JSON, in the form of that MIME type; valid until the next call. */
static const char *shown(const char *measurement, const char *type)
{
    json_free(made);
    made = report_content((struct spk_text){measurement, strlen(measurement)});
    if (!made)
        return NULL;
    CHECK(json_get(made, "metadata") && json_get(made, "transient"));
    const char *text = json_text(json_get(json_get(made, "data"), type), NULL);
    CHECK(text != NULL);
    return text;
}

static const char *plain(const char *measurement)
{
    return shown(measurement, "text/plain");
}

static const char *html(const char *measurement)
{
    return shown(measurement, "text/html");
}

static const char good[] =
    "{\"measurement\":\"the built-in "
    "tracer\",\"seconds\":1.5,\"events\":3946,\"locations\":1,\"directory\":\"/tmp/run 1\","
    "\"way\":\"in the session, <guarded>\",\"page_faults\":1200,\"page_faults_seconds\":0.3,"
    "\"messages\":\"[Score-P] <oh>\","
    "\"exclusive_ns\":2000000000,\"region_count\":3,\"warnings\":[\"it was <slow>\"],"
    "\"regions\":[[\"__main__:fib\",\"/home/a/cell.py\",3,1973,1900000000,1500000000],"
    "[\"numpy:dot\",\"/usr/lib/numpy/core.py\",12,1,500000000,500000000]]}";

static void numbers(void)
{
    const char *text = plain(good);
    CHECK(strstr(text, "Measured in 1.50 s by the built-in tracer: 3,946 events in 1 location\n"));
    CHECK(strstr(text, "Experiment: /tmp/run 1\n") && strstr(text, "Warning: it was <slow>\n"));
    CHECK(strstr(text, "    1.50 s   75 %     1.90 s      1,973  fib  (cell.py:3)\n"));
    CHECK(strstr(text, "    500 ms   25 %     500 ms          1  numpy:dot  (core.py:12)\n"));
    CHECK(strstr(text, "\nRan in the session, <guarded>; 1,200 page faults, which took about 300 ms\n"));
    CHECK(strstr(text, "\nThe measurement system says:\n[Score-P] <oh>\n"));
    CHECK(strstr(text, "and 1 more region") && !strstr(text, "regions"));
    text = html(good);
    CHECK(strstr(text, "<b>1.50 s</b>") &&
          strstr(text, "3,946 events in 1 location, measured by the built-in tracer<"));
    CHECK(strstr(text, "<code>/tmp/run 1</code>") && strstr(text, "it was &#60;slow&#62;"));
    CHECK(strstr(text, "<code>fib</code>") && strstr(text, ">1,973<") && strstr(text, "width:3.75em"));
    CHECK(strstr(text, "title=\"__main__:fib&#10;/home/a/cell.py:3\""));
    CHECK(strstr(text, "Ran in the session, &#60;guarded&#62;; 1,200 page faults"));
    CHECK(strstr(text, "<pre>[Score-P] &#60;oh&#62;</pre>"));
    CHECK(strstr(text, "and 1 more region<"));
}

static const char evil[] = "{\"measurement\":\"<i>\",\"directory\":\"/tmp/<img src=x "
                           "onerror=alert(1)>\",\"warnings\":[\"</div><script>\"],"
                           "\"exclusive_ns\":1,\"regions\":[[\"m:<script>alert('x')</script>\",\"/"
                           "a\\\"onmouseover=\\\"/<b>.py\",1,1,1,1]]}";

/* No character of a user's ends a tag, an attribute or a text. */
static void escaping(void)
{
    static const char *const never[] = {"<script", "<img", "\"onmouseover", "<b>.py", "'x'", "<i>"};
    const char *text = html(evil);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        CHECK(!strstr(text, never[i]));
    CHECK(strstr(text, "&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;"));
    CHECK(strstr(text, "/tmp/&#60;img src=x onerror=alert(1)&#62;"));
    CHECK(strstr(text, "&#60;/div&#62;&#60;script&#62;"));
    CHECK(strstr(text, "&#34;onmouseover=&#34;"));
}

/* What a terminal would obey, or have read in another order, is written out; the ends of the system's lines
 * stay. */
static void unseen(void)
{
    static const char names[] =
        "{\"directory\":\"/tmp/\\u001b]0;x\\u0007\",\"measurement\":\"\\u009b1m\",\"way\":\"\\u007f\","
        "\"warnings\":[\"one\\ttwo\\r\\nthree \\u001b[31m\"],\"messages\":\"a\\u0000b\\n\\u2028c\","
        "\"exclusive_ns\":1,\"regions\":[[\"m:f\\u001b[2J\\u202eg\\nh\",\"/a/b\\u001bc\\u2066.py\",1,1,1,1],"
        "[\"__main__:\\u200fh\",\"<cell>\",1,1,1,1,0,-1,\"\\u001b\",0]]}";
    const char *text = plain(names);
    CHECK(strstr(text, "m:f\\x1b[2J\\u202eg\\nh  (b\\x1bc\\u2066.py:1)\n"));
    CHECK(strstr(text, "  \\u200fh  (In [\\x1b]:1)\n"));
    CHECK(strstr(text, "Experiment: /tmp/\\x1b]0;x\\x07\n") && strstr(text, "by \\x9b1m: "));
    CHECK(strstr(text, "Ran \\x7f\n") && strstr(text, "Warning: one two\\x0d\nthree \\x1b[31m\n"));
    CHECK(strstr(text, "says:\na"));
    text = html(names);
    CHECK(strstr(text, "title=\"m:f\\x1b[2J\\u202eg\nh&#10;/a/b\\x1bc\\u2066.py:1\""));
    CHECK(strstr(text, "<code>/tmp/\\x1b]0;x\\x07</code>") && strstr(text, "In [\\x1b]:1"));
    for (; *text; text++)
        CHECK((unsigned char)*text >= ' ' || *text == '\n');
    /* Others of their neighbourhood are letters of somebody's. */
    static const char letters[] =
        "{\"exclusive_ns\":1,\"regions\":[[\"m:\\u00e9\\u0627\\u200d\\u2030\\ud83d\\ude00\","
        "\"b\",1,1,1,1]]}";
    CHECK(strstr(plain(letters), "m:\xC3\xA9\xD8\xA7\xE2\x80\x8D\xE2\x80\xB0\xF0\x9F\x98\x80  (b:1)"));
}

/* Names that are too long are cut between characters. */
static void long_names(void)
{
    for (int ahead = 0; ahead < 4; ahead++) {
        static const char *const names[] = {"m:", "__main__:", ""};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            struct buffer json = {0};
            CHECK(print_text(&json, "{\"exclusive_ns\":1,\"regions\":[[\"%s%.*s", names[i], ahead, "xxx") ==
                  0);
            for (int j = 0; j < 200; j++)
                CHECK(print_text(&json, "\xF0\x9F\x98\x80") == 0);
            CHECK(print_text(&json, "\",\"%.*s", ahead, "yyy") == 0);
            for (int j = 0; j < 200; j++)
                CHECK(print_text(&json, "\xE2\x82\xAC") == 0);
            CHECK(print_text(&json, "\",77,1,1,1]]}") == 0 && buffer_append(&json, "", 1) == 0);
            const char *text = plain((const char *)buffer_bytes(&json));
            CHECK(!strstr(text, "\xEF\xBF\xBD") && strstr(text, ":77)\n"));
            struct buffer valid = {0};
            CHECK(utf8_append(&valid, (const unsigned char *)text, strlen(text)) == 0);
            CHECK(valid.len == strlen(text) && memcmp(buffer_bytes(&valid), text, valid.len) == 0);
            buffer_finish(&valid);
            buffer_finish(&json);
        }
    }
}

/* As many opening as closing ones of each tag. */
static void balanced(const char *text)
{
    static const char *const tags[] = {"div",   "table", "tr",    "td",   "th", "thead",
                                       "tbody", "code",  "small", "span", "b",  "details", "summary"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        char open[16], close[16];
        int opened = 0, closed = 0;
        size_t len = (size_t)snprintf(open, sizeof open, "<%s", tags[i]);
        snprintf(close, sizeof close, "</%s>", tags[i]);
        for (const char *at = text; (at = strstr(at, open)); at += len)
            opened += at[len] == '>' || at[len] == ' ';
        for (const char *at = text; (at = strstr(at, close)); at++)
            closed++;
        if (opened != closed) {
            fprintf(stderr, "%d <%s> and %d </%s> in: %s\n", opened, tags[i], closed, tags[i], text);
            exit(1);
        }
    }
}

static void long_list(void)
{
    struct buffer json = {0};
    CHECK(print_text(&json, "{\"exclusive_ns\":1000,\"region_count\":99999,\"regions\":[") == 0);
    for (int i = 0; i < 2000; i++)
        CHECK(print_text(&json, "%s[\"m:f%d\",\"f.py\",%d,%d,1,1]", i ? "," : "", i, i, i) == 0);
    CHECK(print_text(&json, "]}") == 0);
    char *text = strndup((const char *)buffer_bytes(&json), json.len);
    CHECK(text != NULL);
    CHECK(strstr(plain(text), "m:f1999  (f.py:1999)\nand 97999 more regions\n"));
    balanced(html(text));
    CHECK(strstr(html(text), "and 97999 more regions"));
    free(text);
    buffer_finish(&json);
}

/* The cell's own code ran once, however many statements it has, and goes by no name; so did a marked cell. */
static void cells(void)
{
    static const char rows[] =
        "{\"exclusive_ns\":9,\"regions\":[[\"__main__:<module>\",\"<f>\",2,5,9,9,0,-1,\"3\",1],"
        "[\"cell 1: x = 1\",\"<f>\",0,7,9,9,0,-1,\"4\",2],[\"__main__:f\",\"<f>\",6,8,9,9,0,-1,\"4\",0],"
        "[\"m:g\",\"a.py\",1,9,9,9,0,-1,null,77]]}";
    const char *text = plain(rows);
    CHECK(strstr(text, " 1  (the cell itself)  (In [3]:2)\n") &&
          strstr(text, " 1  cell 1: x = 1  (In [4]:0)\n"));
    CHECK(strstr(text, " 8  f  (In [4]:6)\n") && strstr(text, " 9  m:g  (a.py:1)\n"));
}

static void not_json(void)
{
    static const char *const bad[] = {"", "{", "nul", "{\"regions\":[}", "\xff", "[1,]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!plain(bad[i]));
    CHECK(!report_content((struct spk_text){NULL, 0}));
}

/* Members that are missing, or of another kind, or numbers from nowhere. */
static void strange(void)
{
    static const char *const strange[] = {
        "{}",
        "[]",
        "null",
        "5",
        "\"text\"",
        "{\"regions\":5,\"warnings\":\"x\"}",
        "{\"regions\":[5,[],{},null]}",
        "{\"regions\":[[1,2,\"3\",\"4\",\"5\",\"6\"]]}",
        "{\"regions\":{\"a\":1}}",
        "{\"region_count\":-9223372036854775808,\"regions\":[[\"a\",\"b\",1,1,1,1]]}",
        "{\"region_count\":9223372036854775807,\"events\":-1,\"locations\":18446744073709551615,\"seconds\":-"
        "1e308}",
        "{\"exclusive_ns\":1e-300,\"regions\":[[\"a\",\"b\",-9223372036854775808,9223372036854775807,1e308,"
        "1e308]]}",
        "{\"exclusive_ns\":1,\"regions\":[[\"a\",\"b\",1,1,-5e9,-5e9]]}",
        "{\"warnings\":[1,null,{\"a\":[]}],\"measurement\":{},\"directory\":[]}",
        "{\"regions\":[[\"\",\"\",1,1,1,1],[\"__main__\",\"/\",1,1,1,1],[\"__main__:\",\"a/\",1,1,1,1]]}",
    };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        CHECK(strstr(plain(strange[i]), "Measured in "));
        balanced(html(strange[i]));
        CHECK(!strstr(html(strange[i]), "width:-") && !strstr(html(strange[i]), ".-"));
    }
    CHECK(strstr(plain("{\"exclusive_ns\":1,\"regions\":[[\"a\",\"b\",1,1,5,5]]}"), " 100 % "));
    CHECK(
        strstr(plain("{}"),
               "by measurement: 0 locations\nExperiment: ?\nNo region was timed.\nRan somewhere\n"));
}

int main(void)
{
    test_limit(60);
    numbers();
    escaping();
    unseen();
    long_names();
    balanced(html(good));
    balanced(html(evil));
    long_list();
    cells();
    not_json();
    strange();
    json_free(made);
    return 0;
}
