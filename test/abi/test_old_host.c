/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_old_host.c - a host that was built before the newest members, and one that was built after members
 * that this library does not know: both run cells. What lies behind the size that they give is never looked
 * at: it is filled with addresses that nobody can call or read.
 */
#include "host.h"

#define NOWHERE 0x5a

/* A table in memory of its own, of the size that it says, with poison behind. */
static void *table_of(const void *table, size_t size, size_t said)
{
    unsigned char *copy = malloc(size + 256);
    CHECK(copy != NULL);
    memset(copy, NOWHERE, size + 256);
    memcpy(copy, table, said < size ? said : size);
    uint32_t number = (uint32_t)said;
    memcpy(copy, &number, sizeof number);
    return copy;
}

/* Run a cell with tables of these sizes. options_size 0: without options; they tell where Python is,
 * otherwise PATH does. */
static struct host *run(size_t host_size, size_t options_size)
{
    char self[4096];
    struct host *host = calloc(1, sizeof *host);
    CHECK(host && realpath("/proc/self/exe", self));
    host_note(host, "", text_of(""));
    struct spk_host callbacks = host_table(host);
    const char *environment[] = {FAKE_ENVIRONMENT, NULL};
    struct spk_options wanted = {
        .python = self, .directory = "/", .notebook = "n.ipynb", .environment = environment};
    struct spk_host *table = table_of(&callbacks, sizeof callbacks, host_size);
    struct spk_options *options = options_size ? table_of(&wanted, sizeof wanted, options_size) : NULL;
    struct spk_error error = {.size = sizeof error};
    if (kernel->create(table, options, &host->session, &error) != 0) {
        fprintf(stderr, "tables of %zu and %zu bytes: %s\n", host_size, options_size, error.text);
        exit(1);
    }
    /* They are copied. */
    memset(table, NOWHERE, sizeof callbacks);
    free(table);
    free(options);
    CHECK(host_execute(host, 1, "show") == 0 && host_execute(host, 2, "print two") == 0);
    host_until(host, "reply 2 0");
    HOST_IN_ORDER(host, "display 1 {\"data\":1}", "comm 0 1 {\"comm_id\":\"c\"}", "reply 1 0", "out 2 two",
                  "reply 2 0");
    return host;
}

/* Only reply is needed: nothing else is called. */
static void mute_host(void)
{
    struct host *host = calloc(1, sizeof *host);
    char self[4096];
    CHECK(host && realpath("/proc/self/exe", self));
    host_note(host, "", text_of(""));
    struct spk_host callbacks = {.size = sizeof callbacks, .abi = SPK_ABI, .ctx = host, .reply = host_reply};
    struct spk_options options = {.size = sizeof options, .python = self};
    CHECK(kernel->create(&callbacks, &options, &host->session, NULL) == 0);
    uint64_t request = 0;
    static const char *const codes[] = {"show", "both", "error", "%%scorep_env", "%%execute_with_scorep",
                                        "exit"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK(host_execute(host, ++request, codes[i]) == 0);
    host_until(host, "reply 6");
    CHECK(host_count(host, "\nreply ") == 6 && host_count(host, "\n") == 7);
    host_destroy(host);
}

/* The error's struct may be smaller, or larger, than ours. */
static void errors(void)
{
    struct {
        struct spk_error error;
        char more[64];
    } error;
    memset(&error, NOWHERE, sizeof error);
    error.error.size = sizeof error;
    CHECK(kernel->create(NULL, NULL, NULL, &error.error) == -EINVAL);
    CHECK(error.error.code == -EINVAL && strlen(error.error.text) > 10 && error.error.size == sizeof error);
    for (size_t i = 0; i < sizeof error.more; i++)
        CHECK(error.more[i] == NOWHERE);
    memset(&error, NOWHERE, sizeof error);
    error.error.size = offsetof(struct spk_error, text);
    CHECK(kernel->create(NULL, NULL, NULL, &error.error) == -EINVAL);
    for (size_t i = 0; i < sizeof error.error.text; i++)
        CHECK(error.error.text[i] == NOWHERE);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(60);
    host_load();
    CHECK(kernel->size == sizeof *kernel && kernel->abi == SPK_ABI && kernel->version && *kernel->version);
    CHECK(SPK_HAS(kernel, destroy));

    struct host *host = run(offsetof(struct spk_host, status), sizeof(struct spk_options));
    CHECK(!strstr(host->log, "status "));
    host_destroy(host);
    host = run(offsetof(struct spk_host, log), offsetof(struct spk_options, environment));
    HOST_IN_ORDER(host, "status STARTING", "status READY");
    CHECK(!strstr(host->log, "\nlog "));
    host_destroy(host);
    host_destroy(run(sizeof(struct spk_host), offsetof(struct spk_options, notebook)));
    host_destroy(run(sizeof(struct spk_host), offsetof(struct spk_options, directory)));
    host_destroy(run(sizeof(struct spk_host) + 64, sizeof(struct spk_options) + 64));
    mute_host();
    errors();
    return 0;
}
