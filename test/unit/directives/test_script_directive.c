/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_script_directive.c - directives that in write mode are the script's: which those are, what they say,
 * and that a wrong one is told.
 */
#include "directives/script_directive.h"

#include "base/json_bridge.h"

#include "test.h"

#include <errno.h>

static struct settings settings;

static struct directive read_cell(const char *cell)
{
    struct directive directive;
    directive_read((struct spk_text){cell, strlen(cell)}, &directive);
    return directive;
}

/* What is said of a cell, as JSON. */
static void describes(const char *cell, const char *expected)
{
    struct directive directive = read_cell(cell);
    struct json *object = json_object();
    CHECK(script_directive_describe(&directive, &settings, object) == 0);
    size_t len;
    char *text = json_print(object, &len);
    if (!text || strcmp(text, expected))
        fprintf(stderr, "%s: %s, not %s\n", cell, text ? text : "", expected);
    CHECK(text && strcmp(text, expected) == 0);
    free(text);
    json_free(object);
}

static void described(void)
{
    describes("x = 1", "{\"kind\":\"code\"}");
    describes("%%time\nx = 1", "{\"kind\":\"code\"}");
    describes("# why\n%%execute_with_scorep --ranks 2\nx",
              "{\"directive\":\"%%execute_with_scorep --ranks 2\",\"kind\":\"execute\"}");
    describes("%%enable_multicellmode", "{\"kind\":\"enable\"}");
    describes("%%finalize_multicellmode ",
              "{\"directive\":\"%%finalize_multicellmode\",\"kind\":\"finalize\"}");
    describes("%%scorep_env", "{\"environment\":[],\"kind\":\"environment\"}");
    describes("%%scorep_env\nA=\"b c\" # d\n\n-E\nexport F=",
              "{\"environment\":[[\"A\",\"b c\"],[\"E\"],[\"F\",\"\"]],\"kind\":\"environment\"}");
    strcpy(settings.arguments, "--before");
    describes("%%scorep_python_binding_arguments", "{\"arguments\":\"--before\",\"kind\":\"arguments\"}");
    describes("%%scorep_python_binding_arguments\n--a  --b='c  d'\n",
              "{\"arguments\":\"--a --b='c  d'\",\"kind\":\"arguments\"}");
    CHECK(strcmp(settings.arguments, "--a --b='c  d'") == 0);
    describes("%%scorep_python_binding_arguments -", "{\"arguments\":\"\",\"kind\":\"arguments\"}");
    CHECK(!settings.arguments[0]);
}

static void checked(void)
{
    static const struct {
        const char *cell;
        int result;
        const char *part;
    } cases[] = {
        {"%%scorep_env\nA=1\n-B", 0, NULL},
        {"%%scorep_env\nA", -EINVAL, "no KEY=VALUE"},
        {"%%scorep_env\nA='", -EINVAL, "a quote that is not closed"},
        {"%%scorep_python_binding_arguments --a", 0, NULL},
        {"%%scorep_python_binding_arguments '", -EINVAL, "a quote is not closed"},
        {"%%enable_multicellmode", 0, NULL},
        {"%%finalize_multicellmode", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char error[512] = "";
        struct directive directive = read_cell(cases[i].cell);
        CHECK(script_directive_is(directive.kind) && strlen(script_directive_effect(directive.kind)) > 20);
        CHECK(script_directive_check(&directive, error, sizeof error) == cases[i].result);
        CHECK(!cases[i].part || strstr(error, cases[i].part));
    }
    static const char *const others[] = {"x",
                                         "%%execute_with_scorep",
                                         "%%scorep_launcher x",
                                         "%%end_writefile",
                                         "%%marshalling_settings",
                                         "%scorep_marked",
                                         "%%abort_multicellmode"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CHECK(!script_directive_is(read_cell(others[i]).kind));
}

int main(void)
{
    described();
    checked();
    return 0;
}
