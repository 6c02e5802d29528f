/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_session.c - a session whose keeper and whose processes say whatever they like, while a host asks: each request
 * has one reply, at the end of the session at the latest, and no descriptor is left.
 *
 * This program is the keeper and all processes: no process is ever started.
 */
// wrap: socketpair clone paths_private paths_python
#include "session/session.h"

#include "wire/keeper_protocol.h"
#include "wire/worker_protocol.h"

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROCESSES 5u
#define REQUESTS_MAX 200u

/* A process as it is from within. */
struct process {
    uint64_t id;
    struct channel channel; /* closed: there is none */
    int out[2];
    uint64_t request; /* the last that it was asked */
};

static struct channel keeper;
static struct process processes[PROCESSES];
static size_t processes_made;
static const struct spk_plugin *library;
static struct spk_session *session;
static uint64_t begun;
static unsigned char replies[REQUESTS_MAX + 1];
static int ended, last_pair[2];

/* --- in the session's way -------------------------------------------------------------------------- */

int __real_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
    int result = __real_socketpair(domain, type, protocol, pair);
    memcpy(last_pair, pair, sizeof last_pair);
    return result;
}

/* The keeper is started: with the other end of the pair that was made for it. */
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...);
int __wrap_clone(int (*child)(void *), void *stack, int flags, void *argument, ...)
{
    (void)child;
    (void)stack;
    (void)flags;
    (void)argument;
    channel_finish(&keeper);
    int fd = fcntl(last_pair[1], F_DUPFD_CLOEXEC, 3);
    MUST(fd >= 0);
    channel_init(&keeper, fd);
    return INT_MAX; /* no such process can be waited for */
}

int __wrap_paths_private(char path[PATHS_MAX], struct spk_error *error);
int __wrap_paths_private(char path[PATHS_MAX], struct spk_error *error)
{
    (void)error;
    snprintf(path, PATHS_MAX, "/nowhere");
    return 0;
}

int __wrap_paths_python(const char *python, const char *const *environment, const char *directory,
                        char found[PATHS_MAX], struct spk_error *error);
int __wrap_paths_python(const char *python, const char *const *environment, const char *directory,
                        char found[PATHS_MAX], struct spk_error *error)
{
    (void)environment;
    (void)directory;
    (void)error;
    snprintf(found, PATHS_MAX, "%s", python);
    return 0;
}

/* --- the host -------------------------------------------------------------------------------------- */

static void on_stream(void *ctx, uint64_t request, uint32_t stream, struct spk_text text)
{
    (void)ctx;
    (void)request; /* a process says it under any number: the host knows which are its own */
    MUST((stream == SPK_STDOUT || stream == SPK_STDERR) && text.data);
}

static void on_content(void *ctx, uint64_t request, struct spk_text content)
{
    (void)ctx;
    (void)request;
    MUST(content.data || !content.len);
}

static void on_clear(void *ctx, uint64_t request, uint32_t wait)
{
    (void)ctx;
    (void)request;
    (void)wait;
}

static void on_input(void *ctx, uint64_t request, struct spk_text prompt, uint32_t password)
{
    (void)password;
    on_content(ctx, request, prompt);
}

static void on_comm(void *ctx, uint64_t request, struct spk_text content, struct spk_text metadata,
                    const struct spk_text *buffers, size_t count)
{
    on_content(ctx, request, content);
    on_content(ctx, request, metadata);
    for (size_t i = 0; i < count; i++)
        on_content(ctx, request, buffers[i]);
}

static void on_reply(void *ctx, uint64_t request, uint32_t how, struct spk_text content)
{
    (void)ctx;
    (void)how;
    MUST(request > 0 && request <= begun && content.data);
    MUST(replies[request]++ == 0);
}

static void on_status(void *ctx, uint32_t status, struct spk_text text)
{
    (void)ctx;
    (void)text;
    MUST(!ended);
    ended = status == SPK_STATUS_ENDED;
}

static void on_log(void *ctx, uint32_t level, struct spk_text text)
{
    (void)level;
    on_content(ctx, 0, text);
}

