/* SPDX-License-Identifier: BSD-3-Clause
 *
 * echo_plugin.c - a stand-in for libscorepkernel.so, to test a host without Python: it runs cells of one word
 * and its argument, in the host's thread, one after the other as the library does.
 *
 *   stdout TEXT, stderr TEXT   print          result TEXT     an execute_result
 *   error            fail                     count           a result: the execution count
 *   metadata         a result: the metadata   display LEN     a display_data with LEN characters
 *   input PROMPT, password PROMPT             ask, then a result: the answer
 *   sleep            until interrupted        stubborn        for ever, whatever happens
 *   late TEXT        print TEXT under this cell when the next one runs
 *   comm             open a comm with a buffer
 *   die, fail        the worker's status      diebusy         as die, and an error
 *   badreply         a reply that is no JSON  baddisplay      a display_data that is no JSON
 *   refuse           execute fails            broken          dispatch fails from now on
 *
 * ECHO_PLUGIN=abi, null or short in the environment makes its table unfit; =nopython lets every request fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "scorepkernel.h"

#define TEXT_MAX 256
#define EXPORT __attribute__((visibility("default")))

enum kind { EXECUTE, INFO, PLAIN, COMM };

struct item {
    struct item *next;
    enum kind kind;
    uint64_t number, count;
    char *content, *metadata;
    size_t content_len, metadata_len;
    struct spk_text *buffers;
    size_t buffer_count;
};

enum wait { WAIT_NONE, WAIT_SLEEP, WAIT_STUBBORN, WAIT_INPUT };

struct spk_session {
    struct spk_host host;
    int fd;
    struct item *first, **last;
    enum wait waits;
    int interrupted, ending, ended, broken;
    char answer[TEXT_MAX];
    int answered;
    uint64_t late;
    char late_text[TEXT_MAX];
};

static void wake(const struct spk_session *session)
{
    uint64_t one = 1;
    if (write(session->fd, &one, sizeof one) < 0)
        abort();
}

static char *copy(struct spk_text text)
{
    char *to = malloc(text.len + 1);
    if (!to)
        abort();
    if (text.len)
        memcpy(to, text.data, text.len);
    to[text.len] = '\0';
    return to;
}

static struct spk_text text_of(const char *text)
{
    return (struct spk_text){text, strlen(text)};
}

/* The member "code", unescaped as far as these tests need it. */
static void code_of(const char *content, char code[TEXT_MAX])
{
    size_t len = 0;
    const char *at = strstr(content, "\"code\":");
    if (at && (at = strchr(at + 7, '"')))
        at++;
    for (at = at ? at : ""; *at && *at != '"' && len + 1 < TEXT_MAX; at++) {
        if (*at == '\\')
            at++;
        code[len++] = *at;
    }
    code[len] = '\0';
}

static void reply(const struct spk_session *session, uint32_t how, const char *content)
{
    session->host.reply(session->host.ctx, session->first->number, how, text_of(content));
}

static void release(const struct item *item)
{
    for (size_t i = 0; i < item->buffer_count; i++)
        free((void *)(uintptr_t)item->buffers[i].data);
    free(item->buffers);
    free(item->content);
    free(item->metadata);
}

static void drop(struct spk_session *session)
{
    struct item *item = session->first;
    session->first = item->next;
    if (!session->first)
        session->last = &session->first;
    release(item);
    free(item);
    session->waits = WAIT_NONE;
}

static void end_ok(struct spk_session *session)
{
    reply(session, SPK_REPLY_OK, "{\"status\":\"ok\",\"user_expressions\":{},\"payload\":[]}");
    drop(session);
}

static void end_error(struct spk_session *session, const char *name)
{
    char content[TEXT_MAX];
    (void)snprintf(content, sizeof content,
                   "{\"status\":\"error\",\"ename\":\"%s\",\"evalue\":\"echo\",\"traceback\":[\"%s: echo\"]}",
                   name, name);
    session->host.error(session->host.ctx, session->first->number, text_of(content));
    reply(session, SPK_REPLY_ERROR, content);
    drop(session);
}

