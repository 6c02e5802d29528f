/* SPDX-License-Identifier: BSD-3-Clause
 *
 * settings.c - the directives that say how measured cells are run. Pure: texts in, settings out. What follows
 * from them is the worker's business (worker/launch/plan.py).
 */
#include "directives/settings.h"

#include "base/text.h"
#include "base/utf8.h"
#include "directives/quoting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const process_names[] = {"auto", "session", "forked", "launch"};
#define PROCESS_COUNT (sizeof process_names / sizeof *process_names)

/* The next word, which text is shortened by. Empty: there is none. */
static struct spk_text take_word(struct spk_text *text)
{
    while (text->len && text_is_space(text->data[0]))
        *text = (struct spk_text){text->data + 1, text->len - 1};
    struct spk_text word = {text->data, 0};
    while (word.len < text->len && !text_is_space(text->data[word.len]))
        word.len++;
    *text = (struct spk_text){text->data + word.len, text->len - word.len};
    return word;
}

const char *settings_process_name(const struct settings *settings)
{
    return process_names[settings->process];
}

const char *settings_mode(const struct settings *settings)
{
    return settings->mode[0] ? settings->mode : "memory";
}

const char *settings_marshaller(const struct settings *settings)
{
    return settings->marshaller[0] ? settings->marshaller : "cloudpickle";
}

void settings_keep(struct settings *settings, const struct settings *before, const char *name)
{
    if (strcmp(name, "mode") == 0)
        memcpy(settings->mode, before->mode, sizeof settings->mode);
    else if (strcmp(name, "marshaller") == 0)
        memcpy(settings->marshaller, before->marshaller, sizeof settings->marshaller);
}

void settings_say(const struct settings *settings, enum settings_part part, char *said, size_t size)
{
    if (part == SETTINGS_MARSHALLING)
        snprintf(said, size, "PROCESS=%s MODE=%s MARSHALLER=%s\n", settings_process_name(settings),
                 settings_mode(settings), settings_marshaller(settings));
    else if (part == SETTINGS_ARGUMENTS && settings->arguments[0])
        utf8_format(said, size, "Score-P's Python bindings get: %s\n", settings->arguments);
    else if (part == SETTINGS_ARGUMENTS)
        snprintf(said, size, "Score-P's Python bindings get no arguments.\n");
    else if (settings->launcher[0])
        utf8_format(said, size, "Measured cells are started as ranks by: %s\n", settings->launcher);
    else
        snprintf(
            said, size,
            "No launcher is set: --ranks N uses srun within a Slurm allocation, else mpirun or mpiexec.\n");
}

