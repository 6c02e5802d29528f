/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_settings.c - what the directives for measured cells set, and say; and that a wrong one sets nothing.
 */
#include "directives/settings.h"

#include "test.h"

#include <errno.h>

typedef int reader(struct settings *settings, struct spk_text body, char *said, size_t size);

static char said[SETTINGS_ARGUMENTS_MAX + 256];

static int read_text(reader *read, struct settings *settings, const char *text)
{
    memset(said, 'x', sizeof said);
    return read(settings, (struct spk_text){text, strlen(text)}, said, sizeof said);
}

static const struct {
    const char *body;
    enum settings_process process;
    const char *mode, *marshaller;
    const char *said;
} good[] = {
    {"", SETTINGS_FORKED, "disk", "", "PROCESS=forked MODE=disk MARSHALLER=cloudpickle\n"},
    {" \t\r\n\f\v", SETTINGS_FORKED, "disk", "", "PROCESS=forked MODE=disk MARSHALLER=cloudpickle\n"},
    {"PROCESS=auto", SETTINGS_AUTO, "disk", "", "PROCESS=auto MODE=disk MARSHALLER=cloudpickle\n"},
    {" PROCESS=session", SETTINGS_SESSION, "disk", "", "PROCESS=session MODE=disk MARSHALLER=cloudpickle\n"},
    {"\nPROCESS=forked\n", SETTINGS_FORKED, "disk", "", "PROCESS=forked MODE=disk MARSHALLER=cloudpickle\n"},
    {"PROCESS=launch", SETTINGS_LAUNCH, "disk", "", "PROCESS=launch MODE=disk MARSHALLER=cloudpickle\n"},
    {"MODE=memory", SETTINGS_FORKED, "memory", "", "PROCESS=forked MODE=memory MARSHALLER=cloudpickle\n"},
    {"MODE=memory\r\n\tPROCESS=launch MARSHALLER=cloudpickle", SETTINGS_LAUNCH, "memory", "cloudpickle",
     "PROCESS=launch MODE=memory MARSHALLER=cloudpickle\n"},
    {"SERIALIZER=cloudpickle", SETTINGS_FORKED, "disk", "cloudpickle", "PROCESS=forked MODE=disk MARSHALLER=cloudpickle\n"},
    /* Names that nobody knows: the worker says so. */
    {"MODE=tape MARSHALLER=dill", SETTINGS_FORKED, "tape", "dill", "PROCESS=forked MODE=tape MARSHALLER=dill\n"},
    {"\nSERIALIZER=pickle\nMARSHALLER=my.own\n", SETTINGS_FORKED, "disk", "my.own",
     "PROCESS=forked MODE=disk MARSHALLER=my.own\n"},
    {"MARSHALLER=[a,b=c]", SETTINGS_FORKED, "disk", "[a,b=c]",
     "PROCESS=forked MODE=disk MARSHALLER=[a,b=c]\n"},
    {"MODE=diskette MARSHALLER=\xC3\xBC", SETTINGS_FORKED, "diskette", "\xC3\xBC",
     "PROCESS=forked MODE=diskette MARSHALLER=\xC3\xBC\n"},
};

static const struct {
    const char *body;
    const char *said;
} bad[] = {
    {"MODE=memory PROCESS=auto PROCESS=session", "PROCESS is said twice, the second time as \"session\". Nothing"},
    {"MODE=disk MODE=disk", "MODE is said twice"},
    {"PROCESS=fork", "PROCESS cannot be \"fork\": it is auto, session, forked or launch."},
    {"PROCESS=", "PROCESS cannot be \"\": "},
    {"PROCESS=Launch", "PROCESS cannot be \"Launch\": "},
    {"PROCESS==launch", "PROCESS cannot be \"=launch\": "},
    {"PROCESS=launch,", "PROCESS cannot be \"launch,\": "},
    {"MODE=", "MODE cannot be \"\": it is memory or disk."},
    {"MARSHALLER=", "MARSHALLER cannot be \"\": it is cloudpickle, dill, pickle or another module's name, "},
    {"SERIALIZER= dill", "SERIALIZER cannot be \"\": it is cloudpickle, dill, "},
    {"PROCESS", "\"PROCESS\" is no setting. There are PROCESS=auto|session|forked|launch, "},
    {"process=launch", "\"process=launch\" is no setting. "},
    {"=launch", "\"=launch\" is no setting. "},
    {"=", "\"=\" is no setting. "},
    {"PROCESS = launch", "\"PROCESS\" is no setting. "},
    {"# why", "\"#\" is no setting. "},
    /* What was right before it is not done either. */
    {"PROCESS=launch MODE=memory MODE=", "MODE is said twice"},
    {"PROCESS=launch MODE=", "MODE cannot be \"\": "},
    {"PROCESS=launch\nMODE=memory\nLAUNCHER=srun", "\"LAUNCHER=srun\" is no setting. "},
};

