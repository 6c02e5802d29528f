/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_jupyter.c - a host whose clients send whatever they like over real Jupyter channels, to a library that answers
 * as it likes: nobody gets in without the key, each message that was not refused has an end, and what is sent to
 * clients is whole and JSON.
 *
 * There are two servers: one without a key, whose messages go through the whole host, and one with a key.
 */
// wrap: log_print
#include "shim/host/control.h"
#include "shim/host/outputs.h"
#include "shim/host/shell.h"

#include "fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include <zmq.h>

#define CHANNELS 3
#define FRAMES_MAX 12
#define PENDING_MAX 64

/* A server, and its one client. */
struct end {
    struct server *server;
    void *sockets[CHANNELS]; /* by enum server_channel */
    void *listener;
};

static char directory[] = "/tmp/scorepkernel-fuzz-XXXXXX";
static void *context;
static struct end open_end, signed_end;
static zmq_msg_t signed_frames[5]; /* a message of the key's holder, from its signature on */

static struct host host;
static struct spk_host library; /* what the library calls */
static struct {
    uint64_t numbers[PENDING_MAX];
    size_t count;
    unsigned how; /* bits: refuse, ask, reply no JSON */
} asked;
static unsigned fences; /* a bit for each channel whose last message has come */
static int delivered;   /* messages of the key's holder */

void __wrap_log_print(const char *format, ...);
void __wrap_log_print(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* formatting reads what it is given */
    va_end(arguments);
}

/* --- the library ----------------------------------------------------------------------------------- */

static int begin(uint64_t request, struct spk_error *error)
{
    if (asked.how & 1 || asked.count == PENDING_MAX) {
        snprintf(error->text, sizeof error->text, asked.how & 2 ? "" : "refused");
        return -EIO;
    }
    asked.numbers[asked.count++] = request;
    return 0;
}

static void read_all(struct spk_text text)
{
    unsigned sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.data[i];
    MUST(sum < UINT32_MAX);
}

static int do_execute(struct spk_session *session, uint64_t request, struct spk_text content,
                      struct spk_text metadata, uint64_t execution_count, struct spk_error *error)
{
    (void)session;
    MUST(execution_count > 0 && fuzz_valid_utf8((const unsigned char *)content.data, content.len));
    read_all(metadata);
    return begin(request, error);
}

static int do_plain(struct spk_session *session, uint64_t request, struct spk_text content,
                    struct spk_error *error)
{
    (void)session;
    read_all(content);
    return begin(request, error);
}

static int do_info(struct spk_session *session, uint64_t request, struct spk_error *error)
{
    (void)session;
    return begin(request, error);
}

static int do_comm(struct spk_session *session, uint64_t request, struct spk_text content,
                   struct spk_text metadata, const struct spk_text *buffers, size_t count,
                   struct spk_error *error)
{
    (void)session;
    read_all(content);
    read_all(metadata);
    for (size_t i = 0; i < count; i++)
        read_all(buffers[i]);
    return begin(request, error);
}

static int do_input(struct spk_session *session, uint64_t request, struct spk_text value,
                    struct spk_error *error)
{
    (void)session;
    (void)error;
    MUST(request);
    read_all(value);
    return asked.how & 1 ? -ENOENT : 0;
}

static int do_interrupt(struct spk_session *session)
{
    (void)session;
    return asked.how & 1 ? -EIO : 0;
}

static int do_shutdown(struct spk_session *session, uint32_t grace_ms)
{
    (void)session;
    (void)grace_ms;
    return asked.how & 1 ? -EIO : 0;
}

static const struct spk_plugin plugin = {.size = sizeof plugin,
                                         .abi = SPK_ABI,
                                         .version = "1",
                                         .execute = do_execute,
                                         .complete = do_plain,
                                         .inspect = do_plain,
                                         .is_complete = do_plain,
                                         .history = do_plain,
                                         .comm_info = do_plain,
                                         .kernel_info = do_info,
                                         .comm_open = do_comm,
                                         .comm_message = do_comm,
                                         .comm_close = do_comm,
                                         .input_reply = do_input,
                                         .interrupt = do_interrupt,
                                         .shutdown = do_shutdown};

