/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_replies.c - the replies that the library gives itself.
 */
#include "base/error_content.h"
#include "process/process_end.h"
#include "session/replies.h"

#include "test.h"

static int is(const struct json *object, const char *name, const char *wanted)
{
    size_t len;
    const char *text = json_text(json_get(object, name), &len);
    return text && test_same(text, len, wanted);
}

static void errors(void)
{
    struct json *content = error_content("SessionDied", "It ended.\nRun \"it\" again.");
    CHECK(content && json_count(content) == 3);
    CHECK(is(content, "ename", "SessionDied") && is(content, "evalue", "It ended.\nRun \"it\" again."));
    const struct json *traceback = json_get(content, "traceback");
    CHECK(json_count(traceback) == 1 &&
          !strcmp(json_text(json_at(traceback, 0), NULL), "It ended.\nRun \"it\" again."));
    json_free(content);
}

static void failures(void)
{
    struct json *content = reply_failed("E", "why", 7);
    CHECK(is(content, "status", "error") && is(content, "ename", "E") && is(content, "evalue", "why"));
    CHECK(json_count(json_get(content, "traceback")) == 1);
    CHECK(json_integer(json_get(content, "execution_count"), -1) == 7);
    json_free(content);
    content = reply_failed(NULL, NULL, 0);
    CHECK(is(content, "status", "aborted") && json_count(content) == 1);
    json_free(content);
    /* What a user's program left on standard error may be no UTF-8; the reply must be. */
    content = reply_failed("E", "\xff\xfe", 0);
    size_t len;
    char *text = json_print(content, &len);
    CHECK(text && strstr(text, "\xEF\xBF\xBD") && !strstr(text, "\xff"));
    free(text);
    json_free(content);
}

static void kernel_info(void)
{
    struct json *content = reply_kernel_info(NULL);
    CHECK(is(content, "status", "ok") && is(content, "implementation", "scorepkernel"));
    CHECK(is(content, "implementation_version", SCOREPKERNEL_VERSION) &&
          json_text(json_get(content, "banner"), NULL));
    CHECK(is(json_get(content, "language_info"), "name", "python"));
    CHECK(is(json_get(content, "language_info"), "file_extension", ".py"));
    CHECK(json_count(json_get(content, "help_links")) == 2 && !json_get(content, "protocol_version"));
    CHECK(json_boolean(json_get(content, "debugger"), 1) == 0);
    json_free(content);
    content = reply_kernel_info(
        "{\"banner\":\"Python 3.11\",\"language_info\":{\"name\":\"python\",\"version\":\"3.11.2\"}}");
    CHECK(is(content, "banner", "Python 3.11") &&
          is(json_get(content, "language_info"), "version", "3.11.2"));
    json_free(content);
    content = reply_kernel_info("no JSON");
    CHECK(is(content, "status", "ok") && json_get(content, "language_info"));
    json_free(content);
}

static const char *ended(int status, uint64_t peak_rss_kib)
{
    static char text[256];
    struct process_end end = {.status = status, .peak_rss_kib = peak_rss_kib};
    process_end_text(&end, text, sizeof text);
    return text;
}

static void ends(void)
{
    CHECK(!strcmp(ended(0, 0), "ended with exit code 0"));
    CHECK(!strcmp(ended(3 << 8, 0), "ended with exit code 3"));
    CHECK(!strcmp(ended(SIGSEGV, 0), "was ended by SIGSEGV (Segmentation fault)"));
    CHECK(!strcmp(ended(SIGABRT | 0x80, 0), "was ended by SIGABRT (Aborted)"));
    CHECK(strstr(ended(SIGKILL, 3 << 20), "SIGKILL") && strstr(ended(SIGKILL, 3 << 20), "3072 MiB"));
    CHECK(strstr(ended(SIGRTMIN + 1, 0), "was ended by"));
    char small[8];
    process_end_text(&(struct process_end){.status = SIGKILL}, small, sizeof small);
    CHECK(strlen(small) == 7);
}

int main(void)
{
    test_limit(60);
    errors();
    failures();
    kernel_info();
    ends();
    return 0;
}
