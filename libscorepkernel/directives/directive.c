/* SPDX-License-Identifier: BSD-3-Clause
 *
 * magic.c - the directives of a cell. Pure. It looks at one line and never parses Python: everything that is
 * not a directive of ours goes to IPython as it is.
 */
#include "directives/directive.h"

#include "base/text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The names that users of the Score-P kernels know, and what they do here. */
static const struct {
    const char *name;
    enum magic_kind kind;
} directives[] = {
    {"execute_with_scorep", MAGIC_EXECUTE},
    {"scorep_env", MAGIC_ENV},
    {"scorep_python_binding_arguments", MAGIC_ARGUMENTS},
    {"scorep_launcher", MAGIC_LAUNCHER},
    {"enable_multicellmode", MAGIC_ENABLE_MARKING},
    {"finalize_multicellmode", MAGIC_FINALIZE_MARKING},
    {"abort_multicellmode", MAGIC_ABORT_MARKING},
    {"marshalling_settings", MAGIC_SETTINGS},
    {"serializer_settings", MAGIC_SETTINGS},
    {"start_writefile", MAGIC_START_WRITING},
    {"end_writefile", MAGIC_END_WRITING},
    {"abort_writefile", MAGIC_ABORT_WRITING},
    {"enable_vampir_launch_on_scorep_instrumented", MAGIC_VIEWER},
    {"disable_vampir_launch", MAGIC_VIEWER},
    {"scorep_enable_cube_launch", MAGIC_VIEWER},
    {"scorep_disable_cube_launch", MAGIC_VIEWER},
};

/* Line magics, where they are all of a cell. */
static const struct {
    const char *name;
    enum magic_kind kind;
    unsigned numbers; /* so many follow */
} line_magics[] = {
    {"scorep_marked", MAGIC_MARKED, 0},
    {"scorep_unmark", MAGIC_UNMARK, 1},
    {"scorep_move", MAGIC_MOVE, 2},
};

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