static struct spk_text text_of(const char *text)
{
    return (struct spk_text){text, strlen(text)};
}

static void answer(void)
{
    while (asked.count) {
        uint64_t number = asked.numbers[--asked.count];
        struct spk_text nonsense = text_of("{\"data\":");
        if (asked.how & 4)
            library.input_request(&host, number, text_of("name? "), 0);
        if (asked.how & 8)
            library.display_data(&host, number, asked.how & 16 ? nonsense : text_of("{\"data\":{}}"));
        library.reply(&host, number, asked.how >> 5, asked.how & 16 ? nonsense : text_of("{\"status\":\"ok\"}"));
    }
}

/* --- the channels ---------------------------------------------------------------------------------- */

static const char fence[] = "fence";

static void on_message(void *ctx, enum server_channel channel, struct message *message)
{
    int is_fence = strcmp(message->type, fence) == 0;
    fences |= is_fence ? 1u << channel : 0;
    read_all(message->content_text);
    MUST(message->origin && origin_id(message->origin) && message->parent_id);
    if (ctx == &signed_end)
        delivered++;
    if (is_fence || ctx == &signed_end)
        message_free(message);
    else if (channel == SERVER_SHELL)
        shell_receive(&host, message);
    else if (channel == SERVER_CONTROL)
        control_receive(&host, message);
    else
        control_input(&host, message);
}

static void *connected(int type, const char *path, int port)
{
    char address[128];
    void *socket = zmq_socket(context, type);
    snprintf(address, sizeof address, "ipc://%s-%d", path, port);
    MUST(socket && zmq_connect(socket, address) == 0);
    return socket;
}

static void open_channels(struct end *end, const char *name, const char *scheme, const char *key)
{
    struct spk_error error = {.size = sizeof error};
    struct connection where = {.transport = "ipc", .ports = {1, 2, 3, 4, 5}};
    snprintf(where.ip, sizeof where.ip, "%s/%s", directory, name);
    snprintf(where.scheme, sizeof where.scheme, "%s", scheme);
    snprintf(where.key, sizeof where.key, "%s", key);
    end->server = server_create(&where, on_message, end, &error);
    MUST(end->server != NULL);
    end->sockets[SERVER_SHELL] = connected(ZMQ_DEALER, where.ip, where.ports[PORT_SHELL]);
    end->sockets[SERVER_CONTROL] = connected(ZMQ_DEALER, where.ip, where.ports[PORT_CONTROL]);
    end->sockets[SERVER_STDIN] = connected(ZMQ_DEALER, where.ip, where.ports[PORT_STDIN]);
    end->listener = connected(ZMQ_SUB, where.ip, where.ports[PORT_IOPUB]);
    MUST(zmq_setsockopt(end->listener, ZMQ_SUBSCRIBE, "", 0) == 0);
}

/* The next frame of what has come. -1: there is nothing. */
static int take(void *socket, zmq_msg_t *frame, int wait)
{
    MUST(zmq_msg_init(frame) == 0);
    int len = zmq_msg_recv(frame, socket, wait ? 0 : ZMQ_DONTWAIT);
    if (len < 0)
        MUST(errno == EAGAIN && zmq_msg_close(frame) == 0);
    return len;
}

/* What clients get is whole, and its four parts are JSON. */
static void hear(void *socket)
{
    zmq_msg_t frame;
    while (take(socket, &frame, 0) >= 0) {
        int behind = -1, more;
        do {
            const char *bytes = zmq_msg_data(&frame);
            size_t len = zmq_msg_size(&frame);
            if (behind >= 2 && behind <= 5) {
                struct json *parsed = json_parse(bytes, len);
                MUST(parsed != NULL);
                json_free(parsed);
            }
            behind += behind >= 0 || (len == 9 && memcmp(bytes, "<IDS|MSG>", 9) == 0);
            if (behind == 0)
                behind = 1;
            more = zmq_msg_more(&frame);
            MUST(zmq_msg_close(&frame) == 0);
            if (more)
                MUST(take(socket, &frame, 1) >= 0);
        } while (more);
        MUST(behind >= 5);
    }
}