static void result(const struct spk_session *session, const char *json)
{
    char content[TEXT_MAX * 2];
    (void)snprintf(content, sizeof content,
                   "{\"execution_count\":%llu,\"metadata\":{},\"data\":{\"text/plain\":\"x\",\"echo\":%s}}",
                   (unsigned long long)session->first->count, json);
    session->host.execute_result(session->host.ctx, session->first->number, text_of(content));
}

static void result_text(const struct spk_session *session, const char *text)
{
    char json[TEXT_MAX + 3];
    (void)snprintf(json, sizeof json, "\"%s\"", text);
    result(session, json);
}

static void display(const struct spk_session *session, size_t len)
{
    static const char head[] = "{\"data\":{\"text/plain\":\"";
    static const char tail[] = "\"},\"metadata\":{},\"transient\":{}}";
    char *content = malloc(sizeof head + len + sizeof tail);
    if (!content)
        abort();
    memcpy(content, head, sizeof head - 1);
    memset(content + sizeof head - 1, 'x', len);
    memcpy(content + sizeof head - 1 + len, tail, sizeof tail);
    session->host.display_data(session->host.ctx, session->first->number, text_of(content));
    free(content);
}

static void open_comm(const struct spk_session *session)
{
    static const struct spk_text buffers[] = {{"\0\1\2\377", 4}, {NULL, 0}};
    session->host.comm_open(session->host.ctx, session->first->number,
                            text_of("{\"comm_id\":\"c1\",\"target_name\":\"echo\",\"data\":{}}"),
                            text_of("{\"version\":\"2\"}"), buffers, 2);
}

/* What makes the cell wait. 1: it is one of those. */
static int run_waiting(struct spk_session *session, const char *word, const char *rest)
{
    uint64_t number = session->first->number;
    session->interrupted = session->answered = 0;
    if (strcmp(word, "sleep") == 0)
        session->waits = WAIT_SLEEP;
    else if (strcmp(word, "stubborn") == 0)
        session->waits = WAIT_STUBBORN;
    else if (strcmp(word, "input") == 0 || strcmp(word, "password") == 0)
        session->waits = WAIT_INPUT;
    else
        return 0;
    if (session->waits == WAIT_INPUT)
        session->host.input_request(session->host.ctx, number, text_of(rest), word[0] == 'p');
    else
        session->host.stream(session->host.ctx, number, SPK_STDOUT, text_of("waiting\n"));
    return 1;
}

static void run_output(struct spk_session *session, const char *word, const char *rest)
{
    void *ctx = session->host.ctx;
    uint64_t number = session->first->number;
    char count[TEXT_MAX];
    if (strcmp(word, "stdout") == 0)
        session->host.stream(ctx, number, SPK_STDOUT, text_of(rest));
    else if (strcmp(word, "stderr") == 0)
        session->host.stream(ctx, number, SPK_STDERR, text_of(rest));
    else if (strcmp(word, "result") == 0)
        result_text(session, rest);
    else if (strcmp(word, "metadata") == 0)
        result(session, session->first->metadata);
    else if (strcmp(word, "display") == 0)
        display(session, strtoul(rest, NULL, 10));
    else if (strcmp(word, "comm") == 0)
        open_comm(session);
    else if (strcmp(word, "baddisplay") == 0)
        session->host.display_data(ctx, number, text_of("{\"data\":"));
    else if (strcmp(word, "count") == 0) {
        (void)snprintf(count, sizeof count, "%llu", (unsigned long long)session->first->count);
        result(session, count);
    } else if (strcmp(word, "late") == 0) {
        session->late = number;
        (void)snprintf(session->late_text, sizeof session->late_text, "%s", rest);
    }
}

