/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_marked_cells.c - the list of marked cells: added, replaced, moved, taken out.
 */
#include "directives/marked_cells.h"

#include "test.h"

#include <errno.h>

static struct marked_cells marked;

static struct spk_text text(const char *string)
{
    return (struct spk_text){string, strlen(string)};
}

static size_t add(const char *id, const char *code, int expect_replaced)
{
    size_t position = 0;
    int replaced = -1;
    CHECK(marked_cells_add(&marked, text(id), text(code), &position, &replaced) == 0);
    CHECK(replaced == expect_replaced);
    return position;
}

static const char *order(void)
{
    static char codes[256];
    codes[0] = 0;
    for (size_t i = 0; i < marked.count; i++)
        strncat(codes, marked.cells[i].code, sizeof codes - strlen(codes) - 1);
    return codes;
}

static void lists(void)
{
    CHECK(add("", "a", 0) == 1 && add("x", "b", 0) == 2 && add("", "c", 0) == 3 && add("y", "d", 0) == 4);
    CHECK(add("x", "B", 1) == 2 && strcmp(order(), "aBcd") == 0 && marked.len == 4);
    CHECK(add("", "a", 0) == 5 && strcmp(order(), "aBcda") == 0); /* without an id, each is another one */
    CHECK(marked_cells_move(&marked, 4, 1) == 0 && strcmp(order(), "daBca") == 0);
    CHECK(marked_cells_move(&marked, 1, 5) == 0 && strcmp(order(), "aBcad") == 0);
    CHECK(marked_cells_move(&marked, 2, 2) == 0 && strcmp(order(), "aBcad") == 0);
    CHECK(marked_cells_remove(&marked, 1) == 0 && strcmp(order(), "Bcad") == 0);
    CHECK(marked_cells_remove(&marked, 4) == 0 && strcmp(order(), "Bca") == 0 && marked.len == 3);
    CHECK(marked_cells_remove(&marked, 0) == -EINVAL && marked_cells_remove(&marked, 4) == -EINVAL);
    CHECK(marked_cells_move(&marked, 0, 1) == -EINVAL && marked_cells_move(&marked, 1, 4) == -EINVAL);
    CHECK(strcmp(order(), "Bca") == 0);
    struct buffer out = {0};
    CHECK(marked_cells_list(&marked, &out) == 0 && strstr((const char *)buffer_bytes(&out), "  1  B\n  2  c\n"));
    buffer_finish(&out);
    marked.mode = MARKED_WRITE;
    marked_cells_clear(&marked);
    marked_cells_clear(&marked);
    CHECK(marked.mode == MARKED_OFF && !marked.count && !marked.cells && !marked.len);
    CHECK(marked_cells_list(&marked, &out) == 0 && strstr((const char *)buffer_bytes(&out), "No cell"));
    buffer_finish(&out);
}

static void limits(void)
{
    size_t position;
    int replaced;
    for (int i = 0; i < MARKED_MAX; i++)
        CHECK(add("", "x", 0) == (size_t)i + 1);
    CHECK(marked_cells_add(&marked, text(""), text("x"), &position, &replaced) == -E2BIG &&
          marked.count == MARKED_MAX);
    marked_cells_clear(&marked);
    char *large = calloc(1, MARKED_MAX_LEN);
    CHECK(large);
    CHECK(marked_cells_add(&marked, text("l"), (struct spk_text){large, MARKED_MAX_LEN}, &position, &replaced) ==
          0);
    CHECK(marked_cells_add(&marked, text(""), text("x"), &position, &replaced) == -E2BIG);
    CHECK(marked_cells_add(&marked, text("l"), text("small"), &position, &replaced) == 0 && replaced &&
          marked.len == 5);
    marked_cells_clear(&marked);
    free(large);
}

static void first_lines(void)
{
    static const struct {
        const char *code, *line;
    } cases[] = {{"", ""},
                 {"\n \t\n a = 1\nb", "a = 1"},
                 {"%%execute_with_scorep --guard\n\n x\n", "x"},
                 {"%%execute_with_scorep", "%%execute_with_scorep"},
                 {"x", "x"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spk_text line = marked_cells_first_line(text(cases[i].code));
        CHECK(line.len == strlen(cases[i].line) && memcmp(line.data, cases[i].line, line.len) == 0);
    }
    /* Not more than stands in a line, and no half of a character. */
    char large[2 * MARKED_LINE_MAX + 1];
    memset(large, 'x', sizeof large);
    CHECK(marked_cells_first_line((struct spk_text){large, sizeof large}).len == MARKED_LINE_MAX);
    memcpy(large + MARKED_LINE_MAX - 1, "\xc3\xbc", 2);
    CHECK(marked_cells_first_line((struct spk_text){large, sizeof large}).len == MARKED_LINE_MAX - 1);
}

/* Which cells of a script are instrumented. */
static void instrumented(void)
{
    static const struct {
        const char *code;
        int is;
    } cells[] = {{"a", 0},
                 {"%%execute_with_scorep\nb", 1},
                 {"# why\n%%enable_multicellmode", 0},
                 {"c", 1},
                 {"%%scorep_env\nA=1", 0},
                 {"%%scorep_python_binding_arguments", 0},
                 {"%%time\nd", 1},
                 {"%%finalize_multicellmode --guard", 0},
                 {"e", 0},
                 {"%%finalize_multicellmode", 0},
                 {"%%execute_with_scorep --no-guard\nf", 1}};
    size_t count = sizeof cells / sizeof *cells;
    for (size_t i = 0; i < count; i++)
        add("", cells[i].code, 0);
    for (size_t i = 0; i < count; i++)
        CHECK(marked_cells_is_instrumented(&marked, i + 1) == cells[i].is);
    for (int write = 0; write < 2; write++) {
        struct buffer out = {0};
        marked.mode = write ? MARKED_WRITE : MARKED_MEASURE;
        CHECK(marked_cells_list(&marked, &out) == 0);
        const char *list = (const char *)buffer_bytes(&out);
        CHECK(strstr(list, write ? "those with a * are instrumented:\n  1  a\n  2* b\n"
                                 : "run by %%finalize_multicellmode:\n  1  a\n  2  b\n"));
        CHECK(strstr(list, write ? "\n  4* c\n" : "\n  4  c\n") &&
              strstr(list, write ? "\n 11* f\n" : "\n 11  f\n"));
        buffer_finish(&out);
    }
    CHECK(marked_cells_move(&marked, 8, 3) == 0 &&
          marked_cells_is_instrumented(&marked, 9)); /* the end, before the begin */
    marked_cells_clear(&marked);
}

int main(void)
{
    lists();
    instrumented();
    limits();
    first_lines();
    return 0;
}
