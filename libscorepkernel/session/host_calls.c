/* SPDX-License-Identifier: BSD-3-Clause
 *
 * host_calls.c - the only caller of the host's table.
 */
#include "session/host_calls.h"

#include "base/json_bridge.h"
#include "wire/worker_protocol.h"

#include <stdlib.h>
#include <string.h>

void host_calls_reply_text(const struct spk_host *host, uint64_t request, uint32_t how,
                           struct spk_text content)
{
    host->reply(host->ctx, request, how, content);
}

void host_calls_reply(const struct spk_host *host, uint64_t request, uint32_t how, struct json *content)
{
    static const char no_memory[] =
        "{\"status\":\"error\",\"ename\":\"MemoryError\",\"evalue\":\"The kernel had no memory for this "
        "reply. The session goes on with its variables.\",\"traceback\":[]}";
    size_t len = sizeof no_memory - 1;
    char *text = content ? json_print(content, &len) : NULL;
    host_calls_reply_text(host, request, text ? how : SPK_REPLY_ERROR,
                          (struct spk_text){text ? text : no_memory, text ? len : sizeof no_memory - 1});
    free(text);
    json_free(content);
}

void host_calls_status(const struct spk_host *host, uint32_t status, const char *text)
{
    if (host->status)
        host->status(host->ctx, status, (struct spk_text){text, strlen(text)});
}

void host_calls_text(const struct spk_host *host, uint64_t request, uint32_t which, struct spk_text text)
{
    if (host->stream)
        host->stream(host->ctx, request, which, text);
}

/* Hand a content on; it is freed. */
static void deliver_json(const struct spk_host *host, void (*deliver)(void *, uint64_t, struct spk_text),
                         uint64_t request, struct json *content)
{
    size_t len;
    char *text = deliver && content ? json_print(content, &len) : NULL;
    if (text)
        deliver(host->ctx, request, (struct spk_text){text, len});
    free(text);
    json_free(content);
}

void host_calls_error(const struct spk_host *host, uint64_t request, struct json *content)
{
    deliver_json(host, host->error, request, content);
}

void host_calls_display(const struct spk_host *host, uint64_t request, struct json *content)
{
    deliver_json(host, host->display_data, request, content);
}

void host_calls_update_display(const struct spk_host *host, uint64_t request, struct json *content)
{
    deliver_json(host, host->update_display_data, request, content);
}

void host_calls_trace(const struct spk_host *host, enum frame_protocol protocol, const char *whose, int sent,
                      const struct frame *frame)
{
    char text[256];
    frame_trace_text(protocol, whose, sent, frame, text, sizeof text);
    if (host->log)
        host->log(host->ctx, SPK_LOG_DEBUG, (struct spk_text){text, strlen(text)});
}

void host_calls_ask(const struct spk_host *host, uint64_t request, struct spk_text prompt, uint32_t password)
{
    host->input_request(host->ctx, request, prompt, password);
}

void host_calls_withdraw_question(const struct spk_host *host, uint64_t request)
{
    if (host->input_withdrawn)
        host->input_withdrawn(host->ctx, request);
}

void host_calls_comm(const struct spk_host *host, struct frame *frame)
{
    static const char dropped[] = "A comm message of the session was dropped, as there was no memory for it.";
    struct spk_text content = {0}, metadata = {0}, ignored;
    size_t count = 0;
    void (*deliver)(void *, uint64_t, struct spk_text, struct spk_text, const struct spk_text *, size_t) =
        frame->type == WORKER_FROM_COMM_OPEN      ? host->comm_open
        : frame->type == WORKER_FROM_COMM_MESSAGE ? host->comm_message
                                                  : host->comm_close;
    if (frame_next_part(frame, &content) != 1 || frame_next_part(frame, &metadata) != 1)
        return;
    for (struct frame ahead = *frame; frame_next_part(&ahead, &ignored) == 1;)
        count++;
    struct spk_text *buffers = calloc(count + 1, sizeof *buffers);
    for (size_t i = 0; buffers && i < count; i++)
        (void)frame_next_part(frame, &buffers[i]); /* counted above */
    if (deliver && buffers)
        deliver(host->ctx, frame->request, content, metadata, buffers, count);
    else if (deliver && host->log)
        host->log(host->ctx, SPK_LOG_ERROR, (struct spk_text){dropped, sizeof dropped - 1});
    free(buffers);
}

/* The outputs that are a content and nothing else. */
void host_calls_content(const struct spk_host *host, struct frame *frame)
{
    void (*deliver)(void *, uint64_t, struct spk_text) = NULL;
    struct spk_text content;
    switch (frame->type) {
    case WORKER_DISPLAY_DATA:
        deliver = host->display_data;
        break;
    case WORKER_UPDATE_DISPLAY_DATA:
        deliver = host->update_display_data;
        break;
    case WORKER_EXECUTE_RESULT:
        deliver = host->execute_result;
        break;
    case WORKER_ERROR_OUTPUT:
        deliver = host->error;
        break;
    default:
        break;
    }
    if (deliver && frame_next_part(frame, &content) == 1)
        deliver(host->ctx, frame->request, content);
}

void host_calls_clear_output(const struct spk_host *host, struct frame *frame)
{
    struct spk_text wait;
    if (host->clear_output && frame_next_part(frame, &wait) == 1)
        host->clear_output(host->ctx, frame->request, frame_u32(wait, 0));
}

void host_calls_log(const struct spk_host *host, struct frame *frame)
{
    struct spk_text level, text;
    if (host->log && frame_next_part(frame, &level) == 1 && frame_next_part(frame, &text) == 1)
        host->log(host->ctx, frame_u32(level, SPK_LOG_INFO), text);
}
