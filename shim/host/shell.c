/* SPDX-License-Identifier: BSD-3-Clause
 *
 * shell.c - requests on shell. The next one is begun after the reply to the former, so that busy and idle
 * nest and a failing cell can hold up those behind it. Until then requests wait in their socket; when a cell
 * fails, all that waits there is taken over into a queue, and its cells are marked. They are answered in
 * order.
 */
#include "shim/host/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/log.h"
#include "shim/host/control.h"
#include "shim/host/publish.h"

/* Begins a request under its number. 0 or a negative errno; then there will be no reply. */
typedef int begin_fn(struct host *host, const struct message *message, uint64_t number,
                     struct spk_error *error);

static begin_fn begin_execute, begin_kernel_info, begin_plain, begin_comm;

struct kind {
    const char *type;
    const char *needs; /* a text that the content must have */
    begin_fn *begin;
};

static const struct kind kinds[] = {
    {"execute_request", "code", begin_execute},
    {"complete_request", "code", begin_plain},
    {"inspect_request", "code", begin_plain},
    {"is_complete_request", "code", begin_plain},
    {"history_request", NULL, begin_plain},
    {"comm_info_request", NULL, begin_plain},
    {"kernel_info_request", NULL, begin_kernel_info},
    {"comm_open", "comm_id", begin_comm},
    {"comm_msg", "comm_id", begin_comm},
    {"comm_close", "comm_id", begin_comm},
};

static const struct kind *find_kind(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    return NULL;
}

/* IPython does not count a cell of white space. */
static int is_blank(const char *code)
{
    return code[strspn(code, " \t\n\r\f\v")] == '\0';
}

static void publish_input(struct host *host, const struct origin *origin, const struct json *code,
                          int64_t count)
{
    size_t len = 0;
    const char *text = json_text(code, &len);
    struct json *content = json_object();
    (void)json_set_text(content, "code", text, len); /* no memory: seen when sending */
    (void)json_set_integer(content, "execution_count", count);
    publish(host, origin, "execute_input", content);
}

/* The request's metadata with its header as a member, for Python code that asks which message it runs for,
 * such as widgets that capture output. NULL: there is no memory. */
static char *with_header(struct host *host, const struct message *message, uint64_t number)
{
    static const char beginning[] = "{\"" SPK_METADATA_HEADER "\":";
    struct spk_text header = origin_header(requests_find(&host->requests, number));
    struct spk_text metadata = message->metadata_text;
    int is_object = metadata.len > 2 && metadata.data[0] == '{'; /* and not an empty one */
    char *text = malloc(sizeof beginning + header.len + metadata.len + 2);
    if (!text)
        return NULL;
    char *at = mempcpy(text, beginning, sizeof beginning - 1);
    at = header.len ? mempcpy(at, header.data, header.len) : mempcpy(at, "{}", 2);
    if (is_object) {
        *at++ = ',';
        at = mempcpy(at, metadata.data + 1, metadata.len - 1);
    } else {
        *at++ = '}';
    }
    *at = '\0';
    return text;
}

static int begin_execute(struct host *host, const struct message *message, uint64_t number,
                         struct spk_error *error)
{
    const struct json *content = message->content;
    const struct json *code = json_get(content, "code");
    struct active *active = &host->active;
    active->silent = json_boolean(json_get(content, "silent"), 0);
    active->stop_on_error = json_boolean(json_get(content, "stop_on_error"), 1);
    active->execution_count = host->executed + 1;
    timestamp_now(active->started);
    int counts = !active->silent && json_boolean(json_get(content, "store_history"), 1) &&
                 !is_blank(json_text(code, NULL));
    if (!active->silent)
        publish_input(host, requests_find(&host->requests, number), code, active->execution_count);
    char *metadata = with_header(host, message, number);
    struct spk_text told = metadata ? (struct spk_text){metadata, strlen(metadata)} : message->metadata_text;
    int failed = host->plugin->execute(host->session, number, message->content_text, told,
                                       (uint64_t)active->execution_count, error);
    free(metadata);
    if (!failed && counts)
        host->executed++;
    return failed;
}

static int begin_kernel_info(struct host *host, const struct message *message, uint64_t number,
                             struct spk_error *error)
{
    (void)message; /* it has no content */
    return host->plugin->kernel_info(host->session, number, error);
}

