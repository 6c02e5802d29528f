/* SPDX-License-Identifier: BSD-3-Clause
 *
 * directive.c - the directives of a cell. Pure. It looks at one line and never parses Python: everything that
 * is not a directive of ours goes to IPython as it is.
 */
#include "directives/directive.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* What a cell with the directive holds (directives.def). */
enum form { FORM_CODE, FORM_LINES, FORM_NOTHING, FORM_LINE, FORM_LINE_1, FORM_LINE_2 };

static const struct row {
    const char *name;
    enum directive_kind kind;
    enum form form;
} rows[] = {
#define DIRECTIVE(kind, name, form, handler, help, usage, summary) {name, DIRECTIVE_##kind, FORM_##form},
#define ALIAS DIRECTIVE
#include "directives/directives.def"
};

/* The options of each directive, with a comma between them. */
static const struct option {
    enum directive_kind kind;
    const char *name, *value;
} options[] = {
#define OPTION(kind, name, value, summary) {DIRECTIVE_##kind, name, value},
#include "directives/directives.def"
};

static const struct row *row_of(struct spk_text name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (text_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

/* The first line that says something, trimmed; *lines counts up to and including it. Empty: there is none. */
static struct spk_text first_line(struct spk_text cell, size_t *lines)
{
    *lines = 0;
    while (cell.len) {
        const char *end = memchr(cell.data, '\n', cell.len);
        size_t len = end ? (size_t)(end - cell.data) : cell.len;
        struct spk_text line = text_trimmed((struct spk_text){cell.data, len});
        ++*lines;
        if (line.len && line.data[0] != '#')
            return line;
        len += end ? 1 : 0;
        cell = (struct spk_text){cell.data + len, cell.len - len};
    }
    return (struct spk_text){0};
}

/* The next word of text, which is shortened by it. Empty: there is none. */
static struct spk_text next_word(struct spk_text *text)
{
    struct spk_text word = {text->data, 0};
    while (word.len < text->len && !text_is_blank(text->data[word.len]))
        word.len++;
    *text = text_trimmed((struct spk_text){text->data + word.len, text->len - word.len});
    return word;
}

/* The directive with its %%, as it is written: what stands before the body. */
static struct spk_text directive_name(const struct directive *directive)
{
    return (struct spk_text){directive->line.data, (size_t)(directive->body.data - directive->line.data)};
}

/* What a refused directive did not do. */
static const char *not_done(const struct directive *directive)
{
    return directive->kind == DIRECTIVE_FINALIZE_MARKING
               ? "No cell was run, and those that are marked are kept."
               : "The cell was not run.";
}

/* "--guard, --repeat N and --ranks N": the options of a directive. */
static void list_options(enum directive_kind kind, char *text, size_t size)
{
    size_t len = 0, count = 0, seen = 0;
    text[0] = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        count += options[i].kind == kind;
    for (size_t i = 0; i < sizeof options / sizeof *options && len < size; i++) {
        if (options[i].kind != kind)
            continue;
        seen++;
        const char *between = seen == 1 ? "" : seen == count ? " and " : ", ";
        len += utf8_format(text + len, size - len, "%s%s%s%s", between, options[i].name,
                           *options[i].value ? " " : "", options[i].value);
    }
}

static void refuse_option(struct directive *directive, struct spk_text word, const char *why)
{
    struct spk_text name = directive_name(directive);
    char list[160];
    const char *where =
        directive->kind == DIRECTIVE_EXECUTE ? " The code to measure begins in the next line." : "";
    list_options(directive->kind, list, sizeof list);
    utf8_format(directive->error, sizeof directive->error, "%.*s %s \"%.*s\"; it has %s.%s %s", (int)name.len,
                name.data, why, text_shown(word), word.data, list, where, not_done(directive));
    directive->kind = DIRECTIVE_BAD;
}

/* A whole number from 1 to max; 0: it is none such. */
static unsigned read_number(struct spk_text word, unsigned max)
{
    unsigned number = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9' || number > max)
            return 0;
        number = number * 10 + (unsigned)(word.data[i] - '0');
    }
    return number <= max ? number : 0;
}

/* Whether the word is that option: --option VALUE, for which the rest is shortened, or --option=VALUE. */
static int is_option(struct spk_text word, const char *option, struct spk_text *rest, struct spk_text *value)
{
    size_t len = strlen(option);
    if (text_is(word, option)) {
        *value = next_word(rest);
        return 1;
    }
    if (!text_begins(word, option) || word.data[len] != '=')
        return 0;
    *value = (struct spk_text){word.data + len + 1, word.len - len - 1};
    return 1;
}

/* Whether a byte can be part of a Python identifier. Beyond ASCII it is for Python to say. */
static int is_of_name(char c, int first)
{
    int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (c & 0x80);
    return letter || (!first && c >= '0' && c <= '9');
}

/* One or more, with commas between them. */
static int are_names(struct spk_text text)
{
    int first = 1; /* of its name */
    for (size_t i = 0; i < text.len; i++) {
        int comma = !first && text.data[i] == ',';
        if (!comma && !is_of_name(text.data[i], first))
            return 0;
        first = comma;
    }
    return !first;
}

/* --gather: the names are added to those that were said before. */
static void add_names(struct directive *directive, struct spk_text names)
{
    size_t len = strlen(directive->gather), comma = len ? 1 : 0;
    if (!are_names(names)) {
        refuse_option(directive, names, "--gather wants names, with commas and no blanks between them, not");
    } else if (comma + names.len > DIRECTIVE_GATHER_MAX - len) {
        refuse_option(directive, names, "--gather has room for names of 1024 bytes in all, too few for");
    } else {
        memcpy(directive->gather + len, ",", comma);
        memcpy(directive->gather + len + comma, names.data, names.len);
        directive->gather[len + comma + names.len] = 0;
    }
}

static void set_guard(struct directive *directive, enum directive_guard guard)
{
    if (directive->guard != DIRECTIVE_GUARD_AUTO && directive->guard != guard) {
        struct spk_text name = directive_name(directive);
        utf8_format(directive->error, sizeof directive->error,
                    "%.*s has --guard and --no-guard, which contradict each other: leave one out. %s",
                    (int)name.len, name.data, not_done(directive));
        directive->kind = DIRECTIVE_BAD;
    }
    directive->guard = guard;
}

static void read_option(struct directive *directive, struct spk_text word, struct spk_text *rest)
{
    struct spk_text value;
    if (text_is(word, "--guard")) {
        set_guard(directive, DIRECTIVE_GUARD_YES);
    } else if (text_is(word, "--no-guard")) {
        set_guard(directive, DIRECTIVE_GUARD_NO);
    } else if (is_option(word, "--repeat", rest, &value)) {
        if (!(directive->repeat = read_number(value, DIRECTIVE_REPEAT_MAX)))
            refuse_option(directive, value, "--repeat wants a number from 1 to 1000, not");
    } else if (is_option(word, "--ranks", rest, &value)) {
        if (!(directive->ranks = read_number(value, DIRECTIVE_RANKS_MAX)))
            refuse_option(directive, value, "--ranks wants a number from 1 to 65536, not");
    } else if (is_option(word, "--gather", rest, &value)) {
        add_names(directive, value);
    } else {
        refuse_option(directive, word, "has no option");
    }
}

/* The options of %%execute_with_scorep and of %%finalize_multicellmode. */
static void read_options(struct directive *directive, struct spk_text arguments)
{
    while (directive->kind != DIRECTIVE_BAD && arguments.len)
        read_option(directive, next_word(&arguments), &arguments);
    if (directive->kind == DIRECTIVE_BAD || !directive->ranks || directive->repeat == 1)
        return;
    struct spk_text name = directive_name(directive);
    utf8_format(
        directive->error, sizeof directive->error,
        "%.*s cannot have --ranks together with --repeat %u: repeat inside the cell's code, or run the "
        "cell again. %s",
        (int)name.len, name.data, directive->repeat, not_done(directive));
    directive->kind = DIRECTIVE_BAD;
}

static void read_known(struct directive *directive, enum directive_kind kind, struct spk_text arguments)
{
    directive->kind = kind;
    if (kind == DIRECTIVE_EXECUTE || kind == DIRECTIVE_FINALIZE_MARKING)
        read_options(directive, arguments);
}

/* %scorep_unmark 3 and its like. */
static void read_line_directive(struct directive *directive, struct spk_text line)
{
    struct spk_text rest = {line.data + 1, line.len - 1};
    struct spk_text name = next_word(&rest);
    const struct row *row = row_of(name);
    if (!row || row->form < FORM_LINE)
        return;
    unsigned numbers = row->form - FORM_LINE;
    directive->kind = row->kind;
    directive->line = line;
    directive->body = (struct spk_text){line.data + 1 + name.len, line.len - 1 - name.len};
    for (unsigned n = 0; n < numbers && directive->kind != DIRECTIVE_BAD; n++)
        if (!(directive->numbers[n] = read_number(next_word(&rest), 1000000)))
            directive->kind = DIRECTIVE_BAD;
    if (directive->kind != DIRECTIVE_BAD && !rest.len)
        return;
    directive->kind = DIRECTIVE_BAD;
    utf8_format(directive->error, sizeof directive->error, "%%%s wants %u %s behind it, and nothing else.",
                row->name, numbers, numbers == 1 ? "number" : "numbers");
}

/* Whether nothing is said behind the line. */
static int is_last(struct spk_text cell, struct spk_text line)
{
    size_t ignored, before = (size_t)(line.data + line.len - cell.data);
    return first_line((struct spk_text){line.data + line.len, cell.len - before}, &ignored).len == 0;
}

/* There is none of that name that begins with %%. */
static void refuse_name(struct directive *directive, struct spk_text name, const struct row *row)
{
    directive->kind = DIRECTIVE_BAD;
    if (row)
        utf8_format(directive->error, sizeof directive->error,
                    "%%%s is written with one %% and is alone in its cell. Nothing was done.", row->name);
    else
        utf8_format(directive->error, sizeof directive->error,
                    "There is no directive %%%%%.*s. Tab after %%%% lists those that there are, such as "
                    "%%%%execute_with_scorep; a ? behind one explains it.",
                    text_shown(name), name.data);
}

void directive_read(struct spk_text cell, struct directive *directive)
{
    *directive = (struct directive){.kind = DIRECTIVE_NONE, .repeat = 1};
    struct spk_text line = first_line(cell, &directive->lines);
    if (text_begins(line, "%scorep_") && is_last(cell, line))
        read_line_directive(directive, line);
    if (!text_begins(line, "%%"))
        return;
    struct spk_text name = {line.data + 2, 0};
    while (2 + name.len < line.len && !text_is_blank(name.data[name.len]))
        name.len++;
    /* %%execute_with_scorep? asks IPython for help. */
    if (name.len && name.data[name.len - 1] == '?')
        return;
    struct spk_text arguments =
        text_trimmed((struct spk_text){name.data + name.len, line.len - 2 - name.len});
    directive->line = line;
    directive->body =
        (struct spk_text){name.data + name.len, (size_t)(cell.data + cell.len - name.data) - name.len};
    const struct row *row = row_of(name);
    if (row && row->form < FORM_LINE) {
        read_known(directive, row->kind, arguments);
        return;
    }
    if (text_begins(name, "scorep") || text_begins(name, "execute_with"))
        refuse_name(directive, name, row);
}

/* Whether the directive is all of its cell. */
static int is_all(enum directive_kind kind)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].kind == kind)
            return rows[i].form == FORM_NOTHING;
    return 0;
}

int directive_drops_code(const struct directive *directive)
{
    size_t ignored;
    struct spk_text body = directive->body;
    const char *end = is_all(directive->kind) && body.len ? memchr(body.data, '\n', body.len) : NULL;
    return end && first_line(text_after(body, (size_t)(end - body.data)), &ignored).len > 0;
}
