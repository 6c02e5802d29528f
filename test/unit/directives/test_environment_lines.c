/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_environment_lines.c - the lines of %%scorep_env, as a shell would read them.
 */
#include "directives/environment_lines.h"

#include "base/json_bridge.h"
#include "test.h"

#include <errno.h>

static char shown[4096], error[512];

/* The changes as JSON text, or the error. */
static const char *read_env(const char *text)
{
    struct json *changes = json_array();
    error[0] = 0;
    int result = environment_lines_read((struct spk_text){text, strlen(text)}, changes, error, sizeof error);
    size_t len = 0;
    char *json = json_print(changes, &len);
    CHECK(json && len < sizeof shown && (result == 0 || result == -EINVAL));
    snprintf(shown, sizeof shown, "%s", result == 0 ? json : error);
    free(json);
    json_free(changes);
    return shown;
}

static void good(void)
{
    CHECK(strcmp(read_env(""), "[]") == 0);
    CHECK(strcmp(read_env("\n  # a comment\n\t\n"), "[]") == 0);
    CHECK(strcmp(read_env("A=1\nB_2=x y"), "[[\"A\",\"1\"],[\"B_2\",\"x y\"]]") == 0);
    CHECK(strcmp(read_env("  export A=1 # one\r\n-B\n"), "[[\"A\",\"1\"],[\"B\"]]") == 0);
    CHECK(strcmp(read_env("A="), "[[\"A\",\"\"]]") == 0);
    CHECK(strcmp(read_env("A='x # \"y'"), "[[\"A\",\"x # \\\"y\"]]") == 0);
    CHECK(strcmp(read_env("A=\"a\\\"b\\\\ \\$c \\n\""), "[[\"A\",\"a\\\"b\\\\ $c \\\\n\"]]") == 0);
    CHECK(strcmp(read_env("A=one' two '\"three\"\\ four"), "[[\"A\",\"one two three four\"]]") == 0);
    CHECK(strcmp(read_env("A=x#y"), "[[\"A\",\"x#y\"]]") == 0);
    CHECK(strcmp(read_env("A=b=c"), "[[\"A\",\"b=c\"]]") == 0);
    CHECK(strcmp(read_env("A=\xc3\xbc"), "[[\"A\",\"\xc3\xbc\"]]") == 0);
}

static void bad(void)
{
    CHECK(strstr(read_env("A=1\nB"), "\"B\" is no KEY=VALUE"));
    CHECK(strstr(read_env("1A=1"), "no KEY=VALUE"));
    CHECK(strstr(read_env("A B=1"), "no KEY=VALUE"));
    CHECK(strstr(read_env("=1"), "no KEY=VALUE"));
    CHECK(strstr(read_env("-"), "no KEY=VALUE"));
    CHECK(strstr(read_env("-A=1"), "no KEY=VALUE"));
    CHECK(strstr(read_env("export"), "no KEY=VALUE"));
    /* Of a long line a beginning is shown, with no half of a character. */
    char line[100], wanted[100];
    memset(line, 'x', sizeof line);
    memcpy(line + 79, "\xc3\xbc", 3);
    snprintf(wanted, sizeof wanted, "\"%.79s\" is no KEY=VALUE", line);
    CHECK(strstr(read_env(line), wanted));
    CHECK(strstr(read_env("A='x"), "a quote that is not closed"));
    CHECK(strstr(read_env("A=\"x\\\""), "a quote that is not closed"));
    struct json *changes = json_array();
    CHECK(environment_lines_read((struct spk_text){"A=\0b", 4}, changes, error, sizeof error) == -EINVAL);
    CHECK(strstr(error, "NUL"));
    json_free(changes);
}

static void limits(void)
{
    size_t len = ENVIRONMENT_VALUE_MAX + 8;
    char *text = malloc(len + 1);
    CHECK(text);
    memset(text, 'x', len);
    text[1] = '=';
    text[len] = 0;
    CHECK(strstr(read_env(text), "longer than 64 KiB"));
    free(text);
}

int main(void)
{
    good();
    bad();
    limits();
    return 0;
}
