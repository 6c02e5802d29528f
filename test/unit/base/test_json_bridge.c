/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_json_bridge.c - values go in and come out unchanged; what is too long, too deep or no JSON is refused.
 */
#include "base/json_bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct json *parsed(const char *text)
{
    return json_parse(text, strlen(text));
}

/* Whether value prints as expected; takes value over. */
static int prints(struct json *value, const char *expected)
{
    size_t len = 0;
    char *text = json_print(value, &len);
    CHECK(text != NULL);
    CHECK(strlen(text) == len);
    int same = test_same(text, len, expected);
    if (!same)
        fprintf(stderr, "printed: %s\n", text);
    free(text);
    json_free(value);
    return same;
}

/* Whether a string that is so long that it is read apart, with this in its middle, has this value; NULL: it is
 * refused, as it is when it is short. */
static int reads(const char *escaped, const char *value)
{
    enum { ROOM = 70000 };
    char *text = malloc(2 * ROOM + 64), *expected = malloc(2 * ROOM + 64);
    CHECK(text && expected);
    int good = 1;
    for (int room = 10; room <= ROOM; room += ROOM - 10) {
        char *at = text;
        at += sprintf(at, "[\"\\\"\",{\"code\":\"");
        memset(at, 'x', (size_t)room);
        at += room;
        at += sprintf(at, "%s", escaped);
        memset(at, 'x', (size_t)room);
        at += room;
        at += sprintf(at, "\",\"after\":\"\\\\\"}]");
        struct json *parsed_text = json_parse(text, (size_t)(at - text));
        if (!value) {
            good = good && !parsed_text;
            continue;
        }
        size_t len = 0;
        const struct json *object = json_at(parsed_text, 1);
        const char *found = json_text(json_get(object, "code"), &len);
        memset(expected, 'x', (size_t)room);
        int wanted = room + sprintf(expected + room, "%s", value);
        memset(expected + wanted, 'x', (size_t)room);
        wanted += room;
        good = good && found && len == (size_t)wanted && memcmp(found, expected, len) == 0 &&
               test_same(json_text(json_get(object, "after"), NULL), 1, "\\") &&
               test_same(json_text(json_at(parsed_text, 0), NULL), 1, "\"");
        json_free(parsed_text);
    }
    free(text);
    free(expected);
    return good;
}

static void long_strings(void)
{
    CHECK(reads("", ""));
    CHECK(reads("\\n\\t\\r\\b\\f\\/\\\\\\\"", "\n\t\r\b\f/\\\""));
    CHECK(reads("\\u00fc\\u20AC\\uD83D\\uDE00", "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80"));
    CHECK(reads("\xC3\xBC\xE2\x82\xAC\xED\x9F\xBF\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF\x7F",
                "\xC3\xBC\xE2\x82\xAC\xED\x9F\xBF\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF\x7F"));
    static const char *const bad[] = {
        "\n",           "\x1F",         "\\x",          "\\u12",         "\\u12g4",     "\\uD83D",
        "\\uDE00",      "\\uD83D\\n",  "\\uD83D\\u0041", "\x80",         "\xC0\x80",    "\xC3",
        "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",      "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xFF",         "\" \"",       "\\\\\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!reads(bad[i], NULL)) {
            fprintf(stderr, "bad text %zu\n", i);
            exit(1);
        }
}

static void look(void)
{
    struct json *value =
        parsed("{\"n\":-7,\"u\":18446744073709551615,\"m\":9223372036854775807,\"f\":2.5,\"t\":true,"
               "\"s\":\"gr\\u00fc\\u0000\\u00df\",\"l\":[1,[],{}],\"z\":null}");
    size_t len = 99;
    CHECK(value && json_count(value) == 8);
    CHECK(json_integer(json_get(value, "n"), 5) == -7);
    CHECK(json_integer(json_get(value, "m"), 5) == INT64_MAX);
    CHECK(json_integer(json_get(value, "u"), 5) == 5);
    CHECK(json_integer(json_get(value, "f"), 5) == 5);
    CHECK(json_integer(json_get(value, "t"), 5) == 5);
    CHECK(json_number(json_get(value, "f"), 5) == 2.5);
    CHECK(json_number(json_get(value, "n"), 5) == -7.0);
    CHECK(json_number(json_get(value, "s"), 5) == 5.0);
    CHECK(json_boolean(json_get(value, "t"), 0) == 1);
    CHECK(json_boolean(json_get(value, "n"), 7) == 7);
    CHECK(json_boolean(json_get(value, "z"), 7) == 7);
    const char *text = json_text(json_get(value, "s"), &len);
    CHECK(text && len == 7 && memcmp(text, "gr\xC3\xBC\0\xC3\x9F", 8) == 0);
    CHECK(json_text(json_get(value, "s"), NULL) == text);
    CHECK(json_text(json_get(value, "n"), &len) == NULL && len == 7);
    CHECK(json_count(json_get(value, "l")) == 3 && json_count(json_get(value, "s")) == 0);
    CHECK(json_integer(json_at(json_get(value, "l"), 0), 0) == 1);
    CHECK(json_at(json_get(value, "l"), 3) == NULL && json_at(value, 0) == NULL);
    CHECK(json_get(value, "none") == NULL && json_get(json_get(value, "l"), "n") == NULL);
    json_free(value);
}

