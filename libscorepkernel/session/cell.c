/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cell.c - what is done with a cell: sent to the worker with how it is to be measured, marked in multi-cell
 * mode, or, as a directive, done here. Owns nothing: settings and marked cells are the session's. Which
 * directive a cell has is directive.c's business, how it is run is the worker's.
 */
#include "session/cell.h"

#include "base/text.h"
#include "base/utf8.h"

#include "base/failure.h"
#include "base/json_bridge.h"
#include "base/print.h"
#include "directives/directive.h"
#include "directives/environment_lines.h"
#include "directives/script_directive.h"
#include "session/replies.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char directive_error[] = "ScorePDirectiveError";

static int set_string(struct json *object, const char *name, const char *text)
{
    return json_set_text(object, name, text, strlen(text));
}

/* Names with commas between them, as a member that is a list. */
static int set_names(struct json *object, const char *name, const char *list)
{
    struct json *array = json_array();
    size_t len = strcspn(list, ",");
    int result = json_append_text(array, list, len);
    while (result == 0 && list[len]) {
        list += len + 1;
        len = strcspn(list, ",");
        result = json_append_text(array, list, len);
    }
    if (result == 0)
        return json_set(object, name, array);
    json_free(array);
    return result;
}

/* As how many processes a cell is to be run, and by what, where that was said. */
static int set_ranks(struct json *measure, const struct settings *settings, const struct directive *directive)
{
    int result = directive->ranks ? json_set_integer(measure, "ranks", directive->ranks) : 0;
    if (result == 0 && *directive->gather)
        result = set_names(measure, "gather", directive->gather);
    if (result == 0 && *settings->launcher)
        result = set_string(measure, "launcher", settings->launcher);
    return result;
}

/* How a cell is to be measured, as JSON. NULL: no memory. */
static struct json *measure_options(const struct settings *settings, const struct directive *directive)
{
    struct json *measure = json_object();
    int result = json_set_integer(measure, "lines", (int64_t)directive->lines);
    result = result ? result : json_set_text(measure, "text", directive->line.data, directive->line.len);
    if (result == 0 && directive->guard != DIRECTIVE_GUARD_AUTO)
        result = json_set_boolean(measure, "guard", directive->guard == DIRECTIVE_GUARD_YES);
    result = result ? result : json_set_integer(measure, "repeat", directive->repeat);
    result = result ? result : set_string(measure, "process", settings_process_name(settings));
    result = result ? result : set_string(measure, "arguments", settings->arguments);
    result = result ? result : json_set_boolean(measure, "disk", !strcmp(settings_mode(settings), "disk"));
    result = result ? result : set_string(measure, "marshaller", settings_marshaller(settings));
    result = result ? result : set_ranks(measure, settings, directive);
    if (result == 0)
        return measure;
    json_free(measure);
    return NULL;
}

/* The options that go with a cell, as JSON. NULL: no memory. */
static struct json *cell_options(const struct spk_session *session, const struct request *request,
                                 const struct directive *directive)
{
    struct json *options = json_object(), *measure = NULL;
    int result = json_set_integer(options, "execution_count", (int64_t)request->execution_count);
    if (result == 0 &&
        (directive->kind == DIRECTIVE_EXECUTE || directive->kind == DIRECTIVE_FINALIZE_MARKING)) {
        measure = measure_options(&session->settings, directive);
        result = measure ? json_set(options, "measure", measure) : -ENOMEM;
    }
    if (result == 0)
        return options;
    json_free(options);
    return NULL;
}

/* Takes options over; NULL stands for those that there was no memory for. */
static int send_execute(struct spk_session *session, const struct request *request, struct json *options)
{
    size_t len;
    char *text = options ? json_print(options, &len) : NULL;
    int result = -ENOMEM;
    if (text) {
        struct spk_text parts[] = {request->parts[0], request->parts[1], {text, len}};
        result = python_process_send(&session->worker, WORKER_EXECUTE, request->number, parts, 3);
    }
    free(text);
    json_free(options);
    return result;
}

/* %%scorep_env: it is for the worker to change its environment, and to tell what is in force. */
static int run_env(struct spk_session *session, const struct request *request,
                   const struct directive *directive)
{
    char error[512];
    struct json *options = cell_options(session, request, directive), *changes = json_array();
    int result = environment_lines_read(directive->body, changes, error, sizeof error);
    if (result != 0) {
        json_free(changes);
        json_free(options);
        session_reply_error(session, directive_error, result == -EINVAL ? error : failure_text(-result));
        return 0;
    }
    result = json_set(options, "environment", changes);
    if (result == 0)
        return send_execute(session, request, options);
    json_free(options);
    return result;
}