static void send_frame(void *socket, const void *bytes, size_t len, int more)
{
    MUST(zmq_send(socket, bytes, len, more ? ZMQ_SNDMORE : 0) == (int)len);
}

/* A message of the key's holder; one of its frames has one bit changed, if changed >= 0. */
static void send_signed(void *socket, int changed, unsigned bit)
{
    send_frame(socket, "<IDS|MSG>", 9, 1);
    for (int i = 0; i < 5; i++) {
        char copy[1024];
        size_t len = zmq_msg_size(&signed_frames[i]);
        MUST(len > 0 && len < sizeof copy);
        memcpy(copy, zmq_msg_data(&signed_frames[i]), len);
        if (changed == i)
            copy[bit / 8 % len] ^= (char)(1u << bit % 8);
        send_frame(socket, copy, len, i < 4);
    }
}

/* What the server itself signs serves as what a client does that has the key. Each is sent once: one that comes again
 * is refused. */
static void sign_anew(void)
{
    zmq_msg_t frame;
    MUST(server_publish(signed_end.server, NULL, fence, json_object(), NULL, NULL, 0) == 0);
    MUST(take(signed_end.listener, &frame, 1) >= 0 && zmq_msg_close(&frame) == 0);
    MUST(take(signed_end.listener, &frame, 1) == 9 && zmq_msg_close(&frame) == 0);
    for (int i = 0; i < 5; i++) {
        (void)zmq_msg_close(&signed_frames[i]);
        MUST(take(signed_end.listener, &signed_frames[i], 1) >= 0);
    }
}

static void send_fence(const struct end *end, int channel)
{
    static const char *const frames[] = {"<IDS|MSG>", "", "{\"msg_id\":\"f\",\"msg_type\":\"fence\"}", "{}", "{}", "{}"};
    if (end == &signed_end) {
        sign_anew();
        send_signed(end->sockets[channel], -1, 0);
        return;
    }
    for (size_t i = 0; i < 6; i++)
        send_frame(end->sockets[channel], frames[i], strlen(frames[i]), i < 5);
}

/* Until the last message of each channel has come, and all that it caused has been sent. That of stdin comes behind
 * the others, as a question throws away what waits there. */
static void serve(const struct end *end)
{
    int last_is_sent = 0;
    fences = 0;
    send_fence(end, SERVER_SHELL);
    send_fence(end, SERVER_CONTROL);
    while (fences != 7) {
        int with_shell = end == &signed_end || shell_wants(&host) || host.ending;
        if (!last_is_sent && fences == 3) {
            last_is_sent = 1;
            send_fence(end, SERVER_STDIN);
        }
        MUST(server_poll(end->server, with_shell, NULL, 0, -1) == 0);
        while (end == &open_end && (shell_advance(&host), asked.count))
            answer();
    }
    for (int channel = 0; channel < CHANNELS; channel++)
        hear(end->sockets[channel]);
    hear(end->listener);
}

static void close_all(void)
{
    struct end *ends[] = {&open_end, &signed_end};
    for (int i = 0; i < 5; i++)
        (void)zmq_msg_close(&signed_frames[i]);
    for (size_t i = 0; i < 2; i++) {
        for (int channel = 0; channel < CHANNELS; channel++)
            (void)zmq_close(ends[i]->sockets[channel]);
        (void)zmq_close(ends[i]->listener);
        server_destroy(ends[i]->server);
    }
    (void)zmq_ctx_term(context);
    (void)rmdir(directory);
}

