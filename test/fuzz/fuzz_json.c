/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_json.c - any text for the JSON bridge: what it reads it prints, what it prints it reads as the same,
 * and no question to a value is too strange.
 */
#include "base/json_bridge.h"

#include "fuzz.h"

#include <errno.h>

static void ask(const struct json *value)
{
    size_t len = 0, count = json_count(value);
    (void)json_integer(value, 1);
    (void)json_number(value, 1);
    MUST(json_boolean(value, 7) == 7 || json_boolean(value, 7) <= 1);
    const char *text = json_text(value, &len);
    MUST(!text || text[len] == 0);
    MUST(!json_at(value, count) && !json_at(value, SIZE_MAX));
    for (size_t i = 0; i < count; i++)
        if (json_at(value, i))
            ask(json_at(value, i));
    (void)json_get(value, "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *value = json_parse((const char *)data, size);
    if (!value)
        return 0;
    ask(value);
    size_t len, len_again;
    char *text = json_print(value, &len);
    MUST(text && strlen(text) == len);
    struct json *again = json_parse(text, len);
    MUST(again != NULL);
    char *text_again = json_print(again, &len_again);
    MUST(text_again && len_again == len && memcmp(text, text_again, len) == 0);
    int result = json_set_text(value, "added", (const char *)data, size);
    MUST(result == 0 || result == -EINVAL);
    if (result == 0) {
        size_t added;
        MUST(json_text(json_get(value, "added"), &added) && added == size);
        free(text);
        text = json_print(value, &len);
        MUST(text && fuzz_valid_utf8((const unsigned char *)text, len));
    }
    free(text);
    free(text_again);
    json_free(value);
    json_free(again);
    return 0;
}