/* Whether the directive's name has that in it. */
static int names(const struct directive *directive, const char *part)
{
    return memmem(directive->line.data, (size_t)(directive->body.data - directive->line.data), part,
                  strlen(part)) != NULL;
}

/* A program that shows experiments is to be started after measured cells, or no longer: by the worker. */
static int run_viewer(struct spk_session *session, const struct request *request,
                      const struct directive *directive)
{
    struct json *options = cell_options(session, request, directive);
    int result = set_string(options, "viewer", names(directive, "cube") ? "cube" : "vampir");
    result = result ? result : json_set_boolean(options, "on", names(directive, "enable"));
    if (result == 0)
        return send_execute(session, request, options);
    json_free(options);
    return result;
}

/* Show a text of ours, which may hold words of the user's. */
static void say(struct spk_session *session, const char *text)
{
    struct buffer shown = {0};
    if (print_visible(&shown, text, strlen(text)) == 0 && shown.len)
        session_on_text(session, session->active->number, SPK_STDOUT,
                        (struct spk_text){(const char *)buffer_bytes(&shown), shown.len});
    buffer_finish(&shown);
}

/* The cell is done: text says what it did. */
static void done(struct spk_session *session, const char *text)
{
    say(session, text);
    session_reply(session, SPK_REPLY_OK, reply_done(session->active->execution_count));
}

static const struct directive no_magic = {.line = {"", 0}, .repeat = 1};

/* Processes are started ahead for what the settings say; ranks are not, as a launcher starts them. */
static void plan(struct spk_session *session)
{
    struct json *wanted = measure_options(&session->settings, &no_magic);
    size_t len;
    char *text = wanted ? json_print(wanted, &len) : NULL;
    if (session->settings.process != SETTINGS_LAUNCH || *session->settings.launcher)
        launched_cell_drop(session);
    else if (text)
        (void)python_process_send(&session->worker, WORKER_PLAN, 0, &(struct spk_text){text, len},
                                  1); /* it need not be */
    free(text);
    json_free(wanted);
}

/* Settings as the worker is asked about them. NULL: no memory. */
static struct json *asked_settings(const struct settings *settings)
{
    struct json *asked = measure_options(settings, &no_magic);
    if (set_string(asked, "mode", settings_mode(settings)) == 0)
        return asked;
    json_free(asked);
    return NULL;
}

/* The worker is to say whether the proposed settings can be in force. Until then those are that were. */
static int ask_about_settings(struct spk_session *session, const struct request *request,
                              const struct directive *directive, enum settings_part part)
{
    struct json *options = cell_options(session, request, directive);
    int result = set_string(options, "asked", part == SETTINGS_MARSHALLING ? "marshalling" : "arguments");
    result = result ? result : json_set(options, "settings", asked_settings(&session->proposed));
    result = result ? result : json_set(options, "before", asked_settings(&session->settings));
    if (result != 0) {
        json_free(options);
        return result;
    }
    session->asked = part;
    return send_execute(session, request, options);
}

int cell_settings_passed(struct spk_session *session, struct spk_text stays)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    struct json *names = json_parse(stays.data, stays.len);
    if (!names)
        return -EINVAL;
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_text(json_at(names, i), NULL);
        settings_keep(&session->proposed, &session->settings, name ? name : "");
    }
    json_free(names);
    session->settings = session->proposed;
    plan(session);
    settings_say(&session->settings, session->asked, said, sizeof said);
    say(session, said);
    return 0;
}

static int is_empty(struct spk_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text_is_space(text.data[i]))
            return 0;
    return 1;
}

/* A cell that changes the settings, or shows them. What the worker can be asked about, it is. */
static int run_settings(struct spk_session *session, const struct request *request,
                        const struct directive *directive)
{
    char said[SETTINGS_ARGUMENTS_MAX + 256];
    enum settings_part part = directive->kind == DIRECTIVE_SETTINGS   ? SETTINGS_MARSHALLING
                              : directive->kind == DIRECTIVE_LAUNCHER ? SETTINGS_LAUNCHER
                                                                      : SETTINGS_ARGUMENTS;
    int (*read)(struct settings *, struct spk_text, char *, size_t) =
        part == SETTINGS_MARSHALLING ? settings_read_marshalling
        : part == SETTINGS_LAUNCHER  ? settings_read_launcher
                                     : settings_read_arguments;
    session->proposed = session->settings;
    if (read(&session->proposed, directive->body, said, sizeof said) != 0) {
        session_reply_error(session, directive_error, said);
        return 0;
    }
    if (part != SETTINGS_LAUNCHER && !is_empty(directive->body))
        return ask_about_settings(session, request, directive, part);
    session->settings = session->proposed;
    plan(session);
    done(session, said);
    return 0;
}