/* For messages: not more than a line's worth of what the user wrote. */
static int shown(struct spk_text text)
{
    return (int)utf8_cut(text.data, text.len, 80);
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
static struct spk_text directive_name(const struct magic *magic)
{
    return (struct spk_text){magic->line.data, (size_t)(magic->body.data - magic->line.data)};
}

/* What a refused directive did not do. */
static const char *not_done(const struct magic *magic)
{
    return magic->kind == MAGIC_FINALIZE_MARKING ? "No cell was run, and those that are marked are kept."
                                                 : "The cell was not run.";
}

static void refuse_option(struct magic *magic, struct spk_text word, const char *why)
{
    struct spk_text name = directive_name(magic);
    const char *where = magic->kind == MAGIC_EXECUTE ? " The code to measure begins in the next line." : "";
    utf8_format(
        magic->error, sizeof magic->error,
        "%.*s %s \"%.*s\"; it has --guard, --no-guard, --repeat N, --ranks N and --gather NAMES.%s %s",
        (int)name.len, name.data, why, shown(word), word.data, where, not_done(magic));
    magic->kind = MAGIC_BAD;
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
static void add_names(struct magic *magic, struct spk_text names)
{
    size_t len = strlen(magic->gather), comma = len ? 1 : 0;
    if (!are_names(names)) {
        refuse_option(magic, names, "--gather wants names, with commas and no blanks between them, not");
    } else if (comma + names.len > MAGIC_GATHER_MAX - len) {
        refuse_option(magic, names, "--gather has room for names of 1024 bytes in all, too few for");
    } else {
        memcpy(magic->gather + len, ",", comma);
        memcpy(magic->gather + len + comma, names.data, names.len);
        magic->gather[len + comma + names.len] = 0;
    }
}

static void read_option(struct magic *magic, struct spk_text word, struct spk_text *rest)
{
    struct spk_text value;
    if (text_is(word, "--guard")) {
        magic->guard = MAGIC_GUARD_YES;
    } else if (text_is(word, "--no-guard")) {
        magic->guard = MAGIC_GUARD_NO;
    } else if (is_option(word, "--repeat", rest, &value)) {
        if (!(magic->repeat = read_number(value, MAGIC_REPEAT_MAX)))
            refuse_option(magic, value, "--repeat wants a number from 1 to 1000, not");
    } else if (is_option(word, "--ranks", rest, &value)) {
        if (!(magic->ranks = read_number(value, MAGIC_RANKS_MAX)))
            refuse_option(magic, value, "--ranks wants a number from 1 to 65536, not");
    } else if (is_option(word, "--gather", rest, &value)) {
        add_names(magic, value);
    } else {
        refuse_option(magic, word, "has no option");
    }
}

/* The options of %%execute_with_scorep and of %%finalize_multicellmode. */
static void read_options(struct magic *magic, struct spk_text arguments)
{
    while (magic->kind != MAGIC_BAD && arguments.len)
        read_option(magic, next_word(&arguments), &arguments);
    if (magic->kind == MAGIC_BAD || !magic->ranks || magic->repeat == 1)
        return;
    struct spk_text name = directive_name(magic);
    utf8_format(
        magic->error, sizeof magic->error,
        "%.*s cannot have --ranks together with --repeat %u: repeat inside the cell's code, or run the "
        "cell again. %s",
        (int)name.len, name.data, magic->repeat, not_done(magic));
    magic->kind = MAGIC_BAD;
}

static void read_known(struct magic *magic, enum magic_kind kind, struct spk_text arguments)
{
    magic->kind = kind;
    if (kind == MAGIC_EXECUTE || kind == MAGIC_FINALIZE_MARKING)
        read_options(magic, arguments);
}

/* %scorep_unmark 3 and its like. */
static void read_line_magic(struct magic *magic, struct spk_text line)
{
    struct spk_text rest = {line.data + 1, line.len - 1};
    struct spk_text name = next_word(&rest);
    for (size_t i = 0; i < sizeof line_magics / sizeof *line_magics; i++) {
        if (!text_is(name, line_magics[i].name))
            continue;
        magic->kind = line_magics[i].kind;
        magic->line = line;
        magic->body = (struct spk_text){line.data + 1 + name.len, line.len - 1 - name.len};
        for (unsigned n = 0; n < line_magics[i].numbers && magic->kind != MAGIC_BAD; n++)
            if (!(magic->numbers[n] = read_number(next_word(&rest), 1000000)))
                magic->kind = MAGIC_BAD;
        if (magic->kind == MAGIC_BAD || rest.len) {
            magic->kind = MAGIC_BAD;
            utf8_format(magic->error, sizeof magic->error, "%%%s wants %u %s behind it, and nothing else.",
                        line_magics[i].name, line_magics[i].numbers,
                        line_magics[i].numbers == 1 ? "number" : "numbers");
        }
        return;
    }
}

/* Whether nothing is said behind the line. */
static int is_last(struct spk_text cell, struct spk_text line)
{
    size_t ignored, before = (size_t)(line.data + line.len - cell.data);
    return first_line((struct spk_text){line.data + line.len, cell.len - before}, &ignored).len == 0;
}

void magic_read(struct spk_text cell, struct magic *magic)
{
    *magic = (struct magic){.kind = MAGIC_NONE, .repeat = 1};
    struct spk_text line = first_line(cell, &magic->lines);
    if (text_begins(line, "%scorep_") && is_last(cell, line))
        read_line_magic(magic, line);
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
    magic->line = line;
    magic->body =
        (struct spk_text){name.data + name.len, (size_t)(cell.data + cell.len - name.data) - name.len};
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        if (text_is(name, directives[i].name)) {
            read_known(magic, directives[i].kind, arguments);
            return;
        }
    }
    if (!text_begins(name, "scorep") && !text_begins(name, "execute_with"))
        return;
    magic->kind = MAGIC_BAD;
    utf8_format(magic->error, sizeof magic->error,
                "There is no directive %%%%%.*s. Tab after %%%% lists those that there are, such as "
                "%%%%execute_with_scorep; a ? behind one explains it.",
                shown(name), name.data);
}

/* Whether the directive is all of its cell. */
static int is_all(enum magic_kind kind)
{
    return kind == MAGIC_VIEWER || kind == MAGIC_ENABLE_MARKING || kind == MAGIC_FINALIZE_MARKING ||
           kind == MAGIC_ABORT_MARKING || kind == MAGIC_END_WRITING || kind == MAGIC_ABORT_WRITING;
}

int magic_drops_code(const struct magic *magic)
{
    size_t ignored;
    struct spk_text body = magic->body;
    const char *end = is_all(magic->kind) && body.len ? memchr(body.data, '\n', body.len) : NULL;
    return end && first_line(text_after(body, (size_t)(end - body.data)), &ignored).len > 0;
}