/* The kinds whose content goes to the library as it is. */
static int begin_plain(struct host *host, const struct message *message, uint64_t number,
                       struct spk_error *error)
{
    const struct spk_plugin *plugin = host->plugin;
    int (*begin)(struct spk_session *, uint64_t, struct spk_text, struct spk_error *) =
        strcmp(message->type, "complete_request") == 0      ? plugin->complete
        : strcmp(message->type, "inspect_request") == 0     ? plugin->inspect
        : strcmp(message->type, "is_complete_request") == 0 ? plugin->is_complete
        : strcmp(message->type, "history_request") == 0     ? plugin->history
                                                            : plugin->comm_info;
    return begin(host->session, number, message->content_text, error);
}

static int begin_comm(struct host *host, const struct message *message, uint64_t number,
                      struct spk_error *error)
{
    const struct spk_plugin *plugin = host->plugin;
    int (*begin)(struct spk_session *, uint64_t, struct spk_text, struct spk_text, const struct spk_text *,
                 size_t, struct spk_error *) = strcmp(message->type, "comm_open") == 0  ? plugin->comm_open
                                               : strcmp(message->type, "comm_msg") == 0 ? plugin->comm_message
                                                                                        : plugin->comm_close;
    char *metadata = with_header(host, message, number);
    struct spk_text told = metadata ? (struct spk_text){metadata, strlen(metadata)} : message->metadata_text;
    int failed = begin(host->session, number, message->content_text, told, message->buffers,
                       message->buffer_count, error);
    free(metadata);
    return failed;
}

/* --- replies ----------------------------------------------------------------------------------------------
 */

/* What ipykernel adds to a cell's reply; JupyterLab shows execution times from it. */
static struct json *cell_metadata(const struct active *active, const struct json *content)
{
    const char *status = json_text(json_get(content, "status"), NULL);
    struct json *metadata = json_object();
    (void)json_set_text(metadata, "started", active->started, strlen(active->started));
    (void)json_set_boolean(metadata, "dependencies_met", 1);
    if (status)
        (void)json_set_text(metadata, "status", status, strlen(status));
    return metadata;
}

static void answer(struct host *host, const struct origin *origin, struct json *content)
{
    const struct active *active = &host->active;
    struct json *metadata = NULL;
    if (active->is_cell) {
        if (!json_get(content, "execution_count"))
            (void)json_set_integer(content, "execution_count", active->execution_count);
        metadata = cell_metadata(active, content);
    }
    if (active->reply_type[0] != '\0')
        publish_reply(host, SERVER_SHELL, origin, active->reply_type, content, metadata);
    else
        json_free(content);
}

static void become_idle(struct host *host, const struct origin *origin)
{
    publish_status(host, SERVER_SHELL, origin, "idle");
    host->active.number = 0;
}

/* The request cannot be served: say so where its user looks. */
static void refuse(struct host *host, const struct origin *origin, const char *type, const char *why)
{
    if (host->active.is_cell && !host->active.silent)
        publish(host, origin, "error", publish_failure("KernelError", why));
    if (host->active.reply_type[0] == '\0')
        log_print("A message of type %s was refused: %s", type, why);
    answer(host, origin, publish_failure("KernelError", why));
    become_idle(host, origin);
}

/* What waits now is not to be run, whether it has been taken from the socket or not. */
static void abort_waiting(struct host *host)
{
    host->aborting = 1;
    server_drain_shell(host->server);
    for (struct queued *entry = host->first; entry; entry = entry->next)
        entry->aborted = 1;
}

void shell_reply(struct host *host, uint32_t how, struct json *content)
{
    struct active *active = &host->active;
    const struct origin *origin = requests_find(&host->requests, active->number);
    if (strcmp(active->reply_type, "kernel_info_reply") == 0)
        content = control_kernel_info(host, how, content);
    else if (!content)
        content = publish_failure("KernelError",
                                  "The kernel's reply to this request is not JSON. See the kernel's log.");
    /* Before the reply: what a client sends after it has seen the failure is meant to run. */
    if (active->is_cell && how == SPK_REPLY_ERROR && !active->silent && active->stop_on_error) {
        abort_waiting(host);
        host->aborting = 0;
    }
    answer(host, origin, content);
    become_idle(host, origin);
}

/* --- the queue --------------------------------------------------------------------------------------------
 */

/* So much is taken ahead, as an interrupt may wait behind it: some clients send that on shell. */
#define AHEAD_MAX 256
#define AHEAD_LEN_MAX ((uint64_t)64 << 20)

