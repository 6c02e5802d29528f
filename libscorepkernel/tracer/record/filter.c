/* SPDX-License-Identifier: BSD-3-Clause
 *
 * filter: see filter.h. */
#include "tracer/record/filter.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *text;
    size_t len;
};

enum block { OUTSIDE, OF_REGIONS, OF_FILES };

struct reading {
    struct filter *filter;
    const char *at, *end;
    uint32_t line;
    enum block block;
    bool has_rule, excludes; /* of the last INCLUDE or EXCLUDE of the block */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void pass(struct reading *reading)
{
    reading->line += *reading->at == '\n';
    reading->at++;
}

/* The next word that is no comment; one of no length at the end. A backslash takes what follows it along. */
static struct word next_word(struct reading *reading)
{
    bool is_comment = false;
    while (reading->at < reading->end && (is_comment || is_blank(*reading->at) || *reading->at == '#')) {
        is_comment = (is_comment || *reading->at == '#') && *reading->at != '\n';
        pass(reading);
    }
    struct word word = {reading->at, 0};
    while (reading->at < reading->end && !is_blank(*reading->at) && *reading->at != '#') {
        if (*reading->at == '\\' && reading->at + 1 < reading->end)
            pass(reading);
        pass(reading);
    }
    word.len = (size_t)(reading->at - word.text);
    return word;
}

static bool is_word(struct word word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static int add_rule(struct reading *reading, struct word word)
{
    struct filter *filter = reading->filter;
    if (memchr(word.text, '\0', word.len))
        return -EINVAL;
    if (filter->count == FILTER_RULES_MAX)
        return -E2BIG;
    if (!filter->rules && !(filter->rules = calloc(FILTER_RULES_MAX, sizeof *filter->rules)))
        return -ENOMEM;
    char *pattern = strndup(word.text, word.len);
    if (!pattern)
        return -ENOMEM;
    filter->rules[filter->count++] =
        (struct filter_rule){pattern, reading->block == OF_FILES, reading->excludes};
    return 0;
}

static int read_outside(struct reading *reading, struct word word)
{
    reading->has_rule = false;
    if (is_word(word, "SCOREP_REGION_NAMES_BEGIN"))
        reading->block = OF_REGIONS;
    else if (is_word(word, "SCOREP_FILE_NAMES_BEGIN"))
        reading->block = OF_FILES;
    else
        return -EINVAL;
    return 0;
}

static int read_inside(struct reading *reading, struct word word)
{
    const char *end = reading->block == OF_FILES ? "SCOREP_FILE_NAMES_END" : "SCOREP_REGION_NAMES_END";
    if (is_word(word, end)) {
        reading->block = OUTSIDE;
        return 0;
    }
    if (is_word(word, "EXCLUDE") || is_word(word, "INCLUDE")) {
        reading->has_rule = true;
        reading->excludes = word.text[0] == 'E';
        return 0;
    }
    if (is_word(word, "MANGLED")) /* names of Python's functions are what they are */
        return reading->has_rule ? 0 : -EINVAL;
    return reading->has_rule ? add_rule(reading, word) : -EINVAL;
}

int filter_read(struct filter *filter, const char *text, size_t len, uint32_t *line)
{
    *filter = (struct filter){0};
    struct reading reading = {.filter = filter, .at = text, .end = text + len, .line = 1};
    int result = len > FILTER_LEN_MAX ? -E2BIG : 0;
    while (result == 0) {
        struct word word = next_word(&reading);
        *line = reading.line;
        if (word.len == 0)
            break;
        result = reading.block == OUTSIDE ? read_outside(&reading, word) : read_inside(&reading, word);
    }
    if (result == 0 && reading.block != OUTSIDE)
        result = -EINVAL; /* its end is missing */
    if (result != 0)
        filter_finish(filter);
    return result;
}

void filter_finish(struct filter *filter)
{
    for (uint32_t i = 0; i < filter->count; i++)
        free(filter->rules[i].pattern);
    free(filter->rules);
    *filter = (struct filter){0};
}

bool filter_excludes(const struct filter *filter, const char *name, const char *file)
{
    bool excluded[2] = {false, false};
    for (uint32_t i = 0; i < filter->count; i++) {
        const struct filter_rule *rule = &filter->rules[i];
        const char *text = rule->is_of_file ? file : name;
        if (text && fnmatch(rule->pattern, text, 0) == 0)
            excluded[rule->is_of_file] = rule->excludes;
    }
    return excluded[0] || excluded[1];
}