/* --- many cells as one --------------------------------------------------------------------------------- */

static void wrong(struct spk_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct spk_session *session, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (wanted >= (int)sizeof text)
        text[utf8_whole(text, sizeof text - 1)] = 0;
    session_reply_error(session, directive_error, text);
}

/* Whether a cell's options contradict how many processes it is run as; the user is told. */
static int mistakes_ranks(struct spk_session *session, const struct directive *directive)
{
    int launcher = *session->settings.launcher != 0;
    if (*directive->gather && !directive->ranks && !launcher)
        wrong(session, "--gather has no ranks to gather from: say how many with --ranks N, or set what "
                       "starts them with %%%%scorep_launcher. Nothing was run.");
    else if (launcher && directive->repeat > 1)
        wrong(session,
              "The launcher starts ranks, which cannot have --repeat %u: repeat inside the cell's code, or "
              "run the cell again; `%%%%scorep_launcher -` takes the launcher back. Nothing was run.",
              directive->repeat);
    else
        return 0;
    return 1;
}

static void show_marked(struct spk_session *session, const char *before)
{
    struct buffer text = {0};
    if (print_text(&text, "%s", before) == 0 && marked_cells_list(&session->marked, &text) == 0)
        done(session, (const char *)buffer_bytes(&text));
    else
        wrong(session, "%s", failure_text(ENOMEM));
    buffer_finish(&text);
}

/* What becomes of a cell that has just been marked. */
static const char *fate(const struct marked_cells *marked, size_t position, enum directive_kind kind)
{
    if (marked->mode != MARKED_WRITE)
        return "It is run by %%finalize_multicellmode.";
    if (script_directive_is(kind))
        return script_directive_effect(kind);
    return marked_cells_is_instrumented(marked, position)
               ? "It is written by %%end_writefile, instrumented."
               : "It is written by %%end_writefile, not instrumented.";
}

static void mark(struct spk_session *session, const struct request *request,
                 const struct directive *directive, struct spk_text code)
{
    struct json *metadata = json_parse(request->parts[1].data, request->parts[1].len);
    struct spk_text id = {"", 0}, line = marked_cells_first_line(code);
    const char *known = json_text(json_get(metadata, "cellId"), &id.len);
    size_t position;
    int replaced;
    id.data = known ? known : "";
    int result = marked_cells_add(&session->marked, id, code, &position, &replaced);
    json_free(metadata);
    if (result != 0) {
        wrong(session, "The cell could not be marked: %s.",
              result == -E2BIG ? "there are too many, or they are too long" : failure_text(-result));
        return;
    }
    char text[512];
    utf8_format(text, sizeof text, "Marked as cell %zu%s: %.*s\n%s\n", position,
                replaced ? ", in place of what it was" : "", (int)line.len, line.data,
                fate(&session->marked, position, directive->kind));
    done(session, text);
}

/* In write mode: a directive that is the script's, and leaves the session as it is. */
static void mark_directive(struct spk_session *session, const struct request *request,
                           const struct directive *directive, struct spk_text code)
{
    char error[512];
    int result = script_directive_check(directive, error, sizeof error);
    if (result == 0)
        mark(session, request, directive, code);
    else
        wrong(session, "%s", result == -EINVAL ? error : failure_text(-result));
}

static void change_marked(struct spk_session *session, const struct directive *directive)
{
    struct marked_cells *marked = &session->marked;
    int result = directive->kind == DIRECTIVE_UNMARK ? marked_cells_remove(marked, directive->numbers[0])
                 : directive->kind == DIRECTIVE_MOVE
                     ? marked_cells_move(marked, directive->numbers[0], directive->numbers[1])
                     : 0;
    if (result != 0)
        wrong(session, "There is no marked cell of that number; %%scorep_marked lists all %zu.",
              marked->count);
    else
        show_marked(session, "");
}