void shell_receive(struct host *host, struct message *message)
{
    if (strcmp(message->type, "interrupt_request") == 0) {
        control_interrupt(host, SERVER_SHELL, message);
        message_free(message);
        return;
    }
    struct queued *entry = malloc(sizeof *entry);
    if (!entry) {
        log_print("A message of type %s was dropped, as there was no memory for it.", message->type);
        message_free(message);
        return;
    }
    flow_used(&host->flow, message->content_text.len);
    *entry = (struct queued){.next = NULL, .message = message, .aborted = host->aborting};
    *host->last = entry;
    host->last = &entry->next;
    host->queued++;
    host->queued_len += message->content_text.len;
}

static struct message *take(struct host *host, int *aborted)
{
    struct queued *entry = host->first;
    struct message *message = entry->message;
    *aborted = entry->aborted;
    host->first = entry->next;
    host->queued--;
    host->queued_len -= message->content_text.len;
    if (!host->first)
        host->last = &host->first;
    free(entry);
    return message;
}

/* A message about what is wrong with the request's content, or NULL. */
static const char *fault_of(const struct kind *kind, const struct message *message)
{
    if (message->wrong)
        return message->wrong;
    if (message->content_text.len == 0 || message->content_text.data[0] != '{')
        return "Nothing was run: the request's content is not a JSON object.";
    if (kind->needs && !json_text(json_get(message->content, kind->needs), NULL))
        return strcmp(kind->needs, "code") == 0
                   ? "Nothing was run: the request's content has no text \"code\"."
                   : "Nothing was run: the request's content has no text \"comm_id\".";
    return NULL;
}

/* Give the request its number, and begin it in the library. */
static void begin_kind(struct host *host, const struct kind *kind, struct message *message, int aborted)
{
    struct active *active = &host->active;
    *active = (struct active){.is_cell = kind->begin == begin_execute, .execution_count = host->executed + 1};
    timestamp_now(active->started);
    flow_request(&host->flow, server_waiting(host->server));
    publish_reply_type(kind->type, active->reply_type, sizeof active->reply_type);
    active->number = requests_add(&host->requests, active->is_cell, message->origin);
    message->origin = NULL;
    const struct origin *origin = requests_find(&host->requests, active->number);
    if (aborted && active->is_cell) {
        answer(host, origin, publish_ok("aborted"));
        become_idle(host, origin);
        return;
    }
    struct spk_error error = {.size = sizeof error, .code = 0, .text = ""};
    const char *fault = fault_of(kind, message);
    int failed = fault ? -EINVAL : kind->begin(host, message, active->number, &error);
    if (failed)
        refuse(host, origin, kind->type, fault ? fault : error.text[0] ? error.text : log_reason(failed));
}

static void reply_ports(struct host *host, const struct origin *origin)
{
    struct json *content = publish_ok("ok");
    for (int i = 0; i < PORT_COUNT; i++)
        (void)json_set_integer(content, connection_port_name((enum connection_port)i),
                               host->connection->ports[i]);
    publish_reply(host, SERVER_SHELL, origin, "connect_reply", content, NULL);
}

static void begin(struct host *host, struct message *message, int aborted)
{
    const struct kind *kind = find_kind(message->type);
    if (strcmp(message->type, "shutdown_request") == 0) {
        control_shutdown(host, SERVER_SHELL, message);
        return;
    }
    publish_status(host, SERVER_SHELL, message->origin, "busy");
    if (kind) {
        begin_kind(host, kind, message, aborted);
        return;
    }
    if (strcmp(message->type, "connect_request") == 0)
        reply_ports(host, message->origin);
    else
        control_unknown(host, SERVER_SHELL, message);
    publish_status(host, SERVER_SHELL, message->origin, "idle");
}

void shell_advance(struct host *host)
{
    while (host->first && !host->active.number) {
        int aborted = 0;
        struct message *message = take(host, &aborted);
        begin(host, message, aborted);
        message_free(message);
    }
}

int shell_wants(const struct host *host)
{
    return !host->ending && host->queued < AHEAD_MAX && host->queued_len < AHEAD_LEN_MAX;
}

void shell_abort_all(struct host *host)
{
    abort_waiting(host);
    /* The library will not answer any more: abort the active request. */
    if (host->active.number)
        shell_reply(host, SPK_REPLY_ABORTED, publish_ok("aborted"));
    shell_advance(host);
}

void shell_finish(struct host *host)
{
    int aborted = 0;
    while (host->first)
        message_free(take(host, &aborted));
}
