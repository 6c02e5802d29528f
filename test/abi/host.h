/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host.h - a host for tests: loads the library as any host does, and writes down every callback as a line of
 * text, so that a test waits for what it wants to see, and compares.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include "fake_worker.h"
#include "scorepkernel.h"
#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>

struct host {
    struct spk_session *session;
    char *log; /* what was told so far */
    size_t len, capacity;
    void (*on_reply)(struct host *host, uint64_t request); /* in the callback; NULL: nothing */
};

static const struct spk_plugin *kernel;

static inline void *host_library(void)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/lib/libscorepkernel.so", test_tree());
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return library;
}

/* Load the library, and have its table in kernel. */
static inline void host_load(void)
{
    spk_plugin_entry_fn *entry;
    void *symbol = dlsym(host_library(), SPK_PLUGIN_ENTRY);
    CHECK(symbol != NULL);
    memcpy(&entry, &symbol, sizeof entry);
    kernel = entry(SPK_ABI);
    CHECK(kernel != NULL);
}

static inline void host_note(struct host *host, const char *head, struct spk_text text)
{
    size_t need = host->len + strlen(head) + text.len + 2;
    if (need > host->capacity) {
        host->capacity = 2 * need;
        host->log = realloc(host->log, host->capacity);
        CHECK(host->log != NULL);
    }
    host->len += (size_t)sprintf(host->log + host->len, "%s", head);
    if (text.len)
        memcpy(host->log + host->len, text.data, text.len);
    host->len += text.len;
    host->log[host->len++] = '\n';
    host->log[host->len] = 0;
}

static inline void host_line(void *ctx, const char *kind, uint64_t request, struct spk_text text)
{
    char head[128];
    snprintf(head, sizeof head, "%s %llu ", kind, (unsigned long long)request);
    host_note(ctx, head, text);
}

static inline void host_stream(void *ctx, uint64_t request, uint32_t stream, struct spk_text text)
{
    host_line(ctx, stream == SPK_STDOUT ? "out" : stream == SPK_STDERR ? "err" : "?", request, text);
}

static inline void host_display_data(void *ctx, uint64_t request, struct spk_text content)
{
    host_line(ctx, "display", request, content);
}

static inline void host_update(void *ctx, uint64_t request, struct spk_text content)
{
    host_line(ctx, "update", request, content);
}

static inline void host_clear(void *ctx, uint64_t request, uint32_t wait)
{
    host_line(ctx, wait ? "clear wait" : "clear", request, (struct spk_text){"", 0});
}

static inline void host_result(void *ctx, uint64_t request, struct spk_text content)
{
    host_line(ctx, "result", request, content);
}

static inline void host_error(void *ctx, uint64_t request, struct spk_text content)
{
    host_line(ctx, "error", request, content);
}

static inline void host_withdrawn(void *ctx, uint64_t request)
{
    host_line(ctx, "withdrawn", request, (struct spk_text){"", 0});
}

static inline void host_input(void *ctx, uint64_t request, struct spk_text prompt, uint32_t password)
{
    host_line(ctx, password ? "input secret" : "input", request, prompt);
}

static inline void host_comm(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                             const struct spk_text *buffers, size_t count)
{
    char head[64];
    snprintf(head, sizeof head, "comm %zu", count);
    for (size_t i = 0; i < count; i++)
        CHECK(buffers[i].len == 0 || test_same(buffers[i].data, buffers[i].len, "raw"));
    CHECK(test_same(metadata.data, metadata.len, "{}"));
    host_line(ctx, head, request, content);
}

static inline void host_reply(void *ctx, uint64_t request, uint32_t how, struct spk_text content)
{
    struct host *host = ctx;
    char head[64];
    snprintf(head, sizeof head, "reply %llu %u ", (unsigned long long)request, how);
    host_note(host, head, content);
    if (host->on_reply)
        host->on_reply(host, request);
}

static inline void host_status(void *ctx, uint32_t status, struct spk_text text)
{
    static const char *const names[] = {"?", "STARTING", "READY", "DIED", "FAILED", "ENDED"};
    char head[64];
    CHECK(status < sizeof names / sizeof *names);
    snprintf(head, sizeof head, "status %s ", names[status]);
    host_note(ctx, head, text);
}

static inline void host_log(void *ctx, uint32_t level, struct spk_text text)
{
    host_line(ctx, "log", level, text);
}