static const struct spk_host host = {.size = sizeof host,
                                     .abi = SPK_ABI,
                                     .stream = on_stream,
                                     .display_data = on_content,
                                     .update_display_data = on_content,
                                     .clear_output = on_clear,
                                     .execute_result = on_content,
                                     .error = on_content,
                                     .input_request = on_input,
                                     .comm_open = on_comm,
                                     .comm_message = on_comm,
                                     .comm_close = on_comm,
                                     .reply = on_reply,
                                     .status = on_status,
                                     .log = on_log};

static void ask(unsigned what)
{
    static const char *const cells[] = {
        "{\"code\":\"x\"}",
        "{\"code\":\"%%execute_with_scorep\\nx\"}",
        "{\"code\":\"%%execute_with_scorep --guard\\nx\"}",
        "{\"code\":\"%%execute_with_scorep --ranks 2\\nx\"}",
        "{\"code\":\"%%scorep_env\\nA=1\"}",
        "{\"code\":\"%%marshalling_settings\\nMODE=disk\"}",
        "{\"code\":\"%%marshalling_settings\\nPROCESS=launch\"}",
        "{\"code\":\"%%scorep_python_binding_arguments\\n--noinstrumenter\"}",
        "{\"code\":\"%%enable_multicellmode\"}",
        "{\"code\":\"%%finalize_multicellmode\"}",
        "{\"code\":\"%%start_writefile\\na.py\"}",
        "{\"code\":\"%%end_writefile\"}",
        "{\"code\":\"%scorep_marked\"}",
        "{\"code\":1}",
    };
    const struct spk_text empty = {"{}", 2};
    if (begun == REQUESTS_MAX)
        return;
    uint64_t number = begun + 1;
    int result;
    if (what < 28) {
        struct spk_text content = {cells[what % 14], strlen(cells[what % 14])};
        result = library->execute(session, number, content, empty, number, NULL);
    } else {
        result = what % 3 == 0   ? library->kernel_info(session, number, NULL)
                 : what % 3 == 1 ? library->complete(session, number, empty, NULL)
                                 : library->comm_message(session, number, empty, empty, &empty, 1, NULL);
    }
    begun += result == 0;
    MUST(result == 0 || result == -ESHUTDOWN);
}

/* --- keeper and processes -------------------------------------------------------------------------- */

static void let_go(struct process *process)
{
    channel_finish(&process->channel);
    for (int i = 0; i < 2; i++) {
        if (process->out[i] >= 0)
            close(process->out[i]);
        process->out[i] = -1;
    }
}

/* A new process with these ends; one that is there already makes room. */
static void come(uint64_t id, int socket, int out, int err)
{
    struct process *process = &processes[processes_made++ % PROCESSES];
    let_go(process);
    MUST(fcntl(socket, F_SETFL, O_NONBLOCK) == 0);
    process->id = id;
    process->request = 0;
    process->out[0] = out;
    process->out[1] = err;
    channel_init(&process->channel, socket);
}

static void hear_keeper(void)
{
    struct frame frame;
    while (keeper.fd >= 0 && channel_receive(&keeper) > 0)
        while (channel_next(&keeper, &frame) > 0) {
            int fds[4] = {-1, -1, -1, -1};
            for (unsigned i = 0; i < frame.fds; i++)
                fds[i & 3] = channel_claim_fd(&keeper);
            if (frame.type != KEEPER_SPAWN)
                continue;
            MUST(frame.fds == 4 && fds[3] >= 0);
            close(fds[0]);
            come(frame.request, fds[3], fds[1], fds[2]);
        }
}

static void hear_processes(void)
{
    struct frame frame;
    for (size_t i = 0; i < PROCESSES; i++)
        while (processes[i].channel.fd >= 0 && channel_receive(&processes[i].channel) > 0)
            while (channel_next(&processes[i].channel, &frame) > 0) {
                for (unsigned fd = 0; fd < frame.fds; fd++)
                    close(channel_claim_fd(&processes[i].channel));
                if (frame.request)
                    processes[i].request = frame.request;
            }
}

/* Until everything that was said has been heard. */
static void settle(void)
{
    struct pollfd wanted = {.fd = library->descriptor(session), .events = POLLIN};
    for (int turns = 0; poll(&wanted, 1, 0) == 1; turns++) {
        MUST(turns < 2000 && library->dispatch(session, NULL) == 0);
        hear_keeper();
        hear_processes();
    }
}

