/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lived.h - a session in which something fails, for the tests of whole sessions: what it was told, and what
 * has to hold in any case.
 */
#ifndef LIVED_H
#define LIVED_H

#include "session/session.h"

#include "fake_worker.h"
#include "fault.h"

static struct {
    int replies[9];
    int failed, died, ended, asked;
    char text[1 << 16];
    size_t len;
} told;

static void note(const char *kind, uint64_t request, struct spk_text text)
{
    told.len += (size_t)snprintf(told.text + told.len, sizeof told.text - told.len, "%s %d %.*s\n", kind,
                                 (int)request, (int)text.len, text.data);
    CHECK(told.len < sizeof told.text);
}

static void on_stream(void *ctx, uint64_t request, uint32_t stream, struct spk_text text)
{
    (void)ctx;
    note(stream == SPK_STDOUT ? "out" : "err", request, text);
}

static void on_content(void *ctx, uint64_t request, struct spk_text content)
{
    (void)ctx;
    note("content", request, content);
}

static void on_reply(void *ctx, uint64_t request, uint32_t how, struct spk_text content)
{
    (void)ctx;
    CHECK(request > 0 && request < 9 && how <= SPK_REPLY_ABORTED && content.len > 2 &&
          content.data[0] == '{');
    told.replies[request]++;
    note("reply", request, content);
}

static void on_status(void *ctx, uint32_t status, struct spk_text text)
{
    (void)ctx;
    told.failed += status == SPK_STATUS_FAILED;
    told.died += status == SPK_STATUS_DIED;
    told.ended += status == SPK_STATUS_ENDED;
    note("status", status, text);
}

static void on_input(void *ctx, uint64_t request, struct spk_text prompt, uint32_t password)
{
    (void)ctx;
    (void)password;
    told.asked++;
    note("input", request, prompt);
}

static const struct spk_host host = {.size = sizeof host,
                                     .abi = SPK_ABI,
                                     .stream = on_stream,
                                     .display_data = on_content,
                                     .execute_result = on_content,
                                     .error = on_content,
                                     .input_request = on_input,
                                     .reply = on_reply,
                                     .status = on_status};
static const struct spk_plugin *kernel;
static char self[4096];

static _Noreturn void give_up(const char *what)
{
    fault.armed = 0;
    fprintf(stderr, "call %u (%s): %s; told:\n%s", fault.at, fault.name, what, told.text);
    exit(1);
}

static struct spk_session *create(void)
{
    const char *environment[] = {FAKE_ENVIRONMENT, NULL};
    struct spk_options options = {
        .size = sizeof options, .python = self, .notebook = "n.ipynb", .environment = environment};
    struct spk_session *const untouched = (struct spk_session *)self, *session = untouched;
    struct spk_error error = {.size = sizeof error};
    memset(&told, 0, sizeof told);
    int result = kernel->create(&host, &options, &session, &error);
    if (result == 0)
        return session;
    if (!fault_hit() || session != untouched || error.code != result || !*error.text || told.len)
        give_up("create failed, and not as it says");
    return NULL;
}

/* Serve the session until the condition holds, for some seconds at most. */
#define SERVE(session, condition)                                                         \
    do {                                                                                  \
        int64_t limit_ns = loop_now_ns() + INT64_C(15000000000);                          \
        while (!(condition)) {                                                            \
            struct pollfd polled = {.fd = kernel->descriptor(session), .events = POLLIN}; \
            if (poll(&polled, 1, 15000) != 1 || loop_now_ns() > limit_ns)                 \
                give_up("it never came to this: " #condition);                            \
            struct spk_error error = {.size = sizeof error};                              \
            int served = kernel->dispatch(session, &error);                               \
            if (served != 0 && (!fault_hit() || error.code != served || !*error.text))    \
                give_up("dispatch failed");                                               \
        }                                                                                 \
    } while (0)

static int begun[9];

static void execute(struct spk_session *session, uint64_t request, const char *code)
{
    char content[256];
    snprintf(content, sizeof content, "{\"code\":\"%s\"}", code);
    struct spk_text text = {content, strlen(content)}, empty = {NULL, 0};
    begun[request] = kernel->execute(session, request, text, empty, request, NULL) == 0;
    if (!begun[request] && !fault_hit())
        give_up("execute failed");
}

static int answered(int from, int to)
{
    int all = 1;
    for (int i = from; i <= to; i++)
        all &= told.replies[i] >= begun[i];
    return all;
}

static void end(struct spk_session *session)
{
    if (kernel->shutdown(session, 2000) == 0)
        SERVE(session, told.ended);
    else if (!fault_hit())
        give_up("shutdown failed");
    for (int i = 1; i < 9; i++)
        if (told.replies[i] != begun[i])
            give_up("not one reply to each request");
    if (kernel->destroy(session) != 0)
        give_up("destroy failed");
}

/* What main does first. -1: it is the test itself. */
static int prepare(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(560); /* each failing call is a session of its own */
    (void)test_tree();
    CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    kernel = spk_plugin_entry(SPK_ABI);
    return -1;
}

#endif
