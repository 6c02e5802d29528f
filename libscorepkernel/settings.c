/* SPDX-License-Identifier: BSD-3-Clause
 *
 * settings.c - the directives that say how measured cells are run. Pure: texts in, settings out. What follows
 * from them is the worker's business (worker/launch.py).
 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const process_names[] = {"auto", "session", "forked", "launch"};
#define PROCESS_COUNT (sizeof process_names / sizeof *process_names)

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

/* The next word, which text is shortened by. Empty: there is none. */
static struct spk_text take_word(struct spk_text *text)
{
    while (text->len && is_space(text->data[0]))
        *text = (struct spk_text){text->data + 1, text->len - 1};
    struct spk_text word = {text->data, 0};
    while (word.len < text->len && !is_space(text->data[word.len]))
        word.len++;
    *text = (struct spk_text){text->data + word.len, text->len - word.len};
    return word;
}

static int equals(struct spk_text text, const char *name)
{
    return text.len == strlen(name) && memcmp(text.data, name, text.len) == 0;
}

const char *settings_process_name(const struct settings *settings)
{
    return process_names[settings->process];
}

static void say_marshalling(const struct settings *settings, char *said, size_t size)
{
    snprintf(said, size, "PROCESS=%s MODE=%s MARSHALLER=cloudpickle\n", settings_process_name(settings),
             settings->disk ? "disk" : "memory");
}

static int set_process(struct settings *settings, struct spk_text value)
{
    for (size_t i = 0; i < PROCESS_COUNT; i++) {
        if (equals(value, process_names[i])) {
            settings->process = (enum settings_process)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int set_mode(struct settings *settings, struct spk_text value)
{
    if (!equals(value, "memory") && !equals(value, "disk"))
        return -EINVAL;
    settings->disk = equals(value, "disk");
    return 0;
}

static int set_marshaller(struct settings *settings, struct spk_text value)
{
    (void)settings;
    return equals(value, "cloudpickle") ? 0 : -EINVAL;
}

static const struct {
    const char *key;
    int (*set)(struct settings *settings, struct spk_text value);
    const char *values;
} keys[] = {
    {"PROCESS", set_process, "auto, session, forked or launch"},
    {"MODE", set_mode, "memory or disk"},
    {"MARSHALLER", set_marshaller, "cloudpickle"},
    {"SERIALIZER", set_marshaller, "cloudpickle"}, /* its name in older notebooks */
};

static int read_pair(struct settings *settings, struct spk_text word, char *said, size_t size)
{
    const char *sign = memchr(word.data, '=', word.len);
    struct spk_text key = {word.data, sign ? (size_t)(sign - word.data) : word.len};
    struct spk_text value = {sign ? sign + 1 : word.data, sign ? word.len - key.len - 1 : 0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!sign || !equals(key, keys[i].key))
            continue;
        if (keys[i].set(settings, value) == 0)
            return 0;
        snprintf(said, size, "%s cannot be \"%.*s\": it is %s. Nothing was changed.", keys[i].key,
                 value.len < 80 ? (int)value.len : 80, value.data, keys[i].values);
        return -EINVAL;
    }
    snprintf(said, size,
             "\"%.*s\" is no setting. There are PROCESS=auto|session|forked|launch, MODE=memory|disk and "
             "MARSHALLER=cloudpickle. Nothing was changed.",
             word.len < 80 ? (int)word.len : 80, word.data);
    return -EINVAL;
}

int settings_read_marshalling(struct settings *settings, struct spk_text body, char *said, size_t size)
{
    struct settings wanted = *settings;
    for (struct spk_text word; (word = take_word(&body)).len;)
        if (read_pair(&wanted, word, said, size) != 0)
            return -EINVAL;
    *settings = wanted;
    say_marshalling(settings, said, size);
    return 0;
}

static void say_arguments(const struct settings *settings, char *said, size_t size)
{
    if (settings->arguments[0])
        snprintf(said, size, "Score-P's Python bindings get: %s\n", settings->arguments);
    else
        snprintf(said, size, "Score-P's Python bindings get no arguments.\n");
}

int settings_read_arguments(struct settings *settings, struct spk_text body, char *said, size_t size)
{
    char arguments[SETTINGS_ARGUMENTS_MAX + 1];
    size_t len = 0;
    for (struct spk_text word; (word = take_word(&body)).len;) {
        if (word.len + 1 > SETTINGS_ARGUMENTS_MAX - len || memchr(word.data, 0, word.len)) {
            snprintf(said, size,
                     "the arguments are longer than %zu bytes, or hold a NUL. Nothing was changed.",
                     SETTINGS_ARGUMENTS_MAX);
            return -EINVAL;
        }
        if (len)
            arguments[len++] = ' ';
        memcpy(arguments + len, word.data, word.len);
        len += word.len;
    }
    arguments[len] = 0;
    if (len == 1 && arguments[0] == '-') /* "-" alone: none */
        settings->arguments[0] = 0;
    else if (len)
        memcpy(settings->arguments, arguments, len + 1);
    say_arguments(settings, said, size);
    return 0;
}