static void run_cell(struct spk_session *session)
{
    char code[TEXT_MAX];
    code_of(session->first->content, code);
    char *rest = strchr(code, ' ');
    if (rest)
        *rest++ = '\0';
    else
        rest = code + strlen(code);
    if (session->late) {
        session->host.stream(session->host.ctx, session->late, SPK_STDOUT, text_of(session->late_text));
        session->late = 0;
    }
    if (run_waiting(session, code, rest))
        return;
    run_output(session, code, rest);
    if (strcmp(code, "broken") == 0)
        session->broken = 1;
    if (strcmp(code, "diebusy") == 0)
        session->host.status(session->host.ctx, SPK_STATUS_DIED, text_of("the worker died in a cell"));
    if (strcmp(code, "error") == 0 || strcmp(code, "diebusy") == 0) {
        end_error(session, "EchoError");
    } else if (strcmp(code, "badreply") == 0) {
        reply(session, SPK_REPLY_OK, "{");
        drop(session);
    } else {
        end_ok(session);
        if (strcmp(code, "die") == 0)
            session->host.status(session->host.ctx, SPK_STATUS_DIED, text_of("the worker died idle"));
        if (strcmp(code, "fail") == 0)
            session->host.status(session->host.ctx, SPK_STATUS_FAILED, text_of("no Python here"));
    }
}

/* The answers of the other kinds, recognised by what the host passed on. */
static void run_other(struct spk_session *session)
{
    const struct item *item = session->first;
    if (item->kind == COMM)
        session->host.comm_message(
            session->host.ctx, item->number, (struct spk_text){item->content, item->content_len},
            (struct spk_text){item->metadata, item->metadata_len}, item->buffers, item->buffer_count);
    if (item->kind == INFO)
        reply(session, SPK_REPLY_OK,
              "{\"status\":\"ok\",\"implementation\":\"echo\",\"implementation_version\":\"1\",\"banner\":"
              "\"echo\","
              "\"language_info\":{\"name\":\"python\",\"version\":\"3.9\",\"mimetype\":\"text/x-python\","
              "\"file_extension\":\".py\"}}");
    else
        reply(session, SPK_REPLY_OK, item->metadata ? "{\"status\":\"ok\"}" : item->content);
    drop(session);
}

/* One step of the request at the head. 1: there is more to do at once. */
static int step(struct spk_session *session)
{
    if (!session->first || session->waits == WAIT_STUBBORN)
        return 0;
    if (getenv("ECHO_PLUGIN") && strcmp(getenv("ECHO_PLUGIN"), "nopython") == 0) {
        end_error(session, "NoPython");
        return 1;
    }
    if (session->waits == WAIT_NONE) {
        if (session->ending) {
            reply(session, SPK_REPLY_ABORTED, "{\"status\":\"aborted\"}");
            drop(session);
        } else if (session->first->kind == EXECUTE) {
            run_cell(session);
        } else {
            run_other(session);
        }
        return 1;
    }
    if (session->waits == WAIT_INPUT && session->answered) {
        result_text(session, session->answer);
        end_ok(session);
        return 1;
    }
    if (session->interrupted || session->ending) {
        end_error(session, "KeyboardInterrupt");
        return 1;
    }
    return 0;
}

