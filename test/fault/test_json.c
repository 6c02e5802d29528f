/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_json.c - requests, answers and reports without memory: none at all, or a good one.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "base/error_content.h"
#include "session/replies.h"
#include "report/report.h"
#include "session/request_queue.h"

#include "fault.h"

static void request(void)
{
    struct spk_text parts[] = {{"abc", 3}, {"", 0}};
    struct request *made = request_create(WORKER_EXECUTE, 1, parts, 2);
    CHECK(made ? test_same(made->parts[0].data, 3, "abc") : fault_hit());
    free(made);
}

/* Whether it holds what it has to; printing it may fail, too. */
static void good(struct json *content, const char *member, const char *value)
{
    size_t len;
    if (!content) {
        CHECK(fault_hit());
        return;
    }
    const char *text = json_text(json_get(content, member), NULL);
    CHECK(text && !strcmp(text, value));
    char *printed = json_print(content, &len);
    CHECK(printed ? strstr(printed, value) && strlen(printed) == len : fault_hit());
    free(printed);
    json_free(content);
}

/* Longer than what a std::string holds in itself. */
#define LONG "a text that is long enough to need memory of its own"

static void error(void)
{
    good(error_content("SessionDied", LONG), "evalue", LONG);
}

static void failed(void)
{
    good(reply_failed("SessionDied", LONG, 7), "evalue", LONG);
}

static void aborted(void)
{
    good(reply_failed(NULL, NULL, 0), "status", "aborted");
}

static void kernel_info(void)
{
    good(reply_kernel_info(NULL), "implementation", "scorepkernel");
}

static void kernel_info_from_worker(void)
{
    struct json *content = reply_kernel_info("{\"banner\":\"" LONG "\",\"language_info\":{\"name\":\"" LONG
                                              "\",\"version\":\"3\"}}");
    /* Without memory to read the worker's, it is the answer of a kernel without Python. */
    if (content && !fault_hit())
        CHECK(!strcmp(json_text(json_get(content, "banner"), NULL), LONG));
    good(content, "implementation", "scorepkernel");
}

static void report(void)
{
    static const char json[] =
        "{\"measurement\":\"tracer\",\"seconds\":1,\"events\":3,\"directory\":\"/tmp/" LONG "\","
        "\"exclusive_ns\":5,\"warnings\":[\"" LONG "\"],\"regions\":[[\"m:f\",\"" LONG "\",1,1,5,5],"
        "[\"m:<g>\",\"g.py\",1,1,5,5]]}";
    struct json *content = report_content((struct spk_text){json, sizeof json - 1});
    CHECK(content || fault_hit());
    if (content && !fault_hit())
        CHECK(strstr(json_text(json_get(json_get(content, "data"), "text/html"), NULL), "m:&#60;g&#62;"));
    if (content)
        CHECK(json_get(content, "metadata") && json_get(content, "transient"));
    json_free(content);
}

int main(void)
{
    test_limit(60);
    fault_each(request, 1);
    fault_each(error, 1);
    fault_each(failed, 1);
    fault_each(aborted, 1);
    fault_each(kernel_info, 1);
    fault_each(kernel_info_from_worker, 1);
    fault_each(report, 1);
    return 0;
}
