/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fake_worker.h - stands in for Python, where a test is about the library: the test's own program is given as
 * interpreter, and does here what the code of a cell says. It speaks wire/worker_protocol.h, written down a second
 * time on purpose. What it does before the first cell is told by the variable FAKE_WORKER: "fails", "dies",
 * "silent".
 *
 * "guard CELL" parks a copy first, which takes over when CELL ends the process. "launch START CELL" has the
 * program started again, as a runner of the key START, which does at its start what that says; "fork CELL"
 * has a copy run the cell. What comes back is printed. A measured cell with "options" in it prints those that
 * came with it. Settings are let pass, unless the directive says MARSHALLER=waits, dies, refused, stays,
 * modestays or nonsense.
 */
#ifndef FAKE_WORKER_H
#define FAKE_WORKER_H

#include "fake_standby.h"

static void fake_input(void)
{
    uint64_t request = fake.request;
    FAKE_SEND(WORKER_INPUT_REQUEST, "name? ", "#1", "#7");
    do
        if (!fake_next()) {
            fake.request = request;
            FAKE_SEND(WORKER_INPUT_WITHDRAWN, "#7");
            fake_reply_interrupted();
            return;
        }
    while (fake.type != WORKER_INPUT_REPLY || fake.request != request);
    char content[256];
    uint32_t len;
    const char *line = fake_part(0, &len);
    snprintf(content, sizeof content, "{\"status\":\"ok\",\"got\":\"%.*s\"}", (int)len, line);
    FAKE_SEND(WORKER_REPLY, "#0", content);
}

/* One of everything that can be shown. */
static void fake_show(void)
{
    FAKE_SEND(WORKER_DISPLAY_DATA, "{\"data\":1}");
    FAKE_SEND(WORKER_UPDATE_DISPLAY_DATA, "{\"data\":2}");
    FAKE_SEND(WORKER_CLEAR_OUTPUT, "#1");
    FAKE_SEND(WORKER_EXECUTE_RESULT, "{\"data\":3}");
    FAKE_SEND(WORKER_ERROR_OUTPUT, "{\"ename\":\"E\"}");
    FAKE_SEND(WORKER_FROM_COMM_OPEN, "{\"comm_id\":\"a\"}", "{}", "raw", "");
    FAKE_SEND(WORKER_FROM_COMM_MESSAGE, "{\"comm_id\":\"b\"}", "{}");
    FAKE_SEND(WORKER_FROM_COMM_CLOSE, "{\"comm_id\":\"c\"}", "{}");
    FAKE_SEND(WORKER_LOG, "#2", "a warning");
    FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
}

/* Whether settings can be in force. */
static void fake_settings(const char *code)
{
    const char *name = strstr(code, "MARSHALLER=");
    name = name ? name + 11 : "";
    if (!strncmp(name, "waits", 5)) {
        fake_print(1, "waiting ");
        while (fake_next())
            fake.ending |= fake.type == WORKER_SHUTDOWN;
        fake_reply_interrupted();
    } else if (!strncmp(name, "dies", 4)) {
        _exit(3);
    } else if (!strncmp(name, "refused", 7)) {
        FAKE_SEND(WORKER_REPLY, "#1", "{\"status\":\"error\",\"ename\":\"ScorePDirectiveError\"}");
    } else if (!strncmp(name, "stays", 5)) {
        fake_print(2, "a warning");
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "[\"marshaller\",\"process\",5,\"\"]");
    } else if (!strncmp(name, "modestays", 9)) {
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "[\"mode\"]");
    } else if (!strncmp(name, "nonsense", 8)) {
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "no JSON");
    } else {
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "[]");
    }
}