static const char *mode_name(enum marked_mode mode)
{
    return mode == MARKED_WRITE ? "Write mode" : "Multi-cell mode";
}

static const char *mode_begin(enum marked_mode mode)
{
    return mode == MARKED_WRITE ? "%%start_writefile" : "%%enable_multicellmode";
}

/* Whether that mode is on; the user is told if not. */
static int is_on(struct spk_session *session, enum marked_mode mode)
{
    if (session->marked.mode == mode)
        return 1;
    wrong(session, "%s is not on; %s begins it.", mode_name(mode), mode_begin(mode));
    return 0;
}

/* Write mode goes on, to another script. */
static void change_options(struct spk_session *session, struct spk_text options)
{
    char *copy = strndup(options.data, options.len), text[512];
    if (!copy) {
        wrong(session, "%s", failure_text(ENOMEM));
        return;
    }
    free(session->marked.options);
    session->marked.options = copy;
    options = text_trimmed(options);
    utf8_format(text, sizeof text, "Write mode goes on, with %.*s. ",
                (int)utf8_cut(options.data, options.len, 100), options.data);
    show_marked(session, text);
}

static void begin_marking(struct spk_session *session, enum marked_mode mode, struct spk_text options)
{
    struct marked_cells *marked = &session->marked;
    if (marked->mode == mode && mode == MARKED_WRITE && text_trimmed(options).len) {
        change_options(session, options); /* the name that there was is taken, for one */
        return;
    }
    if (marked->mode == mode) {
        show_marked(session,
                    mode == MARKED_WRITE ? "Write mode is on already. " : "Multi-cell mode is on already. ");
        return;
    }
    if (marked->mode != MARKED_OFF) {
        wrong(session, "%s is on: end it first.", mode_name(marked->mode));
        return;
    }
    marked->options = strndup(options.data, options.len);
    if (!marked->options) {
        wrong(session, "%s", failure_text(ENOMEM));
        return;
    }
    marked->mode = mode;
    done(session,
         mode == MARKED_WRITE
             ? "Write mode is on: cells are marked instead of run, until %%end_writefile writes them to a "
               "script, or %%abort_writefile forgets them.\n"
             : "Multi-cell mode is on: cells are marked instead of run, until %%finalize_multicellmode runs "
               "them under one measurement, or %%abort_multicellmode forgets them.\n");
}

static void abort_marking(struct spk_session *session, enum marked_mode mode)
{
    char text[128];
    if (mode == MARKED_MEASURE && session->marked.mode == MARKED_WRITE) {
        done(session,
             "Write mode is on, where %%abort_multicellmode does nothing: the marked cells stay as they "
             "are. %scorep_marked lists them, %scorep_unmark N takes one out, and "
             "%%abort_writefile forgets them all.\n");
        return;
    }
    if (!is_on(session, mode))
        return;
    snprintf(text, sizeof text, "%s is off; %zu marked %s forgotten.\n", mode_name(mode),
             session->marked.count, session->marked.count == 1 ? "cell is" : "cells are");
    marked_cells_clear(&session->marked);
    done(session, text);
}

/* One marked cell as JSON; its own directive, whose options have no effect here, is known by its lines.
 * settings: those of the cells so far. NULL: no memory. */
static struct json *marked_json(const struct marked_cell *cell, struct settings *settings)
{
    struct json *object = json_object();
    struct directive directive;
    directive_read((struct spk_text){cell->code, cell->len}, &directive);
    int result = json_set_text(object, "code", cell->code, cell->len);
    result = result ? result : set_string(object, "id", cell->id);
    result = result ? result
                    : json_set_integer(object, "lines",
                                       directive.kind == DIRECTIVE_EXECUTE ? (int64_t)directive.lines : 0);
    result = result ? result : script_directive_describe(&directive, settings, object);
    if (result == 0)
        return object;
    json_free(object);
    return NULL;
}

/* All marked cells, as a member of options. 0 or -errno. */
static int add_cells(const struct spk_session *session, struct json *options)
{
    const struct marked_cells *marked = &session->marked;
    struct settings settings = session->settings;
    struct json *cells = json_array();
    int result = 0;
    for (size_t i = 0; result == 0 && i < marked->count; i++)
        result = json_append(cells, marked_json(&marked->cells[i], &settings));
    if (result == 0)
        return json_set(options, "cells", cells);
    json_free(cells);
    return result;
}

