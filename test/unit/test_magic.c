/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_magic.c - which cells are ours.
 */
#include "magic.h"

#include "test.h"

static const struct {
    const char *cell;
    enum magic_kind kind;
    size_t lines;      /* for MAGIC_EXECUTE */
    const char *line;  /* the same */
    const char *error; /* for MAGIC_BAD: found in its text */
} cases[] = {
    {"", MAGIC_NONE, 0, NULL, NULL},
    {"\n\n  \n", MAGIC_NONE, 0, NULL, NULL},
    {"print(1)", MAGIC_NONE, 0, NULL, NULL},
    {"%%", MAGIC_NONE, 0, NULL, NULL},
    {"%% execute_with_scorep", MAGIC_NONE, 0, NULL, NULL},
    {"%execute_with_scorep", MAGIC_NONE, 0, NULL, NULL},
    {"%%time\nx", MAGIC_NONE, 0, NULL, NULL},
    {"%%bash\n%%execute_with_scorep", MAGIC_NONE, 0, NULL, NULL},
    {"x = 1\n%%execute_with_scorep", MAGIC_NONE, 0, NULL, NULL},
    {"# only a comment", MAGIC_NONE, 0, NULL, NULL},
    {"%%execute_with_scorep?", MAGIC_NONE, 0, NULL, NULL},
    {"%%scorep_env??", MAGIC_NONE, 0, NULL, NULL},
    {"%%execute_with_scorep", MAGIC_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\n", MAGIC_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\nf()\n", MAGIC_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\r\nf()\r\n", MAGIC_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"\n# why\n  \t\n%%execute_with_scorep  \nf()", MAGIC_EXECUTE, 4, "%%execute_with_scorep", NULL},
    {"  %%execute_with_scorep\nf()", MAGIC_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep --fast\n", MAGIC_BAD, 0, NULL, "\"--fast\""},
    {"%%scorep_env\nA=1", MAGIC_BAD, 0, NULL, "%%scorep_env is not part of this version"},
    {"%%enable_multicellmode", MAGIC_BAD, 0, NULL, "%%enable_multicellmode is not part"},
    {"%%abort_writefile x", MAGIC_BAD, 0, NULL, "%%abort_writefile is not part"},
    {"%%scorep_environment", MAGIC_BAD, 0, NULL, "There is no directive %%scorep_environment"},
    {"%%execute_with_score\n", MAGIC_BAD, 0, NULL, "%%execute_with_scorep? explains it"},
    {"%%execute_with_scorepp\n", MAGIC_BAD, 0, NULL, "There is no directive"},
    {"%%scorep", MAGIC_BAD, 0, NULL, "There is no directive %%scorep."},
};

static void table(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct magic magic;
        memset(&magic, 0x55, sizeof magic);
        magic_read((struct spk_text){cases[i].cell, strlen(cases[i].cell)}, &magic);
        int good = magic.kind == cases[i].kind;
        if (good && magic.kind == MAGIC_EXECUTE)
            good = magic.lines == cases[i].lines &&
                   test_same(magic.line.data, magic.line.len, cases[i].line) &&
                   magic.line.data >= cases[i].cell && !*magic.error;
        if (good && magic.kind == MAGIC_BAD)
            good = strstr(magic.error, cases[i].error) != NULL;
        if (!good) {
            fprintf(stderr, "\"%s\": kind %d, %zu lines, \"%.*s\", %s\n", cases[i].cell, (int)magic.kind,
                    magic.lines, (int)magic.line.len, magic.line.data, magic.error);
            exit(1);
        }
    }
}

/* What a user wrote on and on is quoted in part, and the text ends. */
static void long_lines(void)
{
    static char cell[100000];
    struct magic magic;
    memset(cell, 'x', sizeof cell);
    memcpy(cell, "%%scorep_", 9);
    magic_read((struct spk_text){cell, sizeof cell}, &magic);
    CHECK(magic.kind == MAGIC_BAD && strlen(magic.error) < sizeof magic.error - 1 &&
          strstr(magic.error, "explains it"));
    memcpy(cell, "%%execute_with_scorep ", 22);
    magic_read((struct spk_text){cell, sizeof cell}, &magic);
    CHECK(magic.kind == MAGIC_BAD && strstr(magic.error, "the cell was not run"));
}

/* The cell is given by its length: what stands behind is not looked at. */
static void no_nul(void)
{
    struct magic magic;
    magic_read((struct spk_text){"%%execute_with_scorep and more", 21}, &magic);
    CHECK(magic.kind == MAGIC_EXECUTE);
    magic_read((struct spk_text){"%%execute_with_scorep", 20}, &magic);
    CHECK(magic.kind == MAGIC_BAD);
    magic_read((struct spk_text){NULL, 0}, &magic);
    CHECK(magic.kind == MAGIC_NONE);
}

int main(void)
{
    test_limit(60);
    table();
    long_lines();
    no_nul();
    return 0;
}