static inline struct spk_host host_table(struct host *host)
{
    return (struct spk_host){.size = sizeof(struct spk_host),
                             .abi = SPK_ABI,
                             .ctx = host,
                             .stream = host_stream,
                             .display_data = host_display_data,
                             .update_display_data = host_update,
                             .clear_output = host_clear,
                             .execute_result = host_result,
                             .error = host_error,
                             .input_request = host_input,
                             .input_withdrawn = host_withdrawn,
                             .comm_open = host_comm,
                             .comm_message = host_comm,
                             .comm_close = host_comm,
                             .reply = host_reply,
                             .status = host_status,
                             .log = host_log};
}

/* This very program is the interpreter: see fake_worker.h. how: its FAKE_WORKER, or NULL. */
static inline struct host *host_create(const char *how)
{
    char variable[64], self[4096];
    struct host *host = calloc(1, sizeof *host);
    CHECK(host && realpath("/proc/self/exe", self));
    host_note(host, "", (struct spk_text){"", 0});
    snprintf(variable, sizeof variable, "FAKE_WORKER=%s", how ? how : "");
    const char *environment[] = {FAKE_ENVIRONMENT, variable, NULL};
    struct spk_options options = {
        .size = sizeof options, .python = self, .directory = "/", .environment = environment};
    struct spk_host table = host_table(host);
    struct spk_error error = {.size = sizeof error};
    if (kernel->create(&table, &options, &host->session, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return host;
}

static inline void host_destroy(struct host *host)
{
    CHECK(kernel->destroy(host->session) == 0);
    free(host->log);
    free(host);
}

/* Serve the session until this was told. */
static inline void host_until(struct host *host, const char *wanted)
{
    while (!strstr(host->log, wanted)) {
        struct spk_error error = {.size = sizeof error};
        struct pollfd polled = {.fd = kernel->descriptor(host->session), .events = POLLIN};
        if (poll(&polled, 1, 20000) != 1 || kernel->dispatch(host->session, &error) != 0) {
            fprintf(stderr, "waiting for \"%s\": %s\nso far:%s\n", wanted, error.text, host->log);
            exit(1);
        }
    }
}

/* End the session as a host does that has time. */
static inline void host_shut_down(struct host *host)
{
    CHECK(kernel->shutdown(host->session, 5000) == 0);
    host_until(host, "status ENDED");
    host_destroy(host);
}

/* Serve the session for so long, in ms, whatever is told. */
static inline void host_serve(struct host *host, int ms)
{
    struct pollfd polled = {.fd = kernel->descriptor(host->session), .events = POLLIN};
    while (poll(&polled, 1, ms) == 1)
        CHECK(kernel->dispatch(host->session, NULL) == 0);
}

static inline void host_expect(const struct host *host, int so, const char *what)
{
    if (!so) {
        fprintf(stderr, "%s; told:%s\n", what, host->log);
        exit(1);
    }
}

/* That these were told, in this order; closed by NULL. */
static inline void host_in_order(const struct host *host, const char *const *texts)
{
    const char *at = host->log;
    for (; *texts; texts++, at++) {
        at = strstr(at, *texts);
        if (!at) {
            fprintf(stderr, "\"%s\" was not told, or not in its place; told:%s\n", *texts, host->log);
            exit(1);
        }
    }
}

#define HOST_IN_ORDER(host, ...) host_in_order(host, (const char *[]){__VA_ARGS__, NULL})

static inline int host_count(const struct host *host, const char *text)
{
    int count = 0;
    for (const char *at = host->log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static inline void host_forget(struct host *host)
{
    host->len = 0;
    host_note(host, "", (struct spk_text){"", 0});
}

static inline struct spk_text text_of(const char *text)
{
    return (struct spk_text){text, strlen(text)};
}

static inline int host_execute(struct host *host, uint64_t request, const char *code)
{
    char content[1024];
    snprintf(content, sizeof content, "{\"code\":\"%s\"}", code);
    return kernel->execute(host->session, request, text_of(content), (struct spk_text){NULL, 0}, request,
                           NULL);
}

/* The number that stands behind the text in what was told. */
static inline int host_number(const struct host *host, const char *text)
{
    const char *at = strstr(host->log, text);
    return at ? atoi(at + strlen(text)) : 0;
}

#endif
