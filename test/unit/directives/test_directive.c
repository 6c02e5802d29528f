/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_directive.c - which cells are ours.
 */
#include "directives/directive.h"

#include "test.h"

static const struct {
    const char *cell;
    enum directive_kind kind;
    size_t lines;      /* for what is good */
    const char *line;  /* the same */
    const char *error; /* for DIRECTIVE_BAD: found in its text */
} cases[] = {
    {"", DIRECTIVE_NONE, 0, NULL, NULL},
    {"\n\n  \n", DIRECTIVE_NONE, 0, NULL, NULL},
    {"print(1)", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%% execute_with_scorep", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%execute_with_scorep", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%time\nx", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%bash\n%%execute_with_scorep", DIRECTIVE_NONE, 0, NULL, NULL},
    {"x = 1\n%%execute_with_scorep", DIRECTIVE_NONE, 0, NULL, NULL},
    {"# only a comment", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%execute_with_scorep?", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%scorep_env??", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%execute_with_scorep", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\n", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\nf()\n", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep\r\nf()\r\n", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"\n# why\n  \t\n%%execute_with_scorep  \nf()", DIRECTIVE_EXECUTE, 4, "%%execute_with_scorep", NULL},
    {"  %%execute_with_scorep\nf()", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep", NULL},
    {"%%execute_with_scorep --guard", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep --guard", NULL},
    {"%%execute_with_scorep\t --no-guard \r\nf()", DIRECTIVE_EXECUTE, 1, "%%execute_with_scorep\t --no-guard",
     NULL},
    {"%%execute_with_scorep --fast\n", DIRECTIVE_BAD, 0, NULL,
     "%%execute_with_scorep has no option \"--fast\"; it has --guard, --no-guard, --repeat N, --ranks N and "
     "--gather NAMES. The code to measure begins in the next line. The cell was not run."},
    {"%%execute_with_scorep --guard x=1\n", DIRECTIVE_BAD, 0, NULL, "\"x=1\""},
    {"%%execute_with_scorep # why\n", DIRECTIVE_BAD, 0, NULL, "\"#\""},
    {"%%execute_with_scorep --guarded\n", DIRECTIVE_BAD, 0, NULL, "\"--guarded\""},
    {"%%execute_with_scorep --Guard\n", DIRECTIVE_BAD, 0, NULL, "\"--Guard\""},
    {"%%execute_with_scorep --guard=1\n", DIRECTIVE_BAD, 0, NULL, "\"--guard=1\""},
    {"%%marshalling_settings", DIRECTIVE_SETTINGS, 1, "%%marshalling_settings", NULL},
    {"\n%%serializer_settings MODE=disk\nPROCESS=launch", DIRECTIVE_SETTINGS, 2,
     "%%serializer_settings MODE=disk", NULL},
    {"%%scorep_python_binding_arguments\n--mpp=mpi\n", DIRECTIVE_ARGUMENTS, 1,
     "%%scorep_python_binding_arguments", NULL},
    {"%%scorep_python_binding_arguments -", DIRECTIVE_ARGUMENTS, 1, "%%scorep_python_binding_arguments -", NULL},
    {"%%marshalling_settings?", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%scorep_python_binding_arguments??\n", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%marshalling_setting MODE=disk", DIRECTIVE_NONE, 0, NULL, NULL}, /* somebody else's name */
    {"%%scorep_python_binding_argument -", DIRECTIVE_BAD, 0, NULL, "There is no directive"},
    {"%%scorep_env\nA=1", DIRECTIVE_ENV, 1, "%%scorep_env", NULL},
    {"%%enable_multicellmode", DIRECTIVE_ENABLE_MARKING, 1, "%%enable_multicellmode", NULL},
    {"%%finalize_multicellmode --no-guard\n", DIRECTIVE_FINALIZE_MARKING, 1,
     "%%finalize_multicellmode --no-guard", NULL},
    {"%%finalize_multicellmode now", DIRECTIVE_BAD, 0, NULL,
     "%%finalize_multicellmode has no option \"now\"; it has --guard, --no-guard, --repeat N, --ranks N and "
     "--gather NAMES. No cell was run, and those that are marked are kept."},
    {"%%execute_with_scorep --ranks=4 --gather=a,b\nf()", DIRECTIVE_EXECUTE, 1,
     "%%execute_with_scorep --ranks=4 --gather=a,b", NULL},
    {"%%finalize_multicellmode\t--ranks 4 --gather a --guard", DIRECTIVE_FINALIZE_MARKING, 1,
     "%%finalize_multicellmode\t--ranks 4 --gather a --guard", NULL},
    {"%%execute_with_scorep --ranks 4 --repeat 2", DIRECTIVE_BAD, 0, NULL,
     "%%execute_with_scorep cannot have --ranks together with --repeat 2: repeat inside the cell's code, or "
     "run the cell again. The cell was not run."},
    {"%%finalize_multicellmode --repeat=3 --ranks=1", DIRECTIVE_BAD, 0, NULL,
     "%%finalize_multicellmode cannot have --ranks together with --repeat 3"},
    {"%%execute_with_scorep --ranks 4 --repeat 2 --fast", DIRECTIVE_BAD, 0, NULL, "no option \"--fast\""},
    {"%%execute_with_scorep --repeat 2 --ranks 4 --repeat 1", DIRECTIVE_EXECUTE, 1,
     "%%execute_with_scorep --repeat 2 --ranks 4 --repeat 1", NULL},
    {"%%execute_with_scorep --rank 4", DIRECTIVE_BAD, 0, NULL, "no option \"--rank\""},
    {"%%execute_with_scorep --ranks4", DIRECTIVE_BAD, 0, NULL, "no option \"--ranks4\""},
    {"%%execute_with_scorep --guard --no-guard", DIRECTIVE_BAD, 0, NULL,
     "%%execute_with_scorep has --guard and --no-guard, which contradict each other: leave one out. The cell "
     "was not run."},
    {"%%finalize_multicellmode --no-guard --guard", DIRECTIVE_BAD, 0, NULL,
     "which contradict each other: leave one out. No cell was run, and those that are marked are kept."},
    {"%%scorep_move 1 2", DIRECTIVE_BAD, 0, NULL, "%scorep_move is written with one % and is alone in its cell."},
    {"%%execute_with_scorep --no-guard=", DIRECTIVE_BAD, 0, NULL, "no option \"--no-guard=\""},
    {"%%scorep_launcher", DIRECTIVE_LAUNCHER, 1, "%%scorep_launcher", NULL},
    {"# why\n%%scorep_launcher srun\n -N 2\n", DIRECTIVE_LAUNCHER, 2, "%%scorep_launcher srun", NULL},
    {"%%scorep_launcher?", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%scorep_launchers", DIRECTIVE_BAD, 0, NULL, "There is no directive %%scorep_launchers."},
    {"%%abort_multicellmode", DIRECTIVE_ABORT_MARKING, 1, "%%abort_multicellmode", NULL},
    {"%%start_writefile", DIRECTIVE_START_WRITING, 1, "%%start_writefile", NULL},
    {"%%end_writefile", DIRECTIVE_END_WRITING, 1, "%%end_writefile", NULL},
    {"%%abort_writefile x", DIRECTIVE_ABORT_WRITING, 1, "%%abort_writefile x", NULL},
    {"%%enable_vampir_launch_on_scorep_instrumented", DIRECTIVE_VAMPIR_ON, 1,
     "%%enable_vampir_launch_on_scorep_instrumented", NULL},
    {"%%disable_vampir_launch", DIRECTIVE_VAMPIR_OFF, 1, "%%disable_vampir_launch", NULL},
    {"%%enable_vampir_launch", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%%scorep_enable_cube_launch", DIRECTIVE_CUBE_ON, 1, "%%scorep_enable_cube_launch", NULL},
    {"%%scorep_disable_cube_launch", DIRECTIVE_CUBE_OFF, 1, "%%scorep_disable_cube_launch", NULL},
    {"%scorep_marked", DIRECTIVE_MARKED, 1, "%scorep_marked", NULL},
    {"\n # why\n %scorep_unmark  3 \n", DIRECTIVE_UNMARK, 3, "%scorep_unmark  3", NULL},
    {"%scorep_move 2\t1", DIRECTIVE_MOVE, 1, "%scorep_move 2\t1", NULL},
    {"%scorep_marked 1", DIRECTIVE_BAD, 0, NULL, "%scorep_marked wants 0 numbers behind it, and nothing else."},
    {"%scorep_unmark", DIRECTIVE_BAD, 0, NULL, "%scorep_unmark wants 1 number behind it, and nothing else."},
    {"%scorep_unmark 0", DIRECTIVE_BAD, 0, NULL, "wants 1 number"},
    {"%scorep_unmark 3 4", DIRECTIVE_BAD, 0, NULL, "wants 1 number"},
    {"%scorep_unmark three", DIRECTIVE_BAD, 0, NULL, "wants 1 number"},
    {"%scorep_unmark -1", DIRECTIVE_BAD, 0, NULL, "wants 1 number"},
    {"%scorep_move 1", DIRECTIVE_BAD, 0, NULL, "%scorep_move wants 2 numbers behind it, and nothing else."},
    {"%scorep_move 1 99999999999999999999", DIRECTIVE_BAD, 0, NULL, "wants 2 numbers"},
    {"%scorep_movement 1 2", DIRECTIVE_NONE, 0, NULL, NULL},
    {"x = 1\n%scorep_marked", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%scorep_marked\nx = 1", DIRECTIVE_NONE, 0, NULL, NULL}, /* or x = 1 would be lost without a word */
    {"%scorep_unmark 1\n%scorep_unmark 1", DIRECTIVE_NONE, 0, NULL, NULL},
    {"%scorep_unmark 1\n\n # why\n", DIRECTIVE_UNMARK, 1, "%scorep_unmark 1", NULL},
    {"%%scorep_environment", DIRECTIVE_BAD, 0, NULL, "There is no directive %%scorep_environment"},
    {"%%execute_with_score\n", DIRECTIVE_BAD, 0, NULL, "a ? behind one explains it"},
    {"%%execute_with_scorepp\n", DIRECTIVE_BAD, 0, NULL, "There is no directive"},
    {"%%scorep", DIRECTIVE_BAD, 0, NULL, "There is no directive %%scorep."},
};

static void table(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct directive directive;
        memset(&directive, 0x55, sizeof directive);
        directive_read((struct spk_text){cases[i].cell, strlen(cases[i].cell)}, &directive);
        int good = directive.kind == cases[i].kind;
        if (good && directive.kind != DIRECTIVE_NONE && directive.kind != DIRECTIVE_BAD)
            good = directive.lines == cases[i].lines &&
                   test_same(directive.line.data, directive.line.len, cases[i].line) &&
                   directive.line.data >= cases[i].cell && !*directive.error;
        if (good && directive.kind == DIRECTIVE_BAD)
            good = strstr(directive.error, cases[i].error) != NULL;
        if (!good) {
            fprintf(stderr, "\"%s\": kind %d, %zu lines, \"%.*s\", %s\n", cases[i].cell, (int)directive.kind,
                    directive.lines, (int)directive.line.len, directive.line.data, directive.error);
            exit(1);
        }
    }
}

static enum directive_guard guard_of(const char *cell)
{
    struct directive directive;
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    CHECK(directive.kind == DIRECTIVE_EXECUTE);
    return directive.guard;
}

/* What stands in the cell itself does not count. */
static void guards(void)
{
    CHECK(guard_of("%%execute_with_scorep") == DIRECTIVE_GUARD_AUTO);
    CHECK(guard_of("%%execute_with_scorep\n--guard") == DIRECTIVE_GUARD_AUTO);
    CHECK(guard_of("%%execute_with_scorep --guard") == DIRECTIVE_GUARD_YES);
    CHECK(guard_of("%%execute_with_scorep --no-guard") == DIRECTIVE_GUARD_NO);
    CHECK(guard_of("%%execute_with_scorep --guard \t --guard ") == DIRECTIVE_GUARD_YES);
    CHECK(guard_of("# why\n%%execute_with_scorep\t--no-guard\t--no-guard\nf()") == DIRECTIVE_GUARD_NO);
}

static unsigned repeat_of(const char *cell)
{
    struct directive directive;
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    CHECK((directive.kind == DIRECTIVE_BAD) == (strstr(directive.error, "wants a number from 1 to 1000, not") != NULL));
    return directive.kind == DIRECTIVE_BAD ? 0 : directive.repeat;
}

/* How often: once, or as the last option says. */
static void repeats(void)
{
    CHECK(repeat_of("%%execute_with_scorep") == 1 && repeat_of("%%execute_with_scorep\n--repeat 2") == 1);
    CHECK(repeat_of("%%execute_with_scorep --repeat 1") == 1);
    CHECK(repeat_of("%%execute_with_scorep --repeat 007 --guard") == 7);
    CHECK(repeat_of("%%execute_with_scorep --repeat 1000\nf()") == 1000);
    CHECK(repeat_of("%%execute_with_scorep --repeat 3 --repeat 5") == 5);
    CHECK(repeat_of("%%finalize_multicellmode --repeat 4") == 4);
    CHECK(repeat_of("%%execute_with_scorep --repeat=3") == 3 &&
          repeat_of("%%execute_with_scorep --repeat=") == 0 &&
          repeat_of("%%execute_with_scorep --repeat= 3") == 0 &&
          repeat_of("%%execute_with_scorep --repeat =3") == 0);
    CHECK(repeat_of("%%marshalling_settings --repeat 4") == 1);
    static const char *const bad[] = {"",    "0",  "1001", "10010",   "-1",         "+1",
                                      "1.5", "2x", "x2",   "--guard", "4294967297", "18446744073709551617"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char cell[80];
        snprintf(cell, sizeof cell, "%%%%execute_with_scorep --repeat %s\nf()", bad[i]);
        CHECK(repeat_of(cell) == 0);
    }
}

static unsigned ranks_of(const char *cell)
{
    struct directive directive;
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    CHECK((directive.kind == DIRECTIVE_BAD) ==
          (strstr(directive.error, "--ranks wants a number from 1 to 65536, not") != NULL));
    return directive.kind == DIRECTIVE_BAD ? 0 : directive.ranks;
}

static void ranks(void)
{
    struct directive directive;
    directive_read((struct spk_text){"%%execute_with_scorep\n--ranks 2", 31}, &directive);
    CHECK(directive.kind == DIRECTIVE_EXECUTE && directive.ranks == 0 && !*directive.gather);
    CHECK(ranks_of("%%execute_with_scorep --ranks 1") == 1);
    CHECK(ranks_of("%%execute_with_scorep --ranks=0012 --guard") == 12);
    CHECK(ranks_of("%%execute_with_scorep --ranks 65536\nf()") == 65536);
    CHECK(ranks_of("%%execute_with_scorep --ranks 3 --ranks=5") == 5);
    CHECK(ranks_of("%%finalize_multicellmode --ranks 4") == 4);
    static const char *const bad[] = {"",     " 0",    "=0",       "=",   " 65537", "=655360",
                                      " 1e2", " four", " --guard", " -4", "=4,",    " 4294967297"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char cell[80];
        snprintf(cell, sizeof cell, "%%%%execute_with_scorep --ranks%s\nf()", bad[i]);
        CHECK(ranks_of(cell) == 0);
    }
}

/* What is gathered; NULL: it is refused, for the names. */
static const char *gather_of(const char *options)
{
    static struct directive directive;
    char cell[128];
    snprintf(cell, sizeof cell, "%%%%execute_with_scorep %s\nf()", options);
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    CHECK((directive.kind == DIRECTIVE_BAD) ==
          (strstr(directive.error, "--gather wants names, with commas and no blanks between them, not") != NULL));
    return directive.kind == DIRECTIVE_BAD ? NULL : directive.gather;
}

static void gathers(void)
{
    CHECK(!strcmp(gather_of(""), ""));
    CHECK(!strcmp(gather_of("--gather a"), "a") && !strcmp(gather_of("--gather=a"), "a"));
    CHECK(!strcmp(gather_of("--gather a,_b9,Zz --ranks 2"), "a,_b9,Zz"));
    /* What is said again is added. */
    CHECK(!strcmp(gather_of("--gather a,b --guard --gather=c --gather a"), "a,b,c,a"));
    CHECK(!strcmp(gather_of("--gather \xC3\xBC,x\xE2\x82\x82"), "\xC3\xBC,x\xE2\x82\x82"));
    static const char *const bad[] = {"",     "a,",      ",a",    "a,,b",  "9",    "a,9b", "a.b", "a-b",
                                      ",",    "a;b",     "a=b",   "'a'",   "a[0]", "{x}",  "@",   "`",
                                      "a, b", "--guard", "a\x7f", "a\x01", "*",    "a:b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char options[80];
        snprintf(options, sizeof options, "--gather %s", bad[i]);
        CHECK(!gather_of(options));
        snprintf(options, sizeof options, "--gather b --gather=%s", bad[i]);
        CHECK(!gather_of(options));
    }
    struct directive directive; /* as a name that ends nothing */
    directive_read((struct spk_text){"%%execute_with_scorep --gather a\0b", 34}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD);
}

/* All names, said at once or one by one, have 1024 bytes with their commas. */
static void gather_limit(void)
{
    static char cell[4096];
    for (size_t len = DIRECTIVE_GATHER_MAX - 2; len < DIRECTIVE_GATHER_MAX + 3; len++) {
        struct directive once, twice;
        int fits = len <= DIRECTIVE_GATHER_MAX;
        memset(cell, 'n', sizeof cell);
        memcpy(cell, "%%execute_with_scorep --gather ", 31);
        directive_read((struct spk_text){cell, 31 + len}, &once);
        memcpy(cell + 31 + 10, " --gather ", 10);
        directive_read((struct spk_text){cell, 31 + 10 + 10 + len - 11}, &twice);
        CHECK((once.kind == DIRECTIVE_EXECUTE) == fits && (twice.kind == DIRECTIVE_EXECUTE) == fits);
        CHECK(!fits || (strlen(once.gather) == len && strlen(twice.gather) == len));
        CHECK(fits || (strstr(once.error, "1024 bytes in all") && strstr(twice.error, "1024 bytes in all")));
        CHECK(!fits || (twice.gather[9] == 'n' && twice.gather[10] == ',' && twice.gather[11] == 'n'));
    }
}

static void numbers(void)
{
    struct directive directive;
    directive_read((struct spk_text){"%scorep_move 12 1000000", 23}, &directive);
    CHECK(directive.kind == DIRECTIVE_MOVE && directive.numbers[0] == 12 && directive.numbers[1] == 1000000);
    directive_read((struct spk_text){"%scorep_move 12 1000000", 17}, &directive);
    CHECK(directive.kind == DIRECTIVE_MOVE && directive.numbers[0] == 12 && directive.numbers[1] == 1);
    directive_read((struct spk_text){"%scorep_unmark 1000001", 22}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD);
}

static int body_is(const char *cell, const char *body)
{
    struct directive directive;
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    return directive.body.data + directive.body.len == cell + strlen(cell) &&
           test_same(directive.body.data, directive.body.len, body);
}

/* All that follows the directive's name, up to the end of the cell. */
static void bodies(void)
{
    CHECK(body_is("%%marshalling_settings", ""));
    CHECK(body_is("%%marshalling_settings MODE=disk", " MODE=disk"));
    CHECK(body_is("%%marshalling_settings\nMODE=disk\n\nPROCESS=auto\n", "\nMODE=disk\n\nPROCESS=auto\n"));
    CHECK(body_is("%%serializer_settings \r\nMODE=disk", " \r\nMODE=disk"));
    CHECK(body_is("\n# why\n  %%scorep_python_binding_arguments --mpp=mpi \n  --user\n%%time",
                  " --mpp=mpi \n  --user\n%%time"));
    CHECK(body_is("%%execute_with_scorep --guard\nf()", " --guard\nf()"));
    CHECK(body_is("%%scorep_launcher mpirun \\\n -x 'a\nb'", " mpirun \\\n -x 'a\nb'"));
    struct directive directive;
    directive_read((struct spk_text){"%%marshalling_settings MODE=diskette", 32}, &directive);
    CHECK(test_same(directive.body.data, directive.body.len, " MODE=disk"));
}

/* What a user wrote on and on is quoted in part, and the text ends. */
static void long_lines(void)
{
    static char cell[100000];
    struct directive directive;
    memset(cell, 'x', sizeof cell);
    memcpy(cell, "%%scorep_", 9);
    directive_read((struct spk_text){cell, sizeof cell}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD && strlen(directive.error) < sizeof directive.error - 1 &&
          strstr(directive.error, "explains it"));
    memcpy(cell, "%%execute_with_scorep ", 22);
    directive_read((struct spk_text){cell, sizeof cell}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD && strstr(directive.error, "The cell was not run."));
    memcpy(cell, "%%finalize_multicellmode --gather ", 34);
    directive_read((struct spk_text){cell, sizeof cell}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD && strstr(directive.error, "those that are marked are kept."));
}

/* The cell is given by its length: what stands behind is not looked at. */
static void no_nul(void)
{
    struct directive directive;
    directive_read((struct spk_text){"%%execute_with_scorep and more", 21}, &directive);
    CHECK(directive.kind == DIRECTIVE_EXECUTE);
    directive_read((struct spk_text){"%%execute_with_scorep", 20}, &directive);
    CHECK(directive.kind == DIRECTIVE_BAD);
    directive_read((struct spk_text){NULL, 0}, &directive);
    CHECK(directive.kind == DIRECTIVE_NONE);
}

/* Code below a directive that is all of its cell. */
static void dropped(void)
{
    static const struct {
        const char *cell;
        int drops;
    } below[] = {{"%%enable_multicellmode\nx", 1},
                 {"%%enable_multicellmode\n\n# why\n  x", 1},
                 {"# why\n%%finalize_multicellmode --guard\nx", 1},
                 {"%%abort_multicellmode\nx", 1},
                 {"%%end_writefile\nx", 1},
                 {"%%abort_writefile\nx", 1},
                 {"%%disable_vampir_launch\nx", 1},
                 {"%%enable_multicellmode", 0},
                 {"%%end_writefile name\n", 0},
                 {"%%end_writefile\n \n\t# why", 0},
                 {"%%execute_with_scorep\nx", 0},
                 {"%%scorep_env\nA=1", 0},
                 {"%%start_writefile\nname", 0},
                 {"x\ny", 0},
                 {"", 0}};
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        struct directive directive;
        directive_read((struct spk_text){below[i].cell, strlen(below[i].cell)}, &directive);
        CHECK(directive_drops_code(&directive) == below[i].drops);
    }
}

int main(void)
{
    test_limit(60);
    dropped();
    table();
    guards();
    repeats();
    ranks();
    gathers();
    gather_limit();
    numbers();
    bodies();
    long_lines();
    no_nul();
    return 0;
}
