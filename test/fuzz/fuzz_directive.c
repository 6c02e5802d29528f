/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_directive.c - any cell: what is found lies within it, counts its lines, and has a text that ends, between
 * characters.
 */
#include "directives/directive.h"

#include "fuzz.h"

/* What only a directive that measures has. */
static void options(const struct directive *magic, int measures)
{
    MUST(measures || magic->kind == DIRECTIVE_BAD ||
         (magic->guard == DIRECTIVE_GUARD_AUTO && magic->repeat == 1 && !magic->ranks && !*magic->gather));
    MUST(!measures || (magic->repeat >= 1 && magic->repeat <= DIRECTIVE_REPEAT_MAX));
    MUST(magic->ranks <= DIRECTIVE_RANKS_MAX && (!measures || !magic->ranks || magic->repeat == 1));
    /* Names that are not empty, with single commas between them, and nothing that would need quoting. */
    const char *names = magic->gather;
    size_t len = strnlen(names, sizeof magic->gather);
    MUST(len <= DIRECTIVE_GATHER_MAX && !strpbrk(names, " \t\r\"'\\\n-=.") && !strstr(names, ",,"));
    MUST(!len || (names[0] != ',' && names[len - 1] != ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spk_text cell = {(const char *)data, size};
    struct directive magic, again;
    size_t lines = 1;
    memset(&magic, 0xA5, sizeof magic);
    directive_read(cell, &magic);
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    MUST(magic.lines <= lines && memchr(magic.error, 0, sizeof magic.error));
    MUST(magic.kind <= DIRECTIVE_BAD && magic.guard <= DIRECTIVE_GUARD_NO);
    int measures = magic.kind == DIRECTIVE_EXECUTE || magic.kind == DIRECTIVE_FINALIZE_MARKING;
    options(&magic, measures);
    MUST((magic.kind == DIRECTIVE_BAD) == (magic.error[0] != 0));
    MUST(!directive_drops_code(&magic) || (magic.kind != DIRECTIVE_NONE && magic.kind != DIRECTIVE_EXECUTE));
    MUST(!fuzz_cut_within(data, size, magic.error));
    if (magic.kind == DIRECTIVE_NONE)
        return 0;
    MUST(magic.lines > 0 && magic.line.len > 2 && magic.line.data >= cell.data);
    MUST(magic.line.data + magic.line.len <= cell.data + cell.len);
    MUST(!memchr(magic.line.data, '\n', magic.line.len) && magic.line.data[0] == '%');
    MUST(magic.numbers[0] <= 1000000 && magic.numbers[1] <= 1000000);
    MUST((magic.kind != DIRECTIVE_UNMARK && magic.kind != DIRECTIVE_MOVE) || magic.numbers[0]);
    /* The body is all that follows the name: of a line magic, in its line. */
    int line_magic = magic.line.data[1] != '%';
    const char *end = line_magic ? magic.line.data + magic.line.len : cell.data + cell.len;
    MUST(magic.body.data > magic.line.data + 2 && magic.body.data <= magic.line.data + magic.line.len);
    MUST(magic.body.data + magic.body.len == end);
    /* The line alone is the same directive. */
    directive_read(magic.line, &again);
    MUST(again.kind == magic.kind && again.lines == 1 && again.line.len == magic.line.len);
    MUST(again.guard == magic.guard && again.repeat == magic.repeat && again.body.data == magic.body.data);
    MUST(again.ranks == magic.ranks && strcmp(again.gather, magic.gather) == 0);
    MUST(again.body.len == magic.line.len - (size_t)(magic.body.data - magic.line.data));
    return 0;
}