/* Two parts, or as many as the bytes say. */
static void say(struct channel *channel, uint16_t type, uint64_t request, struct input *input, size_t len,
                const int *fds, size_t fd_count)
{
    size_t first = len ? input_byte(input) % (len + 1) : 0;
    const char *bytes = (const char *)input->data;
    len = len < input->size ? len : input->size;
    first = first < len ? first : len;
    struct spk_text parts[] = {{bytes, first}, {bytes + first, len - first}, {"{}", 2}};
    if (channel->fd >= 0 && fd_count)
        (void)channel_send(channel, type, request, parts, 3, fds, fd_count); /* it may have been let go */
    else if (channel->fd >= 0 && len & 1)
        (void)channel_forward(channel, type, request, (struct spk_text){bytes, len});
    else if (channel->fd >= 0)
        (void)channel_send(channel, type, request, parts, 2, NULL, 0);
    input->data += len;
    input->size -= len;
}

/* Numbers stand first in most frames, with four bytes. */
static void say_number(struct process *process, uint16_t type, uint32_t number, const char *text)
{
    unsigned char bytes[4];
    frame_put_u32(bytes, number);
    struct spk_text parts[] = {{(const char *)bytes, 4}, {text, strlen(text)}, {"[]", 2}};
    if (process->channel.fd >= 0)
        (void)channel_send(&process->channel, type, process->request, parts, 3, NULL, 0); /* as in say() */
}

/* With what a forked copy is: its socket and pipes. */
static void say_copy(struct process *process, uint16_t type, unsigned count)
{
    static const char plan[] = "{\"key\":\"k\",\"argv\":[\"p\"],\"environment\":[],\"ahead\":1}";
    unsigned char pid[4];
    int ends[3][2];
    if (process->channel.fd < 0)
        return;
    MUST(__real_socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[0]) == 0);
    MUST(pipe2(ends[1], O_CLOEXEC) == 0 && pipe2(ends[2], O_CLOEXEC) == 0);
    frame_put_u32(pid, count & 4 ? 0 : 77);
    int fds[3] = {ends[0][0], ends[1][0], ends[2][0]};
    struct spk_text spare[] = {{(const char *)pid, 4}, {"{\"threads\":2}", 13}};
    struct spk_text launch[] = {{plan, sizeof plan - 1}, {(const char *)pid, 4}, {"{}", 2}};
    struct spk_text *parts = type == WORKER_LAUNCH ? launch : spare;
    (void)channel_send(&process->channel, type, process->request, parts, type == WORKER_LAUNCH ? 3 : 2, fds,
                       count % 4);
    for (int i = 0; i < 3; i++)
        close(ends[i][0]);
    come(0, ends[0][1], ends[1][1], ends[2][1]);
}

static void keeper_says(struct input *input)
{
    static const uint16_t types[] = {KEEPER_SPAWNED, KEEPER_FAILED, KEEPER_EXITED, KEEPER_SPAWN};
    unsigned what = input_byte(input), id = input_byte(input), len = input_byte(input) % 40;
    say(&keeper, types[what % 4], id % 8, input, len, NULL, 0);
}

/* It has ended: the keeper tells, as it does. */
static void exits(struct process *process, unsigned status)
{
    unsigned char numbers[28] = {0};
    frame_put_u32(numbers, status);
    struct spk_text parts[] = {{(const char *)numbers, 4},
                               {(const char *)numbers + 4, 8},
                               {(const char *)numbers + 12, 8},
                               {(const char *)numbers + 20, 8}};
    let_go(process);
    uint64_t id = process->id ? process->id : session->standby.id ? session->standby.id : session->launched.runner.worker.id;
    if (keeper.fd >= 0)
        (void)channel_send(&keeper, KEEPER_EXITED, id, parts, 4, NULL, 0); /* it may have been let go */
}