static void marshalling(void)
{
    const struct settings before = {.process = SETTINGS_FORKED, .mode = "disk", .arguments = "--mpp=mpi"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct settings settings = before;
        int result = read_text(settings_read_marshalling, &settings, good[i].body);
        if (result != 0 || settings.process != good[i].process || strcmp(settings.mode, good[i].mode) != 0 ||
            strcmp(settings.marshaller, good[i].marshaller) != 0 ||
            strcmp(settings.arguments, "--mpp=mpi") != 0 || strcmp(said, good[i].said) != 0) {
            fprintf(stderr, "\"%s\": %d, \"%s\"\n", good[i].body, result, said);
            exit(1);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct settings settings = before;
        int result = read_text(settings_read_marshalling, &settings, bad[i].body);
        if (result != -EINVAL || memcmp(&settings, &before, sizeof before) != 0 ||
            strncmp(said, bad[i].said, strlen(bad[i].said)) != 0 || !strstr(said, "Nothing was changed.")) {
            fprintf(stderr, "\"%s\": %d, \"%s\"\n", bad[i].body, result, said);
            exit(1);
        }
    }
}

static void names(void)
{
    static const char *const wanted[] = {"auto", "session", "forked", "launch"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        CHECK(!strcmp(settings_process_name(&(struct settings){.process = (enum settings_process)i}),
                      wanted[i]));
    const struct settings none = {0}, some = {.mode = "disk", .marshaller = "dill"};
    CHECK(!strcmp(settings_process_name(&none), "auto")); /* where nothing was said */
    CHECK(!strcmp(settings_mode(&none), "memory") && !strcmp(settings_marshaller(&none), "cloudpickle"));
    CHECK(!strcmp(settings_mode(&some), "disk") && !strcmp(settings_marshaller(&some), "dill"));
}

/* What the worker does not let pass stays as it was, and nothing else does. */
static void kept(void)
{
    const struct settings before = {.mode = "disk", .arguments = "--a"};
    const struct settings proposed = {
        .process = SETTINGS_LAUNCH, .mode = "tape", .marshaller = "missing", .arguments = "--b"};
    struct settings settings = proposed;
    settings_keep(&settings, &before, "process");
    settings_keep(&settings, &before, "");
    CHECK(memcmp(&settings, &proposed, sizeof settings) == 0);
    settings_keep(&settings, &before, "marshaller");
    CHECK(!*settings.marshaller && !strcmp(settings.mode, "tape"));
    settings_keep(&settings, &before, "mode");
    CHECK(!strcmp(settings.mode, "disk") && !strcmp(settings.arguments, "--b") &&
          settings.process == SETTINGS_LAUNCH);
}

/* A name is as long as it may be, or is refused. */
static void name_limits(void)
{
    static char text[] = "MARSHALLER=";
    char body[sizeof text + SETTINGS_NAME_MAX + 1];
    struct settings settings = {0};
    memset(body, 'a', sizeof body);
    memcpy(body, text, sizeof text - 1);
    struct spk_text longest = {body, sizeof text - 1 + SETTINGS_NAME_MAX};
    struct spk_text longer = {body, longest.len + 1};
    CHECK(settings_read_marshalling(&settings, longest, said, sizeof said) == 0 &&
          strlen(settings.marshaller) == SETTINGS_NAME_MAX && strstr(said, settings.marshaller));
    CHECK(settings_read_marshalling(&settings, longer, said, sizeof said) == -EINVAL &&
          strlen(settings.marshaller) == SETTINGS_NAME_MAX && strstr(said, "of up to 200 bytes"));
    CHECK(settings_read_marshalling(&settings, (struct spk_text){"MODE=di\0sk", 10}, said, sizeof said) ==
              -EINVAL &&
          !*settings.mode);
    /* A shorter one leaves nothing of a longer. */
    CHECK(read_text(settings_read_marshalling, &settings, "MARSHALLER=dill") == 0 &&
          !strcmp(settings.marshaller, "dill"));
}

static void arguments(void)
{
    struct settings settings = {.process = SETTINGS_LAUNCH};
    CHECK(read_text(settings_read_arguments, &settings, "") == 0);
    CHECK(!strcmp(said, "Score-P's Python bindings get no arguments.\n"));
    CHECK(read_text(settings_read_arguments, &settings, " --mpp=mpi \n\t--thread=pthread\r\n\n --user\n") ==
          0);
    CHECK(!strcmp(settings.arguments, "--mpp=mpi --thread=pthread --user"));
    CHECK(!strcmp(said, "Score-P's Python bindings get: --mpp=mpi --thread=pthread --user\n"));
    /* Alone it shows them. */
    CHECK(read_text(settings_read_arguments, &settings, " \n ") == 0);
    CHECK(!strcmp(said, "Score-P's Python bindings get: --mpp=mpi --thread=pthread --user\n"));
    /* They replace the former ones, and are not added to them. */
    CHECK(read_text(settings_read_arguments, &settings, "--io=posix") == 0 &&
          !strcmp(settings.arguments, "--io=posix"));
    CHECK(read_text(settings_read_arguments, &settings, "--a -") == 0 &&
          !strcmp(settings.arguments, "--a -"));
    CHECK(read_text(settings_read_arguments, &settings, "--") == 0 && !strcmp(settings.arguments, "--"));
    CHECK(read_text(settings_read_arguments, &settings, " - \n") == 0 && !*settings.arguments);
    CHECK(!strcmp(said, "Score-P's Python bindings get no arguments.\n"));
    CHECK(settings.process == SETTINGS_LAUNCH && !*settings.mode);
}

/* Quotes and backslashes as in a shell: what they keep is kept, and they are. */
static const struct {
    const char *body;
    const char *kept; /* NULL: it is refused */
} quoted[] = {
    {"a 'b  c'", "a 'b  c'"},
    {" a\t\"b \t c\"  d ", "a \"b \t c\" d"},
    {"'a  b'\"c  d\"e", "'a  b'\"c  d\"e"},
    {"--x='a\n\n b'\n c", "--x='a\n\n b' c"},
    {"a\\  b", "a\\  b"},
    {"a \\  b", "a \\  b"},
    {"\"a \\\"  b\"  c", "\"a \\\"  b\" c"},
    {"'a \\'  b", "'a \\' b"},
    {"\\'  \\\"  \\\\  a", "\\' \\\" \\\\ a"},
    {"\"it's  a\" 'say \"  \"'", "\"it's  a\" 'say \"  \"'"},
    {"''", "''"},
    {"a ''  \"\"", "a '' \"\""},
    /* A line that goes on. */
    {"mpirun \\\n  -n 2\\\n \\\r\n-x", "mpirun -n 2 -x"},
    {"\\\n", "before"},
    {"a \\\\\n b", "a \\\\ b"},
    {"'", NULL},
    {"a 'b  c", NULL},
    {"a \"b\n\nc", NULL},
    {"it's", NULL},
    {"a\"b\\\"", NULL},
    {"a \\", NULL},
    {"'a'b'", NULL},
    {"a \"\\", NULL},
};

static void quotes(void)
{
    const struct settings before = {.arguments = "before", .launcher = "before"};
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        struct settings settings = before;
        const char *kept = quoted[i].kept ? quoted[i].kept : "before";
        int wanted = quoted[i].kept ? 0 : -EINVAL;
        int right =
            read_text(settings_read_arguments, &settings, quoted[i].body) == wanted &&
            !strcmp(settings.arguments, kept) && !strcmp(settings.launcher, "before") &&
            (wanted == 0 || !strcmp(said, "In the arguments a quote is not closed, or nothing follows a "
                                          "backslash. Close it; where it stands for itself, put a "
                                          "backslash before it. Nothing was changed."));
        right = right && read_text(settings_read_launcher, &settings, quoted[i].body) == wanted &&
               !strcmp(settings.launcher, kept) && (wanted == 0 || strstr(said, "Nothing was changed."));
        if (!right) {
            fprintf(stderr, "\"%s\": \"%s\", \"%s\", \"%s\"\n", quoted[i].body, settings.arguments,
                    settings.launcher, said);
            exit(1);
        }
    }
}

static void launcher(void)
{
    static const char none[] =
        "No launcher is set: --ranks N uses srun within a Slurm allocation, else mpirun or mpiexec.\n";
    static const char set[] = "Measured cells are started as ranks by: mpirun --hostfile hosts\n";
    struct settings settings = {.process = SETTINGS_FORKED, .arguments = "--io=posix"};
    CHECK(read_text(settings_read_launcher, &settings, "") == 0 && !strcmp(said, none));
    CHECK(read_text(settings_read_launcher, &settings, " mpirun\n   --hostfile\thosts\n") == 0 &&
          !strcmp(said, set) && !strcmp(settings.launcher, "mpirun --hostfile hosts"));
    CHECK(read_text(settings_read_launcher, &settings, " \n") == 0 && !strcmp(said, set));
    CHECK(read_text(settings_read_launcher, &settings, "srun -N 2 -") == 0 &&
          !strcmp(settings.launcher, "srun -N 2 -"));
    CHECK(read_text(settings_read_launcher, &settings, "\n-\n") == 0 && !strcmp(said, none) &&
          !*settings.launcher);
    CHECK(read_text(settings_read_launcher, &settings, "-") == 0 && !strcmp(said, none));
    CHECK(settings.process == SETTINGS_FORKED && !strcmp(settings.arguments, "--io=posix"));
    /* As long as it may be, it is said in full. */
    static char text[SETTINGS_ARGUMENTS_MAX];
    memset(text, 'a', sizeof text);
    CHECK(settings_read_launcher(&settings, (struct spk_text){text, sizeof text - 1}, said, sizeof said) ==
              0 &&
          strlen(settings.launcher) == sizeof text - 1 && strstr(said, settings.launcher));
    CHECK(settings_read_launcher(&settings, (struct spk_text){text, sizeof text}, said, sizeof said) ==
              -EINVAL &&
          !strcmp(said,
                  "The launcher's words are longer than 8192 bytes, or hold a NUL. Nothing was changed."));
    CHECK(settings_read_launcher(&settings, (struct spk_text){"srun\0-N", 7}, said, sizeof said) == -EINVAL &&
          strlen(settings.launcher) == sizeof text - 1);
}

/* Up to the limit, and not a byte more. */
static void limits(void)
{
    static char text[SETTINGS_ARGUMENTS_MAX + 16];
    struct settings settings = {0};
    memset(text, 'a', sizeof text);
    for (size_t len = SETTINGS_ARGUMENTS_MAX - 3; len < sizeof text; len++) {
        struct settings before = settings;
        int result = settings_read_arguments(&settings, (struct spk_text){text, len}, said, sizeof said);
        if (result == 0) {
            CHECK(len < SETTINGS_ARGUMENTS_MAX + 1 && strlen(settings.arguments) == len);
            CHECK(strlen(said) == len + strlen("Score-P's Python bindings get: \n"));
        } else {
            CHECK(result == -EINVAL && len >= SETTINGS_ARGUMENTS_MAX &&
                  memcmp(&settings, &before, sizeof settings) == 0);
            CHECK(strstr(said, "Nothing was changed."));
        }
    }
    for (size_t i = 1; i < sizeof text; i += 2)
        text[i] = ' ';
    CHECK(settings_read_arguments(&settings, (struct spk_text){text, sizeof text}, said, sizeof said) ==
          -EINVAL);
    /* Blanks are not counted but for the one between two. */
    memset(text, ' ', sizeof text);
    text[0] = text[sizeof text - 1] = 'b';
    CHECK(settings_read_arguments(&settings, (struct spk_text){text, sizeof text}, said, sizeof said) == 0 &&
          !strcmp(settings.arguments, "b b"));
    /* A NUL would end them for whoever reads them next. */
    CHECK(settings_read_arguments(&settings, (struct spk_text){"--a\0b", 5}, said, sizeof said) == -EINVAL &&
          !strcmp(settings.arguments, "b b"));
    CHECK(settings_read_marshalling(&settings, (struct spk_text){"MODE=disk\0", 10}, said, sizeof said) ==
          -EINVAL);
    /* A long word is quoted in part, and little room is enough. */
    memset(text, 'c', sizeof text);
    char small[16];
    CHECK(settings_read_marshalling(&settings, (struct spk_text){text, sizeof text}, said, sizeof said) ==
              -EINVAL &&
          strlen(said) < 300);
    CHECK(settings_read_marshalling(&settings, (struct spk_text){text, sizeof text}, small, sizeof small) ==
              -EINVAL &&
          strlen(small) == sizeof small - 1);
    CHECK(settings_read_marshalling(&settings, (struct spk_text){"", 0}, small, sizeof small) == 0 &&
          strlen(small) == sizeof small - 1);
}

/* The body is given by its length: what stands behind is not looked at. */
static void no_nul(void)
{
    struct settings settings = {0};
    CHECK(settings_read_marshalling(&settings, (struct spk_text){"MODE=diskette", 9}, said, sizeof said) ==
              0 &&
          !strcmp(settings.mode, "disk"));
    CHECK(settings_read_arguments(&settings, (struct spk_text){"--mpp=mpi", 5}, said, sizeof said) == 0 &&
          !strcmp(settings.arguments, "--mpp"));
}

int main(void)
{
    test_limit(60);
    marshalling();
    names();
    kept();
    name_limits();
    arguments();
    quotes();
    launcher();
    limits();
    no_nul();
    return 0;
}