static void fake_execute(const char *code)
{
    char text[64];
    uint32_t options_len;
    const char *with = fake_part(2, &options_len);
    if (!strncmp(code, "deaf", 4))
        fake_hang();
    FAKE_SEND(WORKER_TAKEN, "");
    fake_mark(MARK_PARENT, fake.request, 0);
    if (memmem(with, options_len, "\"asked\":", 8)) {
        fake_settings(code);
        return;
    }
    if (fake_execute_beside(code))
        return;
    if (!strncmp(code, "print ", 6)) {
        fake_write(1, code + 6, strcspn(code + 6, "\""));
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "both", 4)) {
        fake_print(1, "out1 ");
        fake_mark(MARK_SWITCH, ++fake.marks, 0);
        fake_print(2, "err1 ");
        fake_mark(MARK_SWITCH, ++fake.marks, 0);
        fake_print(1, "out2 ");
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "exit", 4)) {
        _exit(3);
    } else if (!strncmp(code, "last", 4)) {
        fake_print(1, "last words\xE2\x82");
        _exit(3);
    } else if (!strncmp(code, "crash", 5)) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (!strncmp(code, "garbage", 7)) {
        memset(fake.payload, 0xff, 64);
        fake_write(WORKER_FD, fake.payload, 64);
        fake_hang();
    } else if (!strncmp(code, "half", 4)) {
        FAKE_SEND(WORKER_REPLY, "#0"); /* without its content */
    } else if (!strncmp(code, "mute", 4)) {
        fake_print(1, "mute ");
        close(WORKER_FD);
        sigset_t none;
        sigemptyset(&none);
        while (!fake.interrupted)
            sigsuspend(&none);
        _exit(4);
    } else if (!strncmp(code, "wait", 4)) {
        snprintf(text, sizeof text, "waiting %d of %d ", (int)getpid(), (int)getppid());
        fake_print(1, text);
        for (uint64_t request = fake.request; fake_next(); fake.request = request)
            fake.ending |= fake.type == WORKER_SHUTDOWN;
        fake_reply_interrupted();
    } else if (!strncmp(code, "stubborn", 8)) {
        snprintf(text, sizeof text, "stubborn %d ", (int)getpid());
        fake_print(1, text);
        fake_hang();
    } else if (!strncmp(code, "input", 5)) {
        fake_input();
    } else if (!strncmp(code, "show", 4)) {
        fake_show();
    } else if (!strncmp(code, "%%end_writefile\"", 16)) {
        _exit(3);
    } else if (strstr(code, "options")) {
        uint32_t len;
        const char *options = fake_part(2, &len);
        fake_write(1, options, len);
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (strstr(code, "%%execute_with_scorep")) {
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "{\"events\":7}");
    } else {
        FAKE_SEND(WORKER_REPLY, "#1", "{\"status\":\"error\",\"ename\":\"SyntaxError\"}");
    }
}

/* Serve requests until the session ends. */
static void fake_serve(void)
{
    char code[4096];
    while (!fake.ending) {
        fake.interrupted = 0;
        if (!fake_next())
            continue;
        if (fake.type == WORKER_SHUTDOWN)
            return;
        const char *found = strstr(fake.payload + 4, "\"code\":\"");
        char content[64];
        snprintf(content, sizeof content, "{\"status\":\"ok\",\"kind\":%d}", fake.type);
        snprintf(code, sizeof code, "%.4000s", found ? found + 8 : "");
        if (fake.type == WORKER_EXECUTE)
            fake_execute(code);
        else if (fake.type == WORKER_PLAN)
            fake_plan(0, "ready+");
        else if (fake.type != WORKER_INPUT_REPLY && fake.type != WORKER_RETURN &&
                 fake.type != WORKER_INTERRUPT)
            FAKE_SEND(WORKER_REPLY, "#0", content);
    }
}

/* What the test's program is when it is started as an interpreter. */
static inline int fake_worker(void)
{
    const char *how = getenv("FAKE_WORKER");
    fake_prepare();
    fake_next();
    if (!fake_set_up())
        return 6;
    if (how && !strcmp(how, "silent"))
        fake_hang();
    if (how && !strcmp(how, "dies")) {
        fake_print(2, "no such module\xff\xe2\x82");
        return 5;
    }
    if (how && !strcmp(how, "fails")) {
        FAKE_SEND(WORKER_FAILED, "install IPython");
        return 1;
    }
    FAKE_SEND(WORKER_HELLO,
              "{\"banner\":\"fake\",\"language_info\":{\"name\":\"python\",\"version\":\"3.99\"}}");
    FAKE_SEND(WORKER_READY, "");
    fake_serve();
    return 0;
}

/* What main does first: this program is also the interpreter. -1: it is the test itself. */
static inline int fake_main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    if (argc > 3 && !strcmp(argv[1], "-r"))
        return fake_runner(argv[2], argv[3]);
    return -1;
}

#endif
