/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control.c - requests on control, which are served at any time, also while a cell runs; and answers on
 * stdin. Only kernel_info may need the library, and only before it has answered it once.
 */
#include "shim/host/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/log.h"
#include "shim/host/ending.h"
#include "shim/host/publish.h"

#define PROTOCOL "5.3"
#define TYPE_MAX 64 /* of a request that is answered though it is not known, with its NUL */

static struct json *copy_of(const char *text)
{
    return text ? json_parse(text, strlen(text)) : NULL;
}

/* Without a kernel_info_reply that is ok, clients send no cell at all, and the user never sees what is wrong.
   So a session that cannot start has an answer, too, with the reason as its banner; its cells then fail with
   it. */
static struct json *bare_kernel_info(const struct host *host, const struct json *failure)
{
    const char *reason = json_text(json_get(failure, "evalue"), NULL);
    struct json *language = json_object();
    (void)json_set_text(language, "name", "python", 6);
    (void)json_set_text(language, "version", "", 0);
    (void)json_set_text(language, "mimetype", "text/x-python", 13);
    (void)json_set_text(language, "file_extension", ".py", 3);
    struct json *content = publish_ok("ok");
    (void)json_set_text(content, "implementation", "scorepkernel", 12);
    (void)json_set_text(content, "implementation_version", host->plugin->version,
                        strlen(host->plugin->version));
    (void)json_set_text(content, "banner", reason ? reason : "", reason ? strlen(reason) : 0);
    (void)json_set(content, "language_info", language);
    return content;
}

struct json *control_kernel_info(struct host *host, uint32_t how, struct json *content)
{
    if (how != SPK_REPLY_OK || !content) {
        struct json *bare = copy_of(host->kernel_info);
        if (!bare)
            bare = bare_kernel_info(host, content);
        json_free(content);
        content = bare;
    } else {
        char *text = json_print(content, NULL);
        if (text) {
            free(host->kernel_info);
            host->kernel_info = text;
        }
    }
    (void)json_set_text(content, "protocol_version", PROTOCOL, strlen(PROTOCOL));
    return content;
}

/* 1: the library will answer, and idle is published then. While the library works on a cell it would answer
 * only after the cell, so its last answer is used until then. */
static int kernel_info(struct host *host, struct message *message)
{
    const struct origin *origin = message->origin;
    struct json *content = copy_of(host->kernel_info);
    uint32_t how = content ? SPK_REPLY_OK : SPK_REPLY_ERROR;
    if (!content && !host->ending) {
        uint64_t number = requests_add(&host->requests, 0, message->origin);
        struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
        message->origin = NULL; /* it has been taken over, whatever becomes of the request */
        int code = host->plugin->kernel_info(host->session, number, &error);
        if (code == 0)
            return 1;
        const char *why = error.text[0] ? error.text : log_reason(code);
        log_print("The library refused a kernel_info request: %s", why);
        content = publish_failure("KernelError", why);
    }
    publish_reply(host, SERVER_CONTROL, origin, "kernel_info_reply", control_kernel_info(host, how, content),
                  NULL);
    return 0;
}

static void interrupt(struct host *host, enum server_channel channel, const struct message *message)
{
    int code = ending_interrupt(host);
    struct json *content = code ? publish_failure("KernelError", log_reason(code)) : publish_ok("ok");
    publish_reply(host, channel, message->origin, "interrupt_reply", content, NULL);
}

void control_interrupt(struct host *host, enum server_channel channel, const struct message *message)
{
    publish_status(host, channel, message->origin, "busy");
    interrupt(host, channel, message);
    publish_status(host, channel, message->origin, "idle");
}

