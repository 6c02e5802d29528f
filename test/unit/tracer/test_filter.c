/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_filter.c - filter files in Score-P's syntax: what they leave out, and which line is wrong.
 */
#include "tracer/record/filter.h"

#include <errno.h>

#include "test.h"

static struct filter filter;
static uint32_t line;

static int read_text(const char *text)
{
    filter_finish(&filter);
    return filter_read(&filter, text, strlen(text), &line);
}

static bool excludes(const char *name, const char *file)
{
    return filter_excludes(&filter, name, file);
}

static void names(void)
{
    CHECK(read_text("SCOREP_REGION_NAMES_BEGIN\n  EXCLUDE *\n  INCLUDE __main__:* # ours\n numpy:dot\n"
                    "SCOREP_REGION_NAMES_END\n") == 0);
    CHECK(filter.count == 3);
    CHECK(excludes("os:walk", "/x.py") && !excludes("__main__:f", "/x.py") && !excludes("numpy:dot", NULL));
    CHECK(read_text("SCOREP_REGION_NAMES_BEGIN EXCLUDE MANGLED f? [gh] a\\#b SCOREP_REGION_NAMES_END") == 0);
    CHECK(excludes("f1", "") && excludes("g", "") && !excludes("f", "") && !excludes("f12", "") && excludes("a#b", ""));
}

static void files(void)
{
    CHECK(read_text("# all\nSCOREP_FILE_NAMES_BEGIN\nEXCLUDE */lib/*\nSCOREP_FILE_NAMES_END\n"
                    "SCOREP_REGION_NAMES_BEGIN\nEXCLUDE slow\nSCOREP_REGION_NAMES_END\n") == 0);
    CHECK(excludes("f", "/usr/lib/a/b.py") && !excludes("f", "/home/b.py") && excludes("slow", "/home/b.py"));
    CHECK(!excludes("f", NULL) && excludes("slow", NULL));
}

static void nothing(void)
{
    static const char *const empty[] = {"", "  \n", "# only this", "SCOREP_FILE_NAMES_BEGIN SCOREP_FILE_NAMES_END",
                                        "SCOREP_REGION_NAMES_BEGIN\nEXCLUDE\nSCOREP_REGION_NAMES_END"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        CHECK(read_text(empty[i]) == 0 && filter.count == 0 && !excludes("f", "f"));
}

static void mistakes(void)
{
    static const struct {
        const char *text;
        uint32_t line;
    } bad[] = {{"EXCLUDE *", 1},
               {"\n\nwhat", 3},
               {"SCOREP_REGION_NAMES_BEGIN\nf\nSCOREP_REGION_NAMES_END", 2},
               {"SCOREP_REGION_NAMES_BEGIN\nMANGLED\nSCOREP_REGION_NAMES_END", 2},
               {"SCOREP_REGION_NAMES_BEGIN\nEXCLUDE f\n", 3},
               {"SCOREP_REGION_NAMES_END", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(read_text(bad[i].text) == -EINVAL && line == bad[i].line && !filter.rules);
    CHECK(filter_read(&filter, "SCOREP_REGION_NAMES_BEGIN EXCLUDE a\0b SCOREP_REGION_NAMES_END", 58, &line) == -EINVAL);
}

static void too_much(void)
{
    char *text = malloc(FILTER_LEN_MAX + 1);
    CHECK(text != NULL);
    memset(text, ' ', FILTER_LEN_MAX + 1);
    CHECK(filter_read(&filter, text, FILTER_LEN_MAX + 1, &line) == -E2BIG);
    CHECK(filter_read(&filter, text, FILTER_LEN_MAX, &line) == 0);
    size_t len = (size_t)sprintf(text, "SCOREP_REGION_NAMES_BEGIN EXCLUDE ");
    for (uint32_t i = 0; i <= FILTER_RULES_MAX; i++)
        len += (size_t)sprintf(text + len, "f ");
    CHECK(filter_read(&filter, text, len, &line) == -E2BIG && !filter.rules);
    free(text);
}

int main(void)
{
    test_limit(60);
    names();
    files();
    nothing();
    mistakes();
    too_much();
    filter_finish(&filter);
    return 0;
}
