/* SPDX-License-Identifier: BSD-3-Clause
 *
 * json_bridge.h - nlohmann-json for C: parse, look, build, print.
 *
 * Owns nothing but the values that it hands out. A value made by json_parse, json_object or json_array is the
 * caller's, to be given to json_free; what json_get and json_at return is borrowed from it and valid until
 * it is changed or freed. No exception leaves these functions: memory running out is NULL or -ENOMEM.
 * Limits: a text is at most JSON_MAX_LEN bytes, nested at most JSON_MAX_DEPTH deep.
 */
#ifndef BASE_JSON_BRIDGE_H
#define BASE_JSON_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JSON_MAX_LEN ((size_t)256 << 20)
#define JSON_MAX_DEPTH 512

struct json;

/** NULL: not JSON, too long, too deep, or no memory. */
struct json *json_parse(const char *text, size_t len);
struct json *json_object(void);
struct json *json_array(void);
void json_free(struct json *value);

/** The member of that name, or NULL when value is NULL, no object, or has none. */
const struct json *json_get(const struct json *value, const char *name);
/** The item of that index, or NULL. */
const struct json *json_at(const struct json *value, size_t index);
/** The number of items or members; 0 for anything else and for NULL. */
size_t json_count(const struct json *value);

/* The value as that type; the fallback if it is of another type or NULL. */
int64_t json_integer(const struct json *value, int64_t fallback);
double json_number(const struct json *value, double fallback);
int json_boolean(const struct json *value, int fallback);
/** The bytes of a string, *len of them and a NUL, borrowed; NULL when value is no string. len may be NULL. */
const char *json_text(const struct json *value, size_t *len);

/* Set a member. Invalid UTF-8 is replaced when printed. 0, -EINVAL (no object), -ENOMEM. */
int json_set_text(struct json *object, const char *name, const char *text, size_t len);
/** The same for a text that ends with a NUL. */
int json_set_string(struct json *object, const char *name, const char *text);
int json_set_integer(struct json *object, const char *name, int64_t value);
int json_set_boolean(struct json *object, const char *name, int value);
/** Take a member out, if it is there. */
void json_remove(struct json *object, const char *name);
/** Takes child over, also on failure; NULL child: -ENOMEM, so that building can be chained. */
int json_set(struct json *object, const char *name, struct json *child);
int json_append(struct json *array, struct json *child);
int json_append_text(struct json *array, const char *text, size_t len);

/** The value as compact JSON, *len bytes and a NUL; to be given to free(). NULL: no memory. */
char *json_print(const struct json *value, size_t *len);

#ifdef __cplusplus
}
#endif

#endif
