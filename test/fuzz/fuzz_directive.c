/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_directive.c - any cell: what is found lies within it, counts its lines, and has a text that ends, between
 * characters.
 */
#include "directives/directive.h"

#include "fuzz.h"

/* What only a directive that measures has. */
static void options(const struct directive *directive, int measures)
{
    MUST(measures || directive->kind == DIRECTIVE_BAD ||
         (directive->guard == DIRECTIVE_GUARD_AUTO && directive->repeat == 1 && !directive->ranks && !*directive->gather));
    MUST(!measures || (directive->repeat >= 1 && directive->repeat <= DIRECTIVE_REPEAT_MAX));
    MUST(directive->ranks <= DIRECTIVE_RANKS_MAX && (!measures || !directive->ranks || directive->repeat == 1));
    /* Names that are not empty, with single commas between them, and nothing that would need quoting. */
    const char *names = directive->gather;
    size_t len = strnlen(names, sizeof directive->gather);
    MUST(len <= DIRECTIVE_GATHER_MAX && !strpbrk(names, " \t\r\"'\\\n-=.") && !strstr(names, ",,"));
    MUST(!len || (names[0] != ',' && names[len - 1] != ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spk_text cell = {(const char *)data, size};
    struct directive directive, again;
    size_t lines = 1;
    memset(&directive, 0xA5, sizeof directive);
    directive_read(cell, &directive);
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    MUST(directive.lines <= lines && memchr(directive.error, 0, sizeof directive.error));
    MUST(directive.kind < DIRECTIVE_KINDS && directive.guard <= DIRECTIVE_GUARD_NO);
    int measures = directive.kind == DIRECTIVE_EXECUTE || directive.kind == DIRECTIVE_FINALIZE_MARKING;
    options(&directive, measures);
    MUST((directive.kind == DIRECTIVE_BAD) == (directive.error[0] != 0));
    MUST(!directive_drops_code(&directive) || (directive.kind != DIRECTIVE_NONE && directive.kind != DIRECTIVE_EXECUTE));
    MUST(!fuzz_cut_within(data, size, directive.error));
    if (directive.kind == DIRECTIVE_NONE)
        return 0;
    MUST(directive.lines > 0 && directive.line.len > 2 && directive.line.data >= cell.data);
    MUST(directive.line.data + directive.line.len <= cell.data + cell.len);
    MUST(!memchr(directive.line.data, '\n', directive.line.len) && directive.line.data[0] == '%');
    MUST(directive.numbers[0] <= 1000000 && directive.numbers[1] <= 1000000);
    MUST((directive.kind != DIRECTIVE_UNMARK && directive.kind != DIRECTIVE_MOVE) || directive.numbers[0]);
    /* The body is all that follows the name: of a line directive, in its line. */
    int is_line = directive.line.data[1] != '%';
    const char *end = is_line ? directive.line.data + directive.line.len : cell.data + cell.len;
    MUST(directive.body.data > directive.line.data + 2 && directive.body.data <= directive.line.data + directive.line.len);
    MUST(directive.body.data + directive.body.len == end);
    /* The line alone is the same directive. */
    directive_read(directive.line, &again);
    MUST(again.kind == directive.kind && again.lines == 1 && again.line.len == directive.line.len);
    MUST(again.guard == directive.guard && again.repeat == directive.repeat && again.body.data == directive.body.data);
    MUST(again.ranks == directive.ranks && strcmp(again.gather, directive.gather) == 0);
    MUST(again.body.len == directive.line.len - (size_t)(directive.body.data - directive.line.data));
    return 0;
}
