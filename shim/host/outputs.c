/* SPDX-License-Identifier: BSD-3-Clause
 *
 * outputs.c - what the library calls back, on its way to the clients. Every function runs inside dispatch.
 */
#include "shim/host/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/environment.h"
#include "shim/common/log.h"
#include "shim/host/control.h"
#include "shim/host/publish.h"
#include "shim/host/shell.h"

static const struct origin *parent_of(const struct host *host, uint64_t request)
{
    return requests_parent(&host->requests, request);
}

static void on_stream(void *ctx, uint64_t request, uint32_t stream, struct spk_text text)
{
    struct host *host = ctx;
    publish_stream(host, parent_of(host, request), stream == SPK_STDERR ? "stderr" : "stdout", text);
}

static void on_display_data(void *ctx, uint64_t request, struct spk_text content)
{
    struct host *host = ctx;
    publish_text(host, parent_of(host, request), "display_data", content);
}

static void on_update_display_data(void *ctx, uint64_t request, struct spk_text content)
{
    struct host *host = ctx;
    publish_text(host, parent_of(host, request), "update_display_data", content);
}

static void on_execute_result(void *ctx, uint64_t request, struct spk_text content)
{
    struct host *host = ctx;
    publish_text(host, parent_of(host, request), "execute_result", content);
}

static void on_error(void *ctx, uint64_t request, struct spk_text content)
{
    struct host *host = ctx;
    publish_text(host, parent_of(host, request), "error", content);
}

static void on_clear_output(void *ctx, uint64_t request, uint32_t wait)
{
    struct host *host = ctx;
    struct json *content = json_object();
    (void)json_set_boolean(content, "wait", wait != 0); /* no memory: seen when sending */
    publish(host, parent_of(host, request), "clear_output", content);
}

static void on_input_request(void *ctx, uint64_t request, struct spk_text prompt, uint32_t password)
{
    struct host *host = ctx;
    const struct origin *origin = parent_of(host, request);
    struct json *content = json_object();
    (void)json_set_text(content, "prompt", prompt.data, prompt.len);
    (void)json_set_boolean(content, "password", password != 0);
    control_forget_question(host, request); /* the new one takes its place */
    struct question question = {.request = request};
    int code = server_ask(host->server, origin, content, question.id);
    if (code == 0 && host->question_count < SPK_MAX_QUESTIONS)
        host->questions[host->question_count++] = question;
    if (code)
        log_print("A question of input() could not be sent to the client. Interrupt the cell to go on.");
}

static void on_input_withdrawn(void *ctx, uint64_t request)
{
    control_forget_question(ctx, request);
}

static void send_comm(struct host *host, uint64_t request, const char *type, struct spk_text content,
                      struct spk_text metadata, const struct spk_text *buffers, size_t count)
{
    struct json *about = metadata.len ? json_parse(metadata.data, metadata.len) : json_object();
    int code = server_publish(host->server, parent_of(host, request), type,
                              json_parse(content.data, content.len), about, buffers, count);
    if (code)
        log_print("A %s message of the session was dropped: %s.", type, log_reason(code));
}

static void on_comm_open(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                         const struct spk_text *buffers, size_t count)
{
    send_comm(ctx, request, "comm_open", content, metadata, buffers, count);
}

static void on_comm_message(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                            const struct spk_text *buffers, size_t count)
{
    send_comm(ctx, request, "comm_msg", content, metadata, buffers, count);
}

static void on_comm_close(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                          const struct spk_text *buffers, size_t count)
{
    send_comm(ctx, request, "comm_close", content, metadata, buffers, count);
}

static void on_reply(void *ctx, uint64_t request, uint32_t how, struct spk_text content)
{
    struct host *host = ctx;
    struct json *value = json_parse(content.data, content.len);
    if (!value)
        log_print("The library's reply to request %llu is not JSON.", (unsigned long long)request);
    if (request && request == host->active.number) {
        shell_reply(host, how, value);
        return;
    }
    /* Beside shell's request, only kernel_info on control is begun. */
    const struct origin *origin = requests_find(&host->requests, request);
    if (!origin) {
        log_print("The library answered request %llu, which is not known. The answer is ignored.",
                  (unsigned long long)request);
        json_free(value);
        return;
    }
    publish_reply(host, SERVER_CONTROL, origin, "kernel_info_reply", control_kernel_info(host, how, value),
                  NULL);
    publish_status(host, SERVER_CONTROL, origin, "idle");
}

/* Show the user what ended the worker, under the newest cell. A running cell shows it in its own error. */
static void on_status(void *ctx, uint32_t status, struct spk_text text)
{
    struct host *host = ctx;
    if (status == SPK_STATUS_ENDED)
        host->ended = 1;
    if ((status != SPK_STATUS_DIED && status != SPK_STATUS_FAILED) || text.len == 0)
        return;
    uint64_t newest = requests_newest_cell(&host->requests);
    int told = host->active.number && host->active.is_cell;
    if (told || !newest || host->ending) {
        log_print("%.*s", (int)(text.len < 2048 ? text.len : 2048), text.data);
        return;
    }
    const struct origin *origin = parent_of(host, newest);
    struct spk_text end = {"\n", 1};
    publish_stream(host, origin, "stderr", text);
    if (text.data[text.len - 1] != '\n')
        publish_stream(host, origin, "stderr", end);
}

static void on_log(void *ctx, uint32_t level, struct spk_text text)
{
    const struct host *host = ctx;
    if (host->trace >= 0 && level == SPK_LOG_DEBUG) {
        char now[TIMESTAMP_MAX];
        timestamp_now(now);
        (void)dprintf(host->trace, "%s %.*s\n", now, (int)(text.len < 2048 ? text.len : 2048), text.data);
        return; /* a full disk is no reason to end the session */
    }
    const char *wanted = environment_variable("SCOREPKERNEL_LOG");
    int all = wanted && (strcmp(wanted, "debug") == 0 || strcmp(wanted, "frames") == 0);
    if (all || level >= SPK_LOG_WARNING)
        log_print("%.*s", (int)(text.len < 2048 ? text.len : 2048), text.data);
}

void outputs_table(struct host *host, struct spk_host *table)
{
    *table = (struct spk_host){
        .size = sizeof *table,
        .abi = SPK_ABI,
        .ctx = host,
        .stream = on_stream,
        .display_data = on_display_data,
        .update_display_data = on_update_display_data,
        .clear_output = on_clear_output,
        .execute_result = on_execute_result,
        .error = on_error,
        .input_request = on_input_request,
        .comm_open = on_comm_open,
        .comm_message = on_comm_message,
        .comm_close = on_comm_close,
        .reply = on_reply,
        .status = on_status,
        .log = on_log,
        .input_withdrawn = on_input_withdrawn,
    };
}
