/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fake_server.h - stands in for the Jupyter channels (shim/xeus/server.h), where a test is about the host: clients say
 * what a script says, and what is sent to them is written down, a line each:
 *
 *   shell execute_reply ID {...}      control ...      stdin input_request ID {...}      iopub status ID {...}
 *
 * An origin or message that is freed twice, or not at all, is noticed.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include "shim/xeus/server.h"

#include "test.h"

#include <errno.h>

#ifdef FAULT_H
#define FAKE_REAL_CALLS(action)      \
    do {                             \
        int armed_ = fault_pause();  \
        action;                      \
        fault_go_on(armed_);         \
    } while (0)
#else
#define FAKE_REAL_CALLS(action) \
    do {                        \
        action;                 \
    } while (0)
#endif

#define FAKE_MESSAGES_MAX 64

struct origin {
    char id[32]; /* request-0, request-1 ...: its place in the script */
    int live;
};

struct fake_message {
    enum server_channel channel;
    const char *type, *content;
};

struct fake_kept {
    struct message message; /* first: it is freed by its address */
    struct origin origin;
    struct json *content;
    int live;
};

static struct {
    const struct fake_message *script; /* ends with a type of NULL */
    size_t at;                         /* what has been said of it */
    int said[FAKE_MESSAGES_MAX];
    struct fake_kept kept[FAKE_MESSAGES_MAX];
    server_handler *handler;
    void *ctx;
    char sent[1 << 16];
    size_t sent_len;
    uint64_t waiting; /* what clients have still to take, says the test */
} fake_server;

static inline void fake_server_script(const struct fake_message *script)
{
    memset(&fake_server, 0, sizeof fake_server);
    fake_server.script = script;
}

/* Everything that was handed out has come back. */
static inline void fake_server_over(void)
{
    for (size_t i = 0; i < FAKE_MESSAGES_MAX; i++)
        CHECK(!fake_server.kept[i].live && !fake_server.kept[i].origin.live);
}

/* How many lines begin so. */
static inline int fake_server_sent(const char *beginning)
{
    int count = 0;
    for (const char *line = fake_server.sent; *line; line = strchr(line, '\n') + 1)
        count += strncmp(line, beginning, strlen(beginning)) == 0;
    return count;
}

void message_free(struct message *message)
{
    struct fake_kept *kept = (struct fake_kept *)(void *)message;
    CHECK(kept->live);
    kept->live = 0;
    FAKE_REAL_CALLS(json_free(kept->content));
    if (message->origin)
        origin_free(message->origin);
}

void origin_free(struct origin *origin)
{
    CHECK(!origin || origin->live);
    if (origin)
        origin->live = 0;
}

const char *origin_id(const struct origin *origin)
{
    return origin ? origin->id : "";
}

struct spk_text origin_header(const struct origin *origin)
{
    static const char header[] = "{\"msg_id\":\"fake\"}";
    return (struct spk_text){header, origin ? sizeof header - 1 : 0};
}

static void fake_deliver(size_t index)
{
    const struct fake_message *said = &fake_server.script[index];
    struct fake_kept *kept = &fake_server.kept[index];
    fake_server.said[index] = 1;
    snprintf(kept->origin.id, sizeof kept->origin.id, "request-%zu", index);
    kept->live = kept->origin.live = 1;
    FAKE_REAL_CALLS(kept->content = json_parse(said->content, strlen(said->content)));
    kept->message = (struct message){.type = said->type,
                                     .parent_id = "",
                                     .content = kept->content,
                                     .content_text = {said->content, strlen(said->content)},
                                     .metadata_text = {"{}", 2},
                                     .origin = &kept->origin};
    fake_server.handler(fake_server.ctx, said->channel, &kept->message);
}

static int fake_deliver_shell(void)
{
    for (size_t i = 0; i < fake_server.at; i++)
        if (!fake_server.said[i]) {
            fake_deliver(i);
            return 1;
        }
    return 0;
}

struct server *server_create(const struct connection *connection, server_handler *handler, void *ctx,
                             struct spk_error *error)
{
    (void)connection;
    (void)error;
    fake_server.handler = handler;
    fake_server.ctx = ctx;
    return (struct server *)&fake_server;
}

void server_destroy(struct server *server)
{
    (void)server;
}

/* One message, if there is one that is wanted and nothing else to do. */
int server_poll(struct server *server, int with_shell, struct pollfd *others, size_t count, int timeout_ms)
{
    CHECK((void *)server == &fake_server);
    const struct fake_message *next = &fake_server.script[fake_server.at];
    int busy = 0;
    FAKE_REAL_CALLS(busy = poll(others, count, 0));
    if (busy)
        return 0;
    int delivered = with_shell && fake_deliver_shell();
    if (!delivered && next->type) {
        fake_server.at++;
        delivered = 1;
        if (next->channel != SERVER_SHELL || with_shell)
            fake_deliver(fake_server.at - 1);
    }
    FAKE_REAL_CALLS(poll(others, count, delivered ? 0 : timeout_ms));
    return 0;
}

uint64_t server_waiting(const struct server *server)
{
    return server ? fake_server.waiting : 0;
}

void server_drain_shell(struct server *server)
{
    (void)server;
    while (fake_deliver_shell())
        continue;
}

static int fake_send(const char *channel, const char *type, const struct origin *origin, struct json *content)
{
    int code = content ? 0 : -ENOMEM;
    char *text = NULL;
    FAKE_REAL_CALLS(text = content ? json_print(content, NULL) : NULL);
    FAKE_REAL_CALLS(json_free(content));
    CHECK(!origin || origin->live);
    if (text)
        fake_server.sent_len += (size_t)snprintf(fake_server.sent + fake_server.sent_len,
                                                 sizeof fake_server.sent - fake_server.sent_len, "%s %s %s %s\n",
                                                 channel, type, origin_id(origin), text);
    CHECK(fake_server.sent_len < sizeof fake_server.sent);
    FAKE_REAL_CALLS(free(text));
    return code;
}

int server_reply(struct server *server, enum server_channel channel, const struct origin *origin,
                 const char *type, struct json *content, struct json *metadata)
{
    (void)server;
    FAKE_REAL_CALLS(json_free(metadata));
    CHECK(origin != NULL);
    return fake_send(channel == SERVER_CONTROL ? "control" : "shell", type, origin, content);
}

int server_ask(struct server *server, const struct origin *origin, struct json *content, char id[SERVER_ID_MAX])
{
    (void)server;
    snprintf(id, SERVER_ID_MAX, "question");
    return fake_send("stdin", "input_request", origin, content);
}

int server_publish(struct server *server, const struct origin *origin, const char *type, struct json *content,
                   struct json *metadata, const struct spk_text *buffers, size_t count)
{
    (void)server;
    (void)buffers;
    (void)count;
    FAKE_REAL_CALLS(json_free(metadata));
    return fake_send("iopub", type, origin, content);
}

int server_publish_status(struct server *server, enum server_channel channel, const struct origin *origin,
                          const char *state)
{
    struct json *content = NULL;
    (void)server;
    (void)channel;
    FAKE_REAL_CALLS(content = json_object());
    FAKE_REAL_CALLS(json_set_text(content, "execution_state", state, strlen(state)));
    return fake_send("iopub", "status", origin, content);
}

#endif
