/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_misuse.c - what the header forbids is refused as it says, and leaves everything as it was.
 */
#include "host.h"

static struct spk_session *const nobody = NULL;

static void entry(void)
{
    spk_plugin_entry_fn *function;
    void *symbol = dlsym(host_library(), SPK_PLUGIN_ENTRY);
    memcpy(&function, &symbol, sizeof function);
    CHECK(!function(0) && !function(SPK_ABI + 1) && !function(UINT32_MAX) && function(SPK_ABI) == kernel);
}

static void refused(const struct spk_host *table, const struct spk_options *options)
{
    struct spk_error error = {.size = sizeof error};
    struct spk_session *session = (struct spk_session *)&error;
    int descriptors = test_descriptors();
    CHECK(kernel->create(table, options, &session, &error) == -EINVAL);
    CHECK(session == (struct spk_session *)&error && error.code == -EINVAL && *error.text);
    CHECK(test_descriptors() == descriptors);
}

static void creation(void)
{
    struct host host = {0};
    struct spk_host good = host_table(&host), table = good;
    table.abi = SPK_ABI + 1;
    refused(&table, NULL);
    table = good;
    table.reply = NULL;
    refused(&table, NULL);
    table = good;
    table.size = offsetof(struct spk_host, reply);
    refused(&table, NULL);
    table.size = 0;
    refused(&table, NULL);
    refused(NULL, NULL);
    refused(&good, &(struct spk_options){.size = 0});
    CHECK(kernel->create(&good, NULL, NULL, NULL) == -EINVAL);
}

static void no_session(void)
{
    struct spk_text empty = {NULL, 0};
    CHECK(kernel->descriptor(nobody) == -EINVAL && kernel->dispatch(nobody, NULL) == -EINVAL);
    CHECK(kernel->execute(nobody, 1, empty, empty, 1, NULL) == -EINVAL);
    CHECK(kernel->complete(nobody, 1, empty, NULL) == -EINVAL &&
          kernel->inspect(nobody, 1, empty, NULL) == -EINVAL);
    CHECK(kernel->is_complete(nobody, 1, empty, NULL) == -EINVAL &&
          kernel->history(nobody, 1, empty, NULL) == -EINVAL);
    CHECK(kernel->kernel_info(nobody, 1, NULL) == -EINVAL &&
          kernel->comm_info(nobody, 1, empty, NULL) == -EINVAL);
    CHECK(kernel->comm_open(nobody, 1, empty, empty, NULL, 0, NULL) == -EINVAL);
    struct spk_error error = {.size = sizeof error};
    CHECK(kernel->input_reply(nobody, 1, empty, &error) == -EINVAL && !*error.text);
    CHECK(kernel->interrupt(nobody) == -EINVAL && kernel->shutdown(nobody, 0) == -EINVAL &&
          kernel->destroy(nobody) == 0);
}

/* Lengths that nobody has memory for are refused before they are looked at: the texts are not there. */
static void too_large(void)
{
    static const size_t max = (size_t)64 << 20;
    static const size_t lengths[] = {((size_t)64 << 20) + 1, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 7};
    struct host *host = host_create(NULL);
    struct spk_text small = text_of("{}");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct spk_text huge = {(const char *)1, lengths[i]},
                        parts[] = {{(const char *)1, max}, {(const char *)1, 1}};
        struct spk_error error = {.size = sizeof error};
        CHECK(kernel->execute(host->session, 1, huge, small, 1, &error) == -EINVAL && error.code == -EINVAL);
        CHECK(kernel->execute(host->session, 1, small, huge, 1, NULL) == -EINVAL);
        CHECK(kernel->complete(host->session, 1, huge, NULL) == -EINVAL);
        CHECK(kernel->inspect(host->session, 1, huge, NULL) == -EINVAL);
        CHECK(kernel->is_complete(host->session, 1, huge, NULL) == -EINVAL);
        CHECK(kernel->history(host->session, 1, huge, NULL) == -EINVAL);
        CHECK(kernel->comm_info(host->session, 1, huge, NULL) == -EINVAL);
        CHECK(kernel->comm_open(host->session, 1, small, small, &huge, 1, NULL) == -EINVAL);
        CHECK(kernel->comm_message(host->session, 1, small, small, parts, 2, NULL) == -EINVAL);
        CHECK(kernel->comm_close(host->session, 1, small, huge, NULL, 0, NULL) == -EINVAL);
        CHECK(kernel->comm_message(host->session, 1, small, small, NULL, lengths[i], NULL) == -EINVAL);
        CHECK(kernel->input_reply(host->session, 1, huge, NULL) == -EINVAL);
    }
    /* There is no reply to what was not begun. */
    CHECK(host_execute(host, 2, "print two") == 0);
    host_until(host, "reply 2 0");
    CHECK(host_count(host, "\nreply ") == 1);
    host_destroy(host);
}

/* What may just be is. */
static void just_fits(void)
{
    size_t len = (size_t)64 << 20;
    char *content = malloc(len);
    CHECK(content != NULL);
    memset(content, ' ', len);
    memcpy(content, "{\"code\":\"print x\"}", 18);
    struct host *host = host_create(NULL);
    CHECK(kernel->kernel_info(host->session, 1, NULL) == 0);
    CHECK(kernel->execute(host->session, 2, (struct spk_text){content, len}, (struct spk_text){NULL, 0}, 2,
                          NULL) == 0);
    free(content);
    host_until(host, "reply 2 "); /* the fake interpreter, which takes no more than 1 MiB, gives up on it */
    host_destroy(host);
}

static void no_number(void)
{
    struct host *host = host_create(NULL);
    struct spk_text small = text_of("{}");
    CHECK(host_execute(host, 0, "print x") == -EINVAL &&
          kernel->complete(host->session, 0, small, NULL) == -EINVAL);
    CHECK(kernel->kernel_info(host->session, 0, NULL) == -EINVAL);
    CHECK(kernel->comm_close(host->session, 0, small, small, NULL, 0, NULL) == -EINVAL);
    CHECK(kernel->input_reply(host->session, 7, small, NULL) == -ENOENT);
    host_destroy(host);
}

/* In a callback, everything may be called but dispatch and destroy. */
static void in_callback(struct host *host, uint64_t request)
{
    struct spk_error error = {.size = sizeof error};
    CHECK(kernel->dispatch(host->session, &error) == -EBUSY && error.code == -EBUSY && *error.text);
    CHECK(kernel->destroy(host->session) == -EBUSY);
    CHECK(kernel->descriptor(host->session) >= 0);
    CHECK(kernel->input_reply(host->session, request, text_of("x"), NULL) == -ENOENT);
    if (request == 1) {
        CHECK(host_execute(host, 2, "print nested") == 0 && kernel->interrupt(host->session) == 0);
        host_expect(host, !strstr(host->log, "out 2"), "told before the callback returned");
    } else if (request == 2) {
        CHECK(kernel->shutdown(host->session, 5000) == 0);
    }
}

static void callbacks(void)
{
    struct host *host = host_create(NULL);
    host->on_reply = in_callback;
    CHECK(host_execute(host, 1, "print outer") == 0);
    host_until(host, "status ENDED");
    HOST_IN_ORDER(host, "out 1 outer", "reply 1 0", "out 2 nested", "reply 2 0", "status ENDED");
    host_destroy(host);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(120);
    host_load();
    entry();
    creation();
    no_session();
    too_large();
    just_fits();
    no_number();
    callbacks();
    return 0;
}