static void look_at_nothing(void)
{
    CHECK(json_get(NULL, "a") == NULL && json_at(NULL, 0) == NULL && json_count(NULL) == 0);
    CHECK(json_integer(NULL, 3) == 3 && json_boolean(NULL, 3) == 3 && json_text(NULL, NULL) == NULL);
    CHECK(json_number(NULL, 3) == 3.0 && json_print(NULL, NULL) == NULL && json_parse(NULL, 0) == NULL);
    json_free(NULL);
}

static void build(void)
{
    struct json *object = json_object();
    struct json *array = json_array();
    CHECK(json_append(array, json_object()) == 0);
    CHECK(json_append_text(array, "a\"\n", 3) == 0);
    CHECK(json_append_text(array, NULL, 0) == 0);
    CHECK(json_set(object, "list", array) == 0);
    CHECK(json_set_integer(object, "max", INT64_MAX) == 0);
    CHECK(json_set_integer(object, "min", INT64_MIN) == 0);
    CHECK(json_set_string(object, "string", "until its NUL\0and no more") == 0);
    CHECK(json_set_boolean(object, "yes", 2) == 0);
    CHECK(json_set_text(object, "yes", "replaced", 8) == 0);
    CHECK(prints(object, "{\"list\":[{},\"a\\\"\\n\",\"\"],\"max\":9223372036854775807,"
                         "\"min\":-9223372036854775808,\"string\":\"until its NUL\",\"yes\":\"replaced\"}"));
}

/* A child that is given away is gone, whether it was taken or not: the sanitizer counts. */
static void misuse(void)
{
    struct json *object = json_object();
    struct json *array = json_array();
    CHECK(json_set(object, "a", NULL) == -ENOMEM);
    CHECK(json_append(array, NULL) == -ENOMEM);
    CHECK(json_set(array, "a", json_object()) == -EINVAL);
    CHECK(json_append(object, json_object()) == -EINVAL);
    CHECK(json_set(NULL, "a", json_object()) == -EINVAL);
    CHECK(json_append(NULL, json_object()) == -EINVAL);
    CHECK(json_set(object, NULL, json_object()) == -EINVAL);
    CHECK(json_set_text(array, "a", "b", 1) == -EINVAL);
    CHECK(json_set_text(object, "a", NULL, 1) == -EINVAL);
    CHECK(json_append_text(array, NULL, 1) == -EINVAL);
    CHECK(json_set_integer(NULL, "a", 1) == -EINVAL);
    CHECK(prints(object, "{}"));
    CHECK(prints(array, "[]"));
}

static void refuse(void)
{
    static const char *const wrong[] = {
        "",    " ",   "{",   "[1,]",     "{\"a\"}", "{a:1}",       "'a'",      "\"\xFF\"",
        "1 2", "nul", "NaN", "Infinity", "1e999",   "\"\\ud800\"", "\"a\nb\"", "// c\n1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(parsed(wrong[i]) == NULL);
    CHECK(json_parse("1\0", 2) == NULL);
    CHECK(prints(parsed(" null "), "null"));
    CHECK(prints(json_parse("17", 1), "1"));
}

static void invalid_utf8_is_replaced(void)
{
    struct json *object = json_object();
    CHECK(json_set_text(object, "t", "a\xFFz\xE2\x82", 5) == 0);
    CHECK(prints(object, "{\"t\":\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"}"));
}

static struct json *nested(size_t depth, const char *opens, const char *closes)
{
    size_t open = strlen(opens);
    size_t close = strlen(closes);
    char *text = malloc(depth * (open + close) + 2);
    CHECK(text != NULL);
    for (size_t i = 0; i < depth; i++) {
        memcpy(text + i * open, opens, open);
        memcpy(text + depth * open + 1 + i * close, closes, close);
    }
    text[depth * open] = '1';
    struct json *value = json_parse(text, depth * (open + close) + 1);
    free(text);
    return value;
}

static void take_out(void)
{
    struct json *object = json_parse("{\"a\":1,\"b\":2}", 13), *array = json_parse("[1]", 3);
    json_remove(object, "a");
    json_remove(object, "a");
    json_remove(array, "a");
    json_remove(NULL, "a");
    CHECK(prints(object, "{\"b\":2}") && prints(array, "[1]"));
}

static void depth(void)
{
    struct json *deepest = nested(JSON_MAX_DEPTH, "[", "]");
    CHECK(deepest != NULL);
    char *text = json_print(deepest, NULL);
    CHECK(text != NULL);
    free(text);
    json_free(deepest);
    CHECK(nested(JSON_MAX_DEPTH + 1, "[", "]") == NULL);
    CHECK(nested(JSON_MAX_DEPTH + 1, "{\"a\":", "}") == NULL);
    CHECK(nested(1000000, "[", "]") == NULL);
    CHECK(nested(1000000, "{\"a\":[", "]}") == NULL);
}

static void length(void)
{
    /* Blanks: the length is what is refused, not the content. */
    char *text = malloc(JSON_MAX_LEN + 1);
    if (!text)
        test_skip("no memory for a text of the largest length");
    memset(text, ' ', JSON_MAX_LEN + 1);
    text[0] = '1';
    CHECK(json_parse(text, JSON_MAX_LEN + 1) == NULL);
    CHECK(prints(json_parse(text, 1000), "1"));
    free(text);
}

int main(void)
{
    test_limit(60);
    look();
    long_strings();
    look_at_nothing();
    build();
    misuse();
    refuse();
    invalid_utf8_is_replaced();
    take_out();
    depth();
    length();
    return 0;
}
