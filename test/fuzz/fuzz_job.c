/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_job.c - whatever relays say to their job, whole or torn, in whatever order, while they come and go: a
 * stranger is told nothing, no rank gets the cell twice, what comes back lies where it was announced, and the
 * library is told in whole frames.
 */
#include "ranks/job_state.h"
#include "wire/rank_protocol.h"

#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RANKS 3u
#define RELAYS 5u /* more than fit */
#define REQUEST 7u
#define TOKEN "0123456789abcdef0123456789abcdef"

enum what { RAW, FRAME, PART, PARTS, HELLO, LEAVE, RUN, FROM_LIBRARY, WHATS };

/* A relay's end. */
static struct relay {
    struct channel channel;
    int known;      /* it has said the token */
    unsigned cells; /* it has been given */
} relays[RELAYS];

static struct job *job;
static struct channel library; /* its end */
static struct sockaddr_un meeting;
static socklen_t meeting_len;

static void on_text(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    (void)owner;
    MUST(request == REQUEST && (which == SPK_STDOUT || which == SPK_STDERR) && text.len);
}

static void start(void)
{
    static unsigned char cell[] = "\4\0\0\0cell";
    int pair[2];
    job = calloc(1, sizeof *job);
    MUST(job && loop_init(&job->loop) == 0);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    channel_init(&job->library, pair[0]);
    channel_init(&library, pair[1]);
    job->library_source = (struct source){.fd = pair[0]};
    job->stream = (struct output_pace){.write = on_text};
    memcpy(job->rendezvous, TOKEN, sizeof TOKEN);
    job->cell = (struct frame){.type = WORKER_EXECUTE, .request = REQUEST, .payload = cell, .len = 8};
    job->options = strdup("{}");
    job->state = memfd_create("state", MFD_CLOEXEC);
    job->results = memfd_create("results", MFD_CLOEXEC);
    MUST(job->options && job->state >= 0 && job->results >= 0);
    MUST(write(job->state, "the variables", 13) == 13);
    MUST(shared_file_describe(job->state, job->state_where, &job->state_len) == 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    meeting = (struct sockaddr_un){.sun_family = AF_UNIX};
    struct sockaddr *address = (struct sockaddr *)&meeting;
    MUST(fd >= 0 && bind(fd, address, sizeof meeting.sun_family) == 0 && listen(fd, 2 * RELAYS) == 0);
    meeting_len = sizeof meeting;
    MUST(getsockname(fd, address, &meeting_len) == 0);
    job->listener = (struct source){.fd = fd, .ready = ranks_accept, .owner = job};
    MUST(loop_watch(&job->loop, &job->listener, LOOP_READ) == 0);
}

static void come(struct relay *relay)
{
    channel_finish(&relay->channel);
    *relay = (struct relay){0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && connect(fd, (struct sockaddr *)&meeting, meeting_len) == 0);
    channel_init(&relay->channel, fd);
}

static void hear(struct relay *relay)
{
    struct frame frame;
    long got;
    int more = 0;
    while ((got = channel_receive(&relay->channel)) > 0) {
        MUST(relay->known);
        while ((more = channel_next(&relay->channel, &frame)) > 0)
            if (frame.type == WORKER_EXECUTE)
                relay->cells++;
        MUST(more == 0 && relay->cells <= 1);
    }
    if (got != -EAGAIN)
        come(relay); /* it has been let go */
}

static void hear_library(void)
{
    struct frame frame;
    int more = 0;
    while (channel_receive(&library) > 0) {
        while ((more = channel_next(&library, &frame)) > 0)
            MUST(frame.request == REQUEST);
        MUST(more == 0);
    }
    MUST(channel_flush(&job->library) == 0);
}

static void look(void)
{
    uint32_t open = 0;
    struct stat results;
    for (uint32_t i = 0; i < job->count; i++) {
        const struct rank *rank = job->ranks[i];
        open += !rank || (rank->state != RANK_REPLIED && rank->state != RANK_GONE);
        MUST(!rank || (rank->file_at <= rank->file_end && rank->file_end <= job->results_len));
        MUST(!rank || rank->state < RANK_BUSY || job->begun || rank->state == RANK_GONE);
    }
    MUST(open == job->open && job->given <= job->count && job->ready <= job->count);
    MUST(fstat(job->results, &results) == 0 && (uint64_t)results.st_size <= job->results_len);
}

/* Until everything that was said has been heard. */
static void settle(void)
{
    struct pollfd wanted = {.fd = job->loop.fd, .events = POLLIN};
    for (int turns = 0; poll(&wanted, 1, 0) == 1; turns++) {
        MUST(turns < 1000 && loop_dispatch(&job->loop) == 0);
        hear_library();
    }
    for (size_t i = 0; i < RELAYS; i++)
        hear(&relays[i]);
    look();
}

static void say(struct relay *relay, uint16_t type, const struct spk_text *parts, size_t count)
{
    (void)channel_send(&relay->channel, type, REQUEST, parts, count, NULL, 0); /* it may have been let go */
}

static void hello(struct relay *relay, uint32_t rank, uint32_t count)
{
    unsigned char numbers[8];
    frame_put_u32(numbers, rank);
    frame_put_u32(numbers + 4, count);
    struct spk_text parts[] = {{TOKEN, 32}, {(const char *)numbers, 4}, {(const char *)numbers + 4, 4}};
    relay->known = 1;
    say(relay, RANK_HELLO, parts, 3);
}

/* All ranks, until they have the cell, if nobody is in their way. */
static void run(void)
{
    for (uint32_t i = 0; i < RANKS; i++)
        hello(&relays[i], i, RANKS);
    settle();
    static const uint16_t words[] = {WORKER_READY, RANK_HAS_STATE};
    for (size_t word = 0; word < 2; word++) {
        for (uint32_t i = 0; i < RANKS; i++)
            if (relays[i].known)
                say(&relays[i], words[word], NULL, 0);
        settle();
    }
}

static void say_frame(struct relay *relay, enum what what, const char *bytes, size_t len)
{
    static const uint16_t types[] = {RANK_TEXT,
                                     RANK_FILE,
                                     RANK_FILE_PIECE,
                                     WORKER_REPLY,
                                     WORKER_ERROR_OUTPUT,
                                     WORKER_READY,
                                     RANK_ENDED,
                                     RANK_HAS_STATE,
                                     RANK_WANTS_STATE,
                                     WORKER_CELL_RAN,
                                     WORKER_FAILED,
                                     WORKER_HELLO,
                                     RANK_HELLO,
                                     WORKER_INPUT_REQUEST,
                                     WORKER_DISPLAY_DATA,
                                     WORKER_CLEAR_OUTPUT,
                                     WORKER_EXECUTE_RESULT};
    if (!len)
        return;
    uint16_t type = types[(unsigned char)bytes[0] % (sizeof types / sizeof *types)];
    size_t first = len > 1 ? (unsigned char)bytes[0] / 16u % len : 0;
    bytes++;
    len--;
    struct spk_text parts[] = {{bytes, what == PART ? len : first}, {bytes + first, len - first}};
    if (what == FRAME)
        (void)channel_forward(&relay->channel, type, REQUEST, (struct spk_text){bytes, len});
    else
        say(relay, type, parts, what == PART ? 1 : 2);
}

static void from_library(const char *bytes, size_t len)
{
    if (len & 1)
        ranks_interrupt(job);
    else if (len & 2)
        questions_answer(job, (struct spk_text){bytes, len});
    else
        job_flush(job);
}

/* A byte that says who and what, one that is a number, and for most that many bytes. */
static void act(struct input *input)
{
    unsigned first = input_byte(input), number = input_byte(input);
    enum what what = (enum what)(first / RELAYS % WHATS);
    struct relay *relay = &relays[first % RELAYS];
    const char *bytes = (const char *)input->data;
    size_t len = what == HELLO ? 0 : number < input->size ? number : input->size;
    input->data += len;
    input->size -= len;
    if (what == RAW)
        (void)send(relay->channel.fd, bytes, len, MSG_NOSIGNAL); /* as in say() */
    else if (what == HELLO)
        hello(relay, number % (RANKS + 1), number < 16 ? RANKS : number);
    else if (what == LEAVE)
        come(relay);
    else if (what == RUN)
        run();
    else if (what == FROM_LIBRARY)
        from_library(bytes, len);
    else
        say_frame(relay, what, bytes, len);
    settle();
}

static void end(void)
{
    for (size_t i = 0; i < RELAYS; i++)
        channel_finish(&relays[i].channel);
    job_flush(job);
    ranks_finish(job);
    aggregate_free(job->aggregate);
    output_pace_finish(&job->stream);
    channel_finish(&job->library);
    channel_finish(&library);
    loop_finish(&job->loop);
    int fds[] = {job->listener.fd, job->state, job->results};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
    char *texts[] = {job->options, job->files, job->failure, job->question};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    int told = memmem(data, size, TOKEN, 32) != NULL; /* bytes of its own may be the right ones */
    start();
    for (size_t i = 0; i < RELAYS; i++) {
        relays[i].channel = CHANNEL_CLOSED;
        come(&relays[i]);
    }
    while (input.size) {
        for (size_t i = 0; i < RELAYS; i++)
            relays[i].known |= told;
        act(&input);
    }
    end();
    return 0;
}