void control_unknown(struct host *host, enum server_channel channel, const struct message *message)
{
    char reply[TYPE_MAX], why[TYPE_MAX + 64];
    log_print("A message of the unknown type %s on the %s channel was not obeyed.", message->type,
              channel == SERVER_SHELL ? "shell" : "control");
    publish_reply_type(message->type, reply, sizeof reply);
    if (reply[0] == '\0')
        return; /* it is no request */
    (void)snprintf(why, sizeof why, "This kernel has no answer to a %s.", message->type);
    publish_reply(host, channel, message->origin, reply, publish_failure("NotImplementedError", why), NULL);
}

static void shut_down(struct host *host, enum server_channel channel, const struct message *message)
{
    int restart = json_boolean(json_get(message->content, "restart"), 0);
    struct json *reply = publish_ok("ok");
    struct json *news = publish_ok("ok");
    (void)json_set_boolean(reply, "restart", restart);
    (void)json_set_boolean(news, "restart", restart);
    publish_reply(host, channel, message->origin, "shutdown_reply", reply, NULL);
    publish(host, message->origin, "shutdown_reply", news);
    ending_begin(host);
}

void control_shutdown(struct host *host, enum server_channel channel, const struct message *message)
{
    publish_status(host, channel, message->origin, "busy");
    shut_down(host, channel, message);
    publish_status(host, channel, message->origin, "idle");
}

void control_receive(struct host *host, struct message *message)
{
    const struct origin *origin = message->origin; /* lives on in host->requests if that takes it over */
    int answered_later = 0;
    publish_status(host, SERVER_CONTROL, origin, "busy");
    if (strcmp(message->type, "interrupt_request") == 0)
        interrupt(host, SERVER_CONTROL, message);
    else if (strcmp(message->type, "shutdown_request") == 0)
        shut_down(host, SERVER_CONTROL, message);
    else if (strcmp(message->type, "kernel_info_request") == 0)
        answered_later = kernel_info(host, message);
    else if (strcmp(message->type, "debug_request") == 0)
        publish_reply(
            host, SERVER_CONTROL, message->origin, "debug_reply",
            publish_failure("NotImplementedError",
                            "This kernel has no debugger for clients. Use %debug or breakpoint() in a cell."),
            NULL);
    else
        control_unknown(host, SERVER_CONTROL, message);
    if (!answered_later)
        publish_status(host, SERVER_CONTROL, origin, "idle");
    message_free(message);
}

void control_forget_question(struct host *host, uint64_t request)
{
    size_t kept = 0;
    for (size_t i = 0; i < host->question_count; i++)
        if (host->questions[i].request != request)
            host->questions[kept++] = host->questions[i];
    host->question_count = kept;
}

/* Which request the answer is for. Some clients name the question as the answer's parent, some the cell, some
 * nothing: then the oldest question is answered. A parent that is none of these belongs to a question that
 * was withdrawn. */
static uint64_t asked_by(const struct host *host, const char *parent_id)
{
    for (size_t i = 0; i < host->question_count; i++) {
        const struct question *question = &host->questions[i];
        const struct origin *cell = requests_find(&host->requests, question->request);
        if (parent_id[0] == '\0' || strcmp(parent_id, question->id) == 0 ||
            strcmp(parent_id, origin_id(cell)) == 0)
            return question->request;
    }
    return 0;
}

void control_input(struct host *host, struct message *message)
{
    struct spk_text value = {"", 0};
    uint64_t request = asked_by(host, message->parent_id);
    if (strcmp(message->type, "input_reply") == 0 && request) {
        const char *text = json_text(json_get(message->content, "value"), &value.len);
        if (text)
            value.data = text;
        else
            log_print("An answer to input() has no text \"value\" and counts as an empty line.");
        struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
        control_forget_question(host, request);
        int code = host->plugin->input_reply(host->session, request, value, &error);
        if (code && code != -ENOENT) /* -ENOENT: interrupted meanwhile */
            log_print("The answer to input() did not reach the code that asked, which may have to be "
                      "interrupted: %s",
                      error.text[0] ? error.text : log_reason(code));
    }
    message_free(message);
}
