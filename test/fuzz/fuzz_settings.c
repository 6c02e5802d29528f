/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_settings.c - any text as a directive's: it sets what it says it sets, or nothing, and what it sets is
 * read as the same again.
 */
#include "directives/settings.h"

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

/* Whether the text ends within its room, and not later than it must. */
static int ends(const char *said, size_t size)
{
    return memchr(said, 0, size) != NULL;
}

static void marshalling(struct spk_text body)
{
    static const struct settings before = {
        .process = SETTINGS_FORKED, .mode = "disk", .arguments = "--a", .launcher = "b"};
    struct settings settings = before, again = {0};
    char said[512], repeated[512], small[7];
    int result = settings_read_marshalling(&settings, body, said, sizeof said);
    MUST(result == 0 || result == -EINVAL);
    MUST(ends(said, sizeof said) && *said && strcmp(settings.arguments, "--a") == 0);
    MUST(!fuzz_cut_within((const uint8_t *)body.data, body.len, said));
    MUST(settings.process <= SETTINGS_LAUNCH);
    MUST(ends(settings.mode, sizeof settings.mode) && ends(settings.marshaller, sizeof settings.marshaller));
    MUST(*settings_mode(&settings) && *settings_marshaller(&settings));
    MUST(*settings_process_name(&settings));
    if (result != 0) {
        MUST(memcmp(&settings, &before, sizeof before) == 0);
    } else {
        /* What it says is itself such a text. */
        MUST(settings_read_marshalling(&again, (struct spk_text){said, strlen(said)}, repeated,
                                       sizeof repeated) == 0);
        MUST(again.process == settings.process && !strcmp(said, repeated));
        MUST(!strcmp(again.mode, settings_mode(&settings)));
        MUST(!strcmp(again.marshaller, settings_marshaller(&settings)));
    }
    settings = before;
    MUST(settings_read_marshalling(&settings, body, small, sizeof small) == result);
    MUST(ends(small, sizeof small));
}

/* How many words a text of them has: where a blank stands that is in no quotes, one ends. */
static size_t words(const char *text)
{
    size_t count = *text ? 1 : 0;
    for (char quote = 0; *text; text++) {
        MUST(quote || !strchr("\t\r\n\f\v", *text));
        count += !quote && *text == ' ';
        if (*text == '\\' && quote != '\'')
            text++;
        else if (quote ? *text == quote : *text == '"' || *text == '\'')
            quote = quote ? 0 : *text;
    }
    return count;
}

static void arguments(struct spk_text body)
{
    static char said[SETTINGS_ARGUMENTS_MAX + 256];
    static struct settings settings, again;
    settings = (struct settings){.process = SETTINGS_LAUNCH, .arguments = "--a", .launcher = "b"};
    int result = settings_read_arguments(&settings, body, said, sizeof said);
    MUST(result == 0 || result == -EINVAL);
    MUST(ends(said, sizeof said) && *said && settings.process == SETTINGS_LAUNCH && !*settings.mode);
    MUST(ends(settings.arguments, sizeof settings.arguments) && strcmp(settings.launcher, "b") == 0);
    MUST(result == 0 || (strcmp(settings.arguments, "--a") == 0 && strstr(said, "Nothing was changed.")));
    const char *text = settings.arguments;
    size_t len = strlen(text);
    MUST(text[0] != ' ' && words(text) <= len);
    MUST(!len || text[len - 1] != ' ' || (len > 1 && text[len - 2] == '\\'));
    MUST(strpbrk(text, "'\"\\") || !strstr(text, "  "));
    again = (struct settings){.arguments = ""};
    MUST(settings_read_arguments(&again, (struct spk_text){text, len}, said, sizeof said) == 0);
    MUST(strcmp(again.arguments, text) == 0);
}

/* A launcher is read as arguments are. */
static void launcher(struct spk_text body)
{
    static char said[SETTINGS_ARGUMENTS_MAX + 256];
    static struct settings settings;
    settings = (struct settings){.arguments = "--a", .launcher = "--a"};
    int result = settings_read_launcher(&settings, body, said, sizeof said);
    MUST(ends(said, sizeof said) && *said && strcmp(settings.arguments, "--a") == 0);
    MUST(settings_read_arguments(&settings, body, said, sizeof said) == result);
    MUST(strcmp(settings.arguments, settings.launcher) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spk_text body = {(const char *)data, size};
    marshalling(body);
    arguments(body);
    launcher(body);
    return 0;
}