static int set_process(struct settings *settings, struct spk_text value)
{
    for (size_t i = 0; i < PROCESS_COUNT; i++) {
        if (text_is(value, process_names[i])) {
            settings->process = (enum settings_process)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Which names there are, the worker knows: here is only what cannot be one. */
static int set_name(char name[SETTINGS_NAME_MAX + 1], struct spk_text value)
{
    if (!value.len || value.len > SETTINGS_NAME_MAX || memchr(value.data, 0, value.len))
        return -EINVAL;
    memset(name, 0, SETTINGS_NAME_MAX + 1);
    memcpy(name, value.data, value.len);
    return 0;
}

static int set_mode(struct settings *settings, struct spk_text value)
{
    return set_name(settings->mode, value);
}

static int set_marshaller(struct settings *settings, struct spk_text value)
{
    return set_name(settings->marshaller, value);
}

static const char marshallers[] = "cloudpickle, dill, pickle or another module's name, of up to 200 bytes";

static const struct {
    const char *key;
    int (*set)(struct settings *settings, struct spk_text value);
    const char *values;
} keys[] = {
    {"PROCESS", set_process, "auto, session, forked or launch"},
    {"MODE", set_mode, "memory or disk"},
    {"MARSHALLER", set_marshaller, marshallers},
    {"SERIALIZER", set_marshaller, marshallers}, /* its name in older notebooks */
};

/* seen: a bit for each of the keys that there have been. */
static int read_pair(struct settings *settings, struct spk_text word, unsigned *seen, char *said, size_t size)
{
    const char *sign = memchr(word.data, '=', word.len);
    struct spk_text key = {word.data, sign ? (size_t)(sign - word.data) : word.len};
    struct spk_text value = {sign ? sign + 1 : word.data, sign ? word.len - key.len - 1 : 0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!sign || !text_is(key, keys[i].key))
            continue;
        if (*seen & 1u << i) {
            utf8_format(said, size, "%s is said twice, the second time as \"%.*s\". Nothing was changed.",
                        keys[i].key, (int)utf8_cut(value.data, value.len, 80), value.data);
            return -EINVAL;
        }
        *seen |= 1u << i;
        if (keys[i].set(settings, value) == 0)
            return 0;
        utf8_format(said, size, "%s cannot be \"%.*s\": it is %s. Nothing was changed.", keys[i].key,
                    (int)utf8_cut(value.data, value.len, 80), value.data, keys[i].values);
        return -EINVAL;
    }
    snprintf(said, size,
             "\"%.*s\" is no setting. There are PROCESS=auto|session|forked|launch, MODE=memory|disk and "
             "MARSHALLER=cloudpickle|dill|pickle|MODULE. Nothing was changed.",
             (int)utf8_cut(word.data, word.len, 80), word.data);
    return -EINVAL;
}

int settings_read_marshalling(struct settings *settings, struct spk_text body, char *said, size_t size)
{
    struct settings wanted = *settings;
    unsigned seen = 0;
    for (struct spk_text word; (word = take_word(&body)).len;)
        if (read_pair(&wanted, word, &seen, said, size) != 0)
            return -EINVAL;
    *settings = wanted;
    settings_say(settings, SETTINGS_MARSHALLING, said, size);
    return 0;
}

/* --- words as a shell has them ------------------------------------------------------------------------- */

/* How many bytes the blank takes that text begins with: also a backslash with the end of its line. 0: it
 * begins with none. */
static size_t blank_len(struct spk_text text)
{
    if (text.len && text_is_space(text.data[0]))
        return 1;
    if (text.len > 1 && memcmp(text.data, "\\\n", 2) == 0)
        return 2;
    return text.len > 2 && memcmp(text.data, "\\\r\n", 3) == 0 ? 3 : 0;
}

static struct spk_text from(struct spk_text text, size_t at)
{
    return (struct spk_text){text.data + at, text.len - at};
}

/* The next word, which text is shortened by: with its quotes, and the blanks that they keep. Empty: there is
 * none. 0; -EINVAL: it does not end. */
static int take_quoted(struct spk_text *text, struct spk_text *word)
{
    size_t len = 0;
    for (size_t blank; (blank = blank_len(*text));)
        *text = from(*text, blank);
    while (len < text->len && !blank_len(from(*text, len))) {
        size_t unit = quoting_unit(from(*text, len));
        if (!unit)
            return -EINVAL;
        len += unit;
    }
    *word = (struct spk_text){text->data, len};
    *text = from(*text, len);
    return 0;
}

/* Read a text of words into kept: "-" alone empties it, none leaves it. what: they are, for messages. */
static int read_words(char kept[SETTINGS_ARGUMENTS_MAX + 1], struct spk_text body, const char *what,
                      char *said, size_t size)
{
    char words[SETTINGS_ARGUMENTS_MAX + 1];
    size_t len = 0;
    struct spk_text word;
    int result;
    while ((result = take_quoted(&body, &word)) == 0 && word.len) {
        if (word.len + 1 > SETTINGS_ARGUMENTS_MAX - len || memchr(word.data, 0, word.len)) {
            snprintf(said, size, "The %s are longer than %zu bytes, or hold a NUL. Nothing was changed.",
                     what, SETTINGS_ARGUMENTS_MAX);
            return -EINVAL;
        }
        if (len)
            words[len++] = ' ';
        memcpy(words + len, word.data, word.len);
        len += word.len;
    }
    if (result != 0) {
        snprintf(said, size,
                 "In the %s a quote is not closed, or nothing follows a backslash. Close it; where it stands "
                 "for itself, put a backslash before it. Nothing was changed.",
                 what);
        return result;
    }
    words[len] = 0;
    if (strcmp(words, "-") == 0)
        kept[0] = 0;
    else if (len)
        memcpy(kept, words, len + 1);
    return 0;
}

int settings_read_arguments(struct settings *settings, struct spk_text body, char *said, size_t size)
{
    int result = read_words(settings->arguments, body, "arguments", said, size);
    if (result == 0)
        settings_say(settings, SETTINGS_ARGUMENTS, said, size);
    return result;
}

int settings_read_launcher(struct settings *settings, struct spk_text body, char *said, size_t size)
{
    int result = read_words(settings->launcher, body, "launcher's words", said, size);
    if (result == 0)
        settings_say(settings, SETTINGS_LAUNCHER, said, size);
    return result;
}
