/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host.c - a program of your own that runs cells: no Jupyter, no xeus, one header.
 *
 *     cc -o host host.c $(pkg-config --cflags scorepkernel) -ldl
 *     ./host /usr/local/lib/libscorepkernel.so
 *
 * It loads the library, runs two cells, the second one measured, prints what comes back, and ends the
 * session.
 */
#include <scorepkernel.h>

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char *const cells[] = {
    "{\"code\": \"def fib(n):\\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\\nprint('defined', "
    "fib.__name__)\"}",
    "{\"code\": \"%%execute_with_scorep\\nprint('fib(15) is', fib(15))\\nfib(15)\"}",
};

/* What the callbacks tell main. */
struct progress {
    int failed;
    uint64_t replies;
    int ended;
};

static void show(const char *what, struct spk_text text)
{
    printf("%s: %.*s\n", what, (int)text.len, text.data);
}

static void on_stream(void *ctx, uint64_t request, uint32_t stream, struct spk_text text)
{
    (void)ctx;
    printf("cell %u, %s: %.*s", (unsigned)request, stream == SPK_STDOUT ? "stdout" : "stderr", (int)text.len,
           text.data);
}

static void on_display_data(void *ctx, uint64_t request, struct spk_text content)
{
    (void)ctx;
    (void)request;
    show("display", content);
}

static void on_execute_result(void *ctx, uint64_t request, struct spk_text content)
{
    (void)ctx;
    (void)request;
    show("result", content);
}

static void on_error(void *ctx, uint64_t request, struct spk_text content)
{
    (void)ctx;
    (void)request;
    show("error", content);
}

static void on_reply(void *ctx, uint64_t request, uint32_t how, struct spk_text content)
{
    struct progress *progress = ctx;
    (void)request;
    progress->replies++;
    progress->failed |= how != SPK_REPLY_OK;
    show("reply", content);
}

static void on_status(void *ctx, uint32_t status, struct spk_text text)
{
    struct progress *progress = ctx;
    progress->ended |= status == SPK_STATUS_ENDED;
    progress->failed |= status == SPK_STATUS_FAILED || status == SPK_STATUS_DIED;
    if (text.len)
        show("status", text);
}

/* Wait until the session has something, and let it tell. */
static int turn(const struct spk_plugin *kernel, struct spk_session *session)
{
    struct spk_error error = {.size = sizeof error};
    struct pollfd polled = {.fd = kernel->descriptor(session), .events = POLLIN};
    if (poll(&polled, 1, 60000) != 1 || kernel->dispatch(session, &error) != 0) {
        fprintf(stderr, "the session does not answer: %s\n", error.text);
        return -1;
    }
    return 0;
}

static int run(const struct spk_plugin *kernel)
{
    struct progress progress = {0};
    struct spk_session *session;
    struct spk_error error = {.size = sizeof error};
    const struct spk_host host = {
        .size = sizeof host,
        .abi = SPK_ABI,
        .ctx = &progress,
        .stream = on_stream,
        .display_data = on_display_data,
        .execute_result = on_execute_result,
        .error = on_error,
        .reply = on_reply,
        .status = on_status,
    };
    if (kernel->create(&host, NULL, &session, &error) != 0) {
        fprintf(stderr, "no session: %s\n", error.text);
        return 1;
    }
    for (uint64_t number = 1; number <= 2 && !progress.failed; number++) {
        struct spk_text content = {cells[number - 1], strlen(cells[number - 1])}, none = {NULL, 0};
        if (kernel->execute(session, number, content, none, number, &error) != 0)
            progress.failed = 1;
        while (!progress.failed && progress.replies < number)
            if (turn(kernel, session) != 0)
                progress.failed = 1;
    }
    kernel->shutdown(session, 2000);
    while (!progress.ended && turn(kernel, session) == 0)
        continue;
    kernel->destroy(session);
    return progress.failed;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "libscorepkernel.so";
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, SPK_PLUGIN_ENTRY) : NULL;
    spk_plugin_entry_fn *entry;
    if (!symbol) {
        fprintf(stderr, "%s\n", dlerror()); // NOLINT(concurrency-mt-unsafe): one thread
        return 1;
    }
    /* ISO C has no conversion from an object pointer to a function pointer; POSIX promises that this works.
     */
    memcpy(&entry, &symbol, sizeof entry);
    const struct spk_plugin *kernel = entry(SPK_ABI);
    if (!kernel) {
        fprintf(stderr, "%s does not offer interface version %u\n", path, SPK_ABI);
        return 1;
    }
    int result = run(kernel);
    dlclose(library);
    return result;
}