static void process_says(struct process *process, unsigned what, struct input *input)
{
    static const uint16_t types[] = {
        WORKER_HELLO,           WORKER_READY,  WORKER_FAILED,        WORKER_DISPLAY_DATA, WORKER_EXECUTE_RESULT,
        WORKER_ERROR_OUTPUT,           WORKER_REPLY,  WORKER_CLEAR_OUTPUT,  WORKER_LOG,          WORKER_FROM_COMM_OPEN,
        WORKER_FROM_COMM_CLOSE, WORKER_LAUNCH, WORKER_INPUT_REQUEST, WORKER_STATE,        WORKER_STANDBY,
        WORKER_NOT_FOR_ME,      WORKER_TEXT,   WORKER_CELL_RAN,      WORKER_EXECUTE};
    unsigned type = input_byte(input), len = input_byte(input);
    uint64_t request = type & 0x80 ? begun : type & 0x40 ? 0 : process->request;
    int fds[] = {process->out[0], process->out[1]};
    say(&process->channel, types[type % (sizeof types / sizeof *types)], request, input, len, fds,
        fds[0] >= 0 && what == 2 ? 1 + len % 2 : 0);
}

static void process_writes(struct process *process, unsigned which, struct input *input)
{
    size_t len = input_byte(input);
    len = len < input->size ? len : input->size;
    int fd = which == 2 ? process->channel.fd : process->out[which];
    if (fd >= 0)
        (void)!write(fd, input->data, len); /* it may have been let go */
    input->data += len;
    input->size -= len;
}

static void act(struct input *input)
{
    unsigned what = input_byte(input), detail = what / 16;
    struct process *process = &processes[detail % PROCESSES];
    switch (what % 16) {
    case 0:
    case 1:
        ask(input_byte(input) % 32);
        break;
    case 2:
    case 3:
        process_says(process, what % 16, input);
        break;
    case 4:
        say_number(process, WORKER_READY, 0, "");
        break;
    case 5:
        say_number(process, WORKER_REPLY, input_byte(input) % 3, "{\"status\":\"ok\"}");
        break;
    case 6:
        say_copy(process, WORKER_STANDBY, input_byte(input));
        break;
    case 7:
        say_copy(process, WORKER_LAUNCH, input_byte(input));
        break;
    case 8:
        exits(process, input_byte(input) << 8);
        break;
    case 9:
        process_writes(process, input_byte(input) % 3, input);
        break;
    case 10:
        (void)library->interrupt(session); /* without effect when no cell runs */
        break;
    case 11:
        (void)library->input_reply(session, begun, (struct spk_text){"line", 4}, NULL); /* nobody may wait */
        break;
    case 12:
        keeper_says(input);
        break;
    case 13:
        say_number(process, WORKER_INPUT_REQUEST, 0, "\0\0\0");
        break;
    case 14:
        let_go(process);
        break;
    default:
        if (detail == 0)
            channel_finish(&keeper);
        else if (detail == 1)
            (void)library->shutdown(session, input_byte(input)); /* it may have been asked to already */
        break;
    }
    settle();
}

static int lowest_free_fd(void)
{
    int fd = dup(STDERR_FILENO);
    MUST(fd >= 0);
    close(fd);
    return fd;
}

/* Whatever was said, the session ends, and all have their answers. */
static void end(void)
{
    (void)library->shutdown(session, 0); /* as above */
    settle();
    channel_finish(&keeper);
    settle();
    MUST(ended);
    for (uint64_t i = 1; i <= begun; i++)
        MUST(replies[i] == 1);
    MUST(library->destroy(session) == 0);
    for (size_t i = 0; i < PROCESSES; i++)
        let_go(&processes[i]);
    channel_finish(&keeper);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const nothing[] = {NULL};
    struct spk_options options = {
        .size = sizeof options, .python = "/python", .directory = "/", .environment = nothing};
    struct input input = {data, size < 2048 ? size : 2048};
    signal(SIGPIPE, SIG_IGN); /* of what this program writes to who has gone */
    keeper = CHANNEL_CLOSED;
    for (size_t i = 0; i < PROCESSES; i++)
        processes[i] = (struct process){.channel = CHANNEL_CLOSED, .out = {-1, -1}};
    processes_made = 0;
    begun = 0;
    ended = 0;
    memset(replies, 0, sizeof replies);
    int before = lowest_free_fd();
    library = spk_plugin_entry(SPK_ABI);
    MUST(library->create(&host, &options, &session, NULL) == 0);
    settle();
    while (input.size)
        act(&input);
    end();
    MUST(lowest_free_fd() == before);
    return 0;
}