static void set_up(void)
{
    context = zmq_ctx_new();
    MUST(context && mkdtemp(directory));
    open_channels(&open_end, "open", "none", "");
    open_channels(&signed_end, "signed", "hmac-sha256", "the key");
    /* The listener may not be there for the first ones. */
    zmq_pollitem_t heard = {.socket = signed_end.listener, .events = ZMQ_POLLIN};
    do {
        MUST(server_publish(signed_end.server, NULL, fence, json_object(), NULL, NULL, 0) == 0);
    } while (zmq_poll(&heard, 1, 20) <= 0);
    for (int i = 0; i < 5; i++)
        MUST(zmq_msg_init(&signed_frames[i]) == 0);
    sign_anew();
    (void)atexit(close_all);
}

/* --- the input ------------------------------------------------------------------------------------- */

static struct spk_text bytes_of(struct input *input, size_t len)
{
    len = len < input->size ? len : input->size;
    struct spk_text text = {(const char *)input->data, len};
    input->data += len;
    input->size -= len;
    return text;
}

/* Any frames. */
static void send_raw(void *socket, struct input *input)
{
    unsigned count = 1 + input_byte(input) % FRAMES_MAX;
    for (unsigned i = 0; i < count; i++) {
        unsigned len = input_byte(input);
        struct spk_text frame = len == 255   ? text_of("<IDS|MSG>")
                                : len == 254 ? text_of("{\"msg_id\":\"a\",\"msg_type\":\"execute_request\"}")
                                : len == 253 ? text_of("{}")
                                             : bytes_of(input, len);
        send_frame(socket, frame.data, frame.len, i + 1 < count);
    }
}

/* A message whose envelope is right; its content, parent and buffers are any. */
static void send_whole(void *socket, struct input *input)
{
    static const char *const types[] = {
        "execute_request", "complete_request",  "inspect_request", "is_complete_request", "history_request",
        "comm_open",       "comm_msg",          "comm_close",      "kernel_info_request", "comm_info_request",
        "input_reply",     "interrupt_request", "debug_request",   "connect_request",     "shutdown_request",
        "x_request"};
    char header[128];
    unsigned type = input_byte(input), buffers = type >> 4 & 3;
    snprintf(header, sizeof header, "{\"msg_id\":\"id-%u\",\"msg_type\":\"%s\"}", type, types[type % 16]);
    struct spk_text parent = type & 0x40 ? bytes_of(input, input_byte(input)) : text_of("{}");
    struct spk_text metadata = type & 0x80 ? bytes_of(input, input_byte(input)) : text_of("{}");
    struct spk_text content = bytes_of(input, input_byte(input));
    struct spk_text frames[] = {text_of("<IDS|MSG>"), text_of(""), text_of(header), parent, metadata, content};
    for (size_t i = 0; i < 6; i++)
        send_frame(socket, frames[i].data, frames[i].len, i < 5 || buffers);
    for (unsigned i = 0; i < buffers; i++) {
        struct spk_text buffer = bytes_of(input, input_byte(input));
        send_frame(socket, buffer.data, buffer.len, i + 1 < buffers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct connection nowhere = {.ip = "127.0.0.1"};
    struct input input = {data, size < 8192 ? size : 8192};
    if (!context)
        set_up();
    host = (struct host){.plugin = &plugin, .connection = &nowhere, .server = open_end.server};
    host.last = &host.first;
    MUST(requests_init(&host.requests) == 0);
    outputs_table(&host, &library);
    asked.count = 0;
    asked.how = input_byte(&input);
    int forged = 0;
    delivered = 0;
    while (input.size) {
        unsigned what = input_byte(&input), channel = (what & 3) % CHANNELS;
        if (what & 0x80) {
            unsigned which = input_byte(&input), bit = input_byte(&input);
            send_signed(signed_end.sockets[channel], (int)(which % 5), bit);
            forged++;
        } else if (what & 0x40) {
            send_raw(open_end.sockets[channel], &input);
        } else {
            send_whole(open_end.sockets[channel], &input);
        }
    }
    serve(&open_end);
    if (forged)
        serve(&signed_end);
    MUST(delivered == (forged ? CHANNELS : 0)); /* the fences */
    host.ending = 1;
    shell_abort_all(&host);
    shell_finish(&host);
    requests_finish(&host.requests);
    free(host.kernel_info);
    return 0;
}
