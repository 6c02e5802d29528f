/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_decide.c - what is decided for a cell depends on the cell, the settings and the marked cells alone.
 */
#include "directives/decide.h"

#include "base/json_bridge.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static struct settings settings;
static struct marked_cells marked;

/* Decide about a cell of that code and id. The decision is valid until the next one. */
static const struct decision *decided(const char *code, const char *id, int silent)
{
    static struct decision decision;
    struct cell cell = {.code = {code, strlen(code)},
                        .id = {id, strlen(id)},
                        .silent = silent,
                        .execution_count = 7,
                        .settings = &settings,
                        .marked = &marked};
    decision_finish(&decision);
    CHECK(decide(&cell, &decision) == 0);
    return &decision;
}

static const struct decision *of(const char *code)
{
    return decided(code, "", 0);
}

static const char *text_of(const struct decision *decision)
{
    return (const char *)buffer_bytes(&decision->text);
}

static void sent(void)
{
    const struct decision *decision = of("x = 1");
    CHECK(decision->kind == DECISION_SEND && !*decision->note);
    CHECK(json_integer(json_get(decision->options, "execution_count"), 0) == 7);
    CHECK(!json_get(decision->options, "measure"));
    decision = of("%%execute_with_scorep --repeat 3 --guard\nx = 1");
    const struct json *measure = json_get(decision->options, "measure");
    CHECK(json_integer(json_get(measure, "repeat"), 0) == 3 && json_boolean(json_get(measure, "guard"), 0));
    CHECK(json_integer(json_get(measure, "lines"), 0) == 1);
    CHECK(decision->asked == SETTINGS_NONE && decision->ends == MARKED_OFF);
    decision = of("%%scorep_env\nA=1");
    CHECK(decision->kind == DECISION_SEND && json_count(json_get(decision->options, "environment")) == 1);
    decision = of("%%disable_vampir_launch\nx = 1");
    CHECK(decision->kind == DECISION_SEND && !json_boolean(json_get(decision->options, "on"), 1));
    CHECK(strstr(decision->note, "%%disable_vampir_launch") && strstr(decision->note, "is not run"));
}

static void refused(void)
{
    const struct decision *decision = of("%%execute_with_scorep --nonsense\nx");
    CHECK(decision->kind == DECISION_REFUSED && !decision->options);
    CHECK(strstr(text_of(decision), "it has --guard, --no-guard, --repeat N, --ranks N and --gather NAMES."));
    CHECK(of("%%scorep_env\nnonsense")->kind == DECISION_REFUSED);
    CHECK(of("%%finalize_multicellmode")->kind == DECISION_REFUSED);
    CHECK(strstr(text_of(of("%%finalize_multicellmode")), "Multi-cell mode is not on"));
    decision = of("%%execute_with_scorep --gather x\ny");
    CHECK(decision->kind == DECISION_REFUSED && strstr(text_of(decision), "no ranks to gather from"));
}

static void settings_change(void)
{
    const struct decision *decision = of("%%scorep_launcher mpirun -n 2");
    CHECK(decision->kind == DECISION_DONE && decision->has_settings);
    CHECK(strcmp(decision->settings.launcher, "mpirun -n 2") == 0 && !*settings.launcher);
    decision = of("%%marshalling_settings\nPROCESS=launch");
    CHECK(decision->kind == DECISION_SEND && decision->asked == SETTINGS_MARSHALLING &&
          !decision->has_settings);
    CHECK(decision->settings.process == SETTINGS_LAUNCH && settings.process == SETTINGS_AUTO);
    CHECK(strcmp(json_text(json_get(decision->options, "asked"), NULL), "marshalling") == 0);
    CHECK(of("%%marshalling_settings")->kind == DECISION_DONE);
    /* What is in force is decided with. */
    settings.process = SETTINGS_LAUNCH;
    const struct json *measure = json_get(of("%%execute_with_scorep\nx")->options, "measure");
    CHECK(strcmp(json_text(json_get(measure, "process"), NULL), "launch") == 0);
    settings.process = SETTINGS_AUTO;
}

static void marking(void)
{
    CHECK(of("%%enable_multicellmode")->kind == DECISION_DONE && marked.mode == MARKED_MEASURE);
    CHECK(strstr(text_of(decided("a = 1", "one", 0)), "Marked as cell 1: a = 1\n") && marked.count == 1);
    CHECK(strstr(text_of(decided("a = 2", "one", 0)), "in place of what it was") && marked.count == 1);
    CHECK(decided("b", "", 1)->kind == DECISION_SEND && marked.count == 1); /* a client's own */
    CHECK(strstr(text_of(of("%scorep_marked")), "a = 2"));
    CHECK(of("%scorep_unmark 9")->kind == DECISION_REFUSED);
    CHECK(strstr(text_of(of("%scorep_unmark 9")), "There is no marked cell 9: there are 1 to 1, which "));
    const struct decision *decision = of("%%finalize_multicellmode");
    CHECK(decision->kind == DECISION_SEND && decision->ends == MARKED_MEASURE);
    CHECK(json_count(json_get(decision->options, "cells")) == 1 && marked.count == 1); /* until it is sent */
    CHECK(of("%%start_writefile")->kind == DECISION_REFUSED);
    CHECK(strstr(text_of(of("%%abort_multicellmode")), "1 marked cell is forgotten") &&
          marked.mode == MARKED_OFF);
    CHECK(of("%%start_writefile name")->kind == DECISION_DONE && marked.mode == MARKED_WRITE);
    CHECK(strstr(text_of(of("%%scorep_env\nA=1")), "It changes the script's environment"));
    CHECK(of("%%scorep_env\nnonsense")->kind == DECISION_REFUSED && marked.count == 1);
    CHECK(of("%%end_writefile")->ends == MARKED_WRITE);
    CHECK(of("%%abort_writefile")->kind == DECISION_DONE);
}

int main(void)
{
    test_limit(20);
    sent();
    refused();
    settings_change();
    marking();
    (void)of("x"); /* the last decision holds nothing that is not freed here */
    decided("%scorep_marked", "", 0);
    marked_cells_clear(&marked);
    return 0;
}
