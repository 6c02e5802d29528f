/* SPDX-License-Identifier: BSD-3-Clause
 *
 * publish.c - the messages that the host itself composes. Chooses no moment: its callers do.
 */
#include "shim/host/publish.h"

#include <stdio.h>
#include <string.h>

#include "shim/common/log.h"

static void complain(const char *type, int code)
{
    log_print("A message of type %s could not be sent: %s.", type, log_reason(code));
}

void publish(struct host *host, const struct origin *parent, const char *type, struct json *content)
{
    int code = server_publish(host->server, parent, type, content, NULL, NULL, 0);
    if (code)
        complain(type, code);
}

void publish_text(struct host *host, const struct origin *parent, const char *type, struct spk_text content)
{
    struct json *value = json_parse(content.data, content.len);
    if (value)
        publish(host, parent, type, value);
    else {
        static const char lost[] =
            "An output could not be shown: its JSON is nested more than 512 deep, or holds a number "
            "that does not fit. Show it as text, with print or repr.\n";
        log_print("A message of type %s from the library was dropped: it is not JSON.", type);
        publish_stream(host, parent, "stderr", (struct spk_text){lost, sizeof lost - 1});
    }
}

void publish_status(struct host *host, enum server_channel channel, const struct origin *parent,
                    const char *state)
{
    int code = server_publish_status(host->server, channel, parent, state);
    if (code)
        complain("status", code);
}

void publish_stream(struct host *host, const struct origin *parent, const char *name, struct spk_text text)
{
    struct json *content = json_object();
    (void)json_set_text(content, "name", name, strlen(name));
    if (json_set_text(content, "text", text.data, text.len)) {
        json_free(content);
        content = NULL;
    }
    publish(host, parent, "stream", content);
}

struct json *publish_ok(const char *status)
{
    struct json *content = json_object();
    (void)json_set_text(content, "status", status, strlen(status));
    return content;
}

struct json *publish_failure(const char *ename, const char *evalue)
{
    char line[1200];
    struct json *content = publish_ok("error");
    struct json *traceback = json_array();
    (void)snprintf(line, sizeof line, "%s: %s", ename, evalue);
    (void)json_append_text(traceback, line, strlen(line));
    (void)json_set_text(content, "ename", ename, strlen(ename));
    (void)json_set_text(content, "evalue", evalue, strlen(evalue));
    (void)json_set(content, "traceback", traceback);
    return content;
}

void publish_reply(struct host *host, enum server_channel channel, const struct origin *origin,
                   const char *type, struct json *content, struct json *metadata)
{
    int code = server_reply(host->server, channel, origin, type, content, metadata);
    if (code)
        complain(type, code);
}

void publish_reply_type(const char *request_type, char *reply_type, size_t size)
{
    static const char suffix[] = "_request";
    size_t len = strlen(request_type);
    size_t stem = len - (sizeof suffix - 1);
    reply_type[0] = '\0';
    if (len >= sizeof suffix && strcmp(request_type + stem, suffix) == 0 && stem + sizeof "_reply" <= size)
        (void)snprintf(reply_type, size, "%.*s_reply", (int)stem, request_type);
}