/* The end of a mode: the worker measures the marked cells as one, or writes them. */
static int end_marking(struct spk_session *session, const struct request *request,
                       const struct directive *directive, enum marked_mode mode)
{
    struct marked_cells *marked = &session->marked;
    if (!is_on(session, mode))
        return 0;
    if (!marked->count) {
        wrong(session, "No cell is marked: run those that are meant, then this one.");
        return 0;
    }
    if (mistakes_ranks(session, directive))
        return 0;
    struct json *options = cell_options(session, request, directive);
    int result = options ? add_cells(session, options) : -ENOMEM;
    if (result == 0 && mode == MARKED_WRITE) {
        result = set_string(options, "write", marked->options);
        result = result ? result : set_string(options, "arguments", session->settings.arguments);
    }
    if (result != 0) {
        json_free(options);
        return result;
    }
    result = send_execute(session, request, options);
    if (result == 0 && mode == MARKED_WRITE)
        marked->writing = 1;
    else if (result == 0)
        marked_cells_clear(marked);
    return result;
}

/* --- any cell ------------------------------------------------------------------------------------------ */

/* A directive, or a cell's code. */
static int run(struct spk_session *session, const struct request *request, const struct directive *directive,
               struct spk_text code, int silent)
{
    if (session->marked.mode == MARKED_WRITE && !silent && script_directive_is(directive->kind)) {
        mark_directive(session, request, directive, code);
        return 0;
    }
    switch (directive->kind) {
    case DIRECTIVE_BAD:
        wrong(session, "%s", directive->error);
        return 0;
    case DIRECTIVE_SETTINGS:
    case DIRECTIVE_ARGUMENTS:
    case DIRECTIVE_LAUNCHER:
        return run_settings(session, request, directive);
    case DIRECTIVE_VIEWER:
        return run_viewer(session, request, directive);
    case DIRECTIVE_ENV:
        return run_env(session, request, directive);
    case DIRECTIVE_ENABLE_MARKING:
    case DIRECTIVE_START_WRITING:
        begin_marking(session, directive->kind == DIRECTIVE_START_WRITING ? MARKED_WRITE : MARKED_MEASURE,
                      directive->body);
        return 0;
    case DIRECTIVE_ABORT_MARKING:
    case DIRECTIVE_ABORT_WRITING:
        abort_marking(session, directive->kind == DIRECTIVE_ABORT_WRITING ? MARKED_WRITE : MARKED_MEASURE);
        return 0;
    case DIRECTIVE_FINALIZE_MARKING:
    case DIRECTIVE_END_WRITING:
        return end_marking(session, request, directive,
                           directive->kind == DIRECTIVE_END_WRITING ? MARKED_WRITE : MARKED_MEASURE);
    case DIRECTIVE_MARKED:
    case DIRECTIVE_UNMARK:
    case DIRECTIVE_MOVE:
        change_marked(session, directive);
        return 0;
    case DIRECTIVE_NONE:
    case DIRECTIVE_EXECUTE:
    default:
        break;
    }
    if (session->marked.mode != MARKED_OFF && !silent)
        mark(session, request, directive, code);
    else if (!mistakes_ranks(session, directive))
        return send_execute(session, request, cell_options(session, request, directive));
    return 0;
}

/* What stands below a directive that is all of its cell is not dropped without a word. */
static void tell_of_code_below(struct spk_session *session, const struct request *request,
                               const struct directive *directive)
{
    char text[256];
    if (!directive_drops_code(directive))
        return;
    snprintf(text, sizeof text,
             "Note: what stands below %.*s in its cell is not run. Put it into a cell of its own.\n",
             (int)utf8_cut(directive->line.data, directive->line.len, 80), directive->line.data);
    session_on_text(session, request->number, SPK_STDERR, (struct spk_text){text, strlen(text)});
}

int cell_run(struct spk_session *session, const struct request *request)
{
    struct json *content = json_parse(request->parts[0].data, request->parts[0].len);
    struct spk_text code = {NULL, 0};
    struct directive directive;
    int result = 0;
    code.data = json_text(json_get(content, "code"), &code.len);
    if (code.data) {
        directive_read(code, &directive);
        tell_of_code_below(session, request, &directive);
        /* What a client runs for itself is no cell of the notebook's. */
        result = run(session, request, &directive, code, json_boolean(json_get(content, "silent"), 0));
    } else {
        session_reply_error(session, "ValueError",
                            "The execute request has no member \"code\" that is a text.");
    }
    json_free(content);
    return result;
}