static int do_dispatch(struct spk_session *session, struct spk_error *error)
{
    uint64_t count = 0;
    if (session->broken) {
        (void)snprintf(error->text, sizeof error->text, "echo is broken");
        return -EIO;
    }
    if (read(session->fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return -errno;
    while (!session->broken && step(session)) {
    }
    if (session->broken)
        wake(session);
    if (session->ending && !session->first && !session->ended) {
        session->ended = 1;
        session->host.status(session->host.ctx, SPK_STATUS_ENDED, text_of(""));
    }
    return 0;
}

static int add(struct spk_session *session, struct item wanted)
{
    if (session->ending) {
        release(&wanted);
        return -ESHUTDOWN;
    }
    struct item *item = malloc(sizeof *item);
    if (!item)
        abort();
    *item = wanted;
    *session->last = item;
    session->last = &item->next;
    wake(session);
    return 0;
}

static int do_execute(struct spk_session *session, uint64_t request, struct spk_text content,
                      struct spk_text metadata, uint64_t execution_count, struct spk_error *error)
{
    char *text = copy(content);
    char code[TEXT_MAX];
    code_of(text, code);
    if (strcmp(code, "refuse") == 0) {
        free(text);
        (void)snprintf(error->text, sizeof error->text, "echo will not");
        return -EINVAL;
    }
    return add(session, (struct item){.kind = EXECUTE,
                                      .number = request,
                                      .count = execution_count,
                                      .content = text,
                                      .content_len = content.len,
                                      .metadata = copy(metadata),
                                      .metadata_len = metadata.len});
}

/* Replies with the content that it got. */
static int do_plain(struct spk_session *session, uint64_t request, struct spk_text content,
                    struct spk_error *error)
{
    (void)error;
    return add(session, (struct item){.kind = PLAIN, .number = request, .content = copy(content)});
}

static int do_kernel_info(struct spk_session *session, uint64_t request, struct spk_error *error)
{
    (void)error;
    return add(session, (struct item){.kind = INFO, .number = request});
}

static int do_comm(struct spk_session *session, uint64_t request, struct spk_text content,
                   struct spk_text metadata, const struct spk_text *buffers, size_t count,
                   struct spk_error *error)
{
    (void)error;
    struct spk_text *copies = calloc(count + 1, sizeof *copies);
    if (!copies)
        abort();
    for (size_t i = 0; i < count; i++)
        copies[i] = (struct spk_text){copy(buffers[i]), buffers[i].len};
    return add(session, (struct item){.kind = COMM,
                                      .number = request,
                                      .content = copy(content),
                                      .content_len = content.len,
                                      .metadata = copy(metadata),
                                      .metadata_len = metadata.len,
                                      .buffers = copies,
                                      .buffer_count = count});
}

static int do_input_reply(struct spk_session *session, uint64_t request, struct spk_text value,
                          struct spk_error *error)
{
    (void)error;
    if (session->waits != WAIT_INPUT || session->first->number != request)
        return -ENOENT;
    size_t len = value.len < TEXT_MAX - 1 ? value.len : TEXT_MAX - 1;
    memcpy(session->answer, value.data, len);
    session->answer[len] = '\0';
    session->answered = 1;
    wake(session);
    return 0;
}

static int do_interrupt(struct spk_session *session)
{
    session->interrupted = 1;
    wake(session);
    return 0;
}

static int do_shutdown(struct spk_session *session, uint32_t grace_ms)
{
    (void)grace_ms;
    session->ending = 1;
    wake(session);
    return 0;
}

static int do_create(const struct spk_host *host, const struct spk_options *options,
                     struct spk_session **session, struct spk_error *error)
{
    (void)options;
    (void)error;
    struct spk_session *made = calloc(1, sizeof *made);
    if (!made || !(host->reply && host->size == sizeof *host))
        abort();
    made->host = *host;
    made->last = &made->first;
    made->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *session = made;
    return made->fd < 0 ? -errno : 0;
}

static int do_descriptor(const struct spk_session *session)
{
    return session->fd;
}

static int do_destroy(struct spk_session *session)
{
    if (!session)
        return 0;
    while (session->first)
        drop(session);
    (void)close(session->fd);
    free(session);
    return 0;
}

EXPORT const struct spk_plugin *spk_plugin_entry(uint32_t abi)
{
    static struct spk_plugin table = {
        .size = sizeof table,
        .abi = SPK_ABI,
        .version = "echo",
        .create = do_create,
        .descriptor = do_descriptor,
        .dispatch = do_dispatch,
        .execute = do_execute,
        .complete = do_plain,
        .inspect = do_plain,
        .is_complete = do_plain,
        .kernel_info = do_kernel_info,
        .history = do_plain,
        .comm_open = do_comm,
        .comm_message = do_comm,
        .comm_close = do_comm,
        .comm_info = do_plain,
        .input_reply = do_input_reply,
        .interrupt = do_interrupt,
        .shutdown = do_shutdown,
        .destroy = do_destroy,
    };
    const char *unfit = getenv("ECHO_PLUGIN");
    if (abi != SPK_ABI || (unfit && strcmp(unfit, "null") == 0))
        return NULL;
    if (unfit && strcmp(unfit, "abi") == 0)
        table.abi = SPK_ABI + 1;
    if (unfit && strcmp(unfit, "short") == 0)
        table.size = 64;
    return &table;
}
