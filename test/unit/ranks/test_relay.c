/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_relay.c - the relay beside a rank, as the job and the rank's process see it: what one says the other
 * hears, and neither outlives it. This program is also the process (fake_worker.h).
 */
#include "ranks/rendezvous.h"
#include "wire/rank_protocol.h"
#include "ranks/shared_file.h"

#include "fake_worker.h"
#include "unit/channel_peer.h"

static char meeting[RENDEZVOUS_TEXT_LEN], variable[RENDEZVOUS_TEXT_LEN + 32];
static int listener;

struct relay {
    pid_t pid;
    struct channel channel;
};

/* With these variables besides, closed by NULL, and in a process group of its own. */
static pid_t start_with(char *const *command, const char *const *variables)
{
    char program[4096];
    snprintf(program, sizeof program, "%s/lib/scorepkernel/scorepkernel-ranks", test_tree());
    char mode[] = "relay", *arguments[8] = {program, mode};
    const char *environment[16] = {FAKE_ENVIRONMENT, "FAKE_RUNNER=yes"};
    size_t count = 3;
    for (int i = 0; command[i]; i++)
        arguments[2 + i] = command[i];
    for (; *variables; variables++)
        environment[count++] = *variables;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        execve(program, arguments, (char *const *)(void *)environment);
        _exit(99);
    }
    setpgid(pid, pid);
    return pid;
}

/* It says who it is. */
static struct relay meets(pid_t pid, uint32_t rank, uint32_t count)
{
    struct relay relay = {.pid = pid};
    struct frame frame;
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    CHECK(poll(&wanted, 1, -1) == 1);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(fd >= 0);
    channel_init(&relay.channel, fd);
    CHECK(next(&relay.channel, &frame) && frame.type == RANK_HELLO);
    CHECK(rendezvous_is_token(meeting, part_of(&frame)));
    CHECK(frame_u32(part_of(&frame), 99) == rank && frame_u32(part_of(&frame), 99) == count);
    return relay;
}

static struct relay start(char *const *command)
{
    const char *variables[] = {variable, "PMI_RANK=1", "PMI_SIZE=2", NULL};
    return meets(start_with(command, variables), 1, 2);
}

/* Until a frame of this type; what is said meanwhile, and what that says, is in text. */
static void until(struct relay *relay, uint16_t type, char *text, size_t size)
{
    struct frame frame;
    size_t len = 0;
    do {
        struct spk_text part;
        CHECK(next(&relay->channel, &frame));
        int wanted = frame.type == RANK_TEXT || frame.type == RANK_FILE_PIECE || frame.type == type;
        while (wanted && frame_next_part(&frame, &part) == 1)
            len += (size_t)snprintf(text + len, size - len, "%.*s", (int)part.len, part.data);
    } while (frame.type != type);
}

static void until_said(struct relay *relay, uint16_t type, const char *what)
{
    char text[4096] = "";
    until(relay, type, text, sizeof text);
    if (!strstr(text, what)) {
        fprintf(stderr, "said \"%s\", not \"%s\"\n", text, what);
        exit(1);
    }
}

static int exit_code(struct relay *relay)
{
    int status;
    CHECK(waitpid(relay->pid, &status, 0) == relay->pid && WIFEXITED(status));
    channel_finish(&relay->channel);
    return WEXITSTATUS(status);
}

static void tell_cell(struct relay *relay, const char *code)
{
    char content[128];
    snprintf(content, sizeof content, "{\"code\":\"launch ready %s\"}", code);
    struct spk_text cell[] = {text_of(content), text_of("{}"), text_of("{\"options\":1}")};
    CHECK(channel_send(&relay->channel, WORKER_EXECUTE, REQUEST, cell, 3, NULL, 0) == 0);
}

/* This program as the rank's process, which is ready. */
static struct relay start_ready(void)
{
    static char self[PATH_MAX], mode[] = "-r", how[] = "ready", number[] = "7";
    char *command[] = {self, mode, how, number, NULL};
    if (!self[0])
        CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    struct relay relay = start(command);
    struct frame frame;
    tell(&relay.channel, RANK_WELCOME, "{\"of\":\"the session\"}", NULL);
    CHECK(next(&relay.channel, &frame) && frame.type == WORKER_HELLO);
    CHECK(next(&relay.channel, &frame) && frame.type == WORKER_READY);
    return relay;
}

static struct relay start_script(const char *script)
{
    char shell[] = "/bin/sh", flag[] = "-c", text[256], *command[] = {shell, flag, text, NULL};
    snprintf(text, sizeof text, "%s", script);
    struct relay relay = start(command);
    tell(&relay.channel, RANK_WELCOME, "{}", NULL);
    return relay;
}

/* The variables lie where it can open them, or are sent: the process gets them in either case, and what comes
 * back of them is sent. */
static void good(int in_pieces)
{
    char where[SHARED_FILE_TEXT_LEN];
    uint64_t length;
    struct frame frame;
    struct relay relay = start_ready();
    int fd = fake_file("all variables");
    CHECK(shared_file_describe(fd, where, &length) == 0);
    where[0] = in_pieces ? 'z' : where[0]; /* another machine's */
    tell(&relay.channel, RANK_STATE, "{\"o\":2}", where);
    if (in_pieces) {
        CHECK(next(&relay.channel, &frame) && frame.type == RANK_WANTS_STATE && frame.request == REQUEST);
        tell(&relay.channel, RANK_STATE_PIECE, "all ", NULL);
        tell(&relay.channel, RANK_STATE_PIECE, "variables", NULL);
    }
    CHECK(next(&relay.channel, &frame) && frame.type == RANK_HAS_STATE && frame.request == REQUEST);
    tell_cell(&relay, "print hello");
    until_said(&relay, RANK_FILE, "took all variables with {\"o\":2}");
    until_said(&relay, WORKER_REPLY, "the changed variables");
    tell_cell(&relay, "input");
    until_said(&relay, WORKER_INPUT_REQUEST, "name? ");
    tell(&relay.channel, WORKER_INPUT_REPLY, "me", NULL);
    until_said(&relay, WORKER_REPLY, "\"got\":\"me");
    tell(&relay.channel, WORKER_SHUTDOWN, NULL, NULL);
    until_said(&relay, RANK_ENDED, "ended with exit code 0");
    CHECK(exit_code(&relay) == 0);
    close(fd);
}

static void identities(void)
{
    static const struct {
        const char *variables[5];
        uint32_t rank, count;
    } all[] = {{{NULL}, 0, 1},
               {{"PMI_RANK=3"}, 0, 1},
               {{"SLURM_PROCID=3", "SLURM_STEP_NUM_TASKS=4"}, 3, 4},
               {{"SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1", "PMI_RANK=5", "PMI_SIZE=6"}, 5, 6},
               {{"MV2_COMM_WORLD_RANK=1", "MV2_COMM_WORLD_SIZE=2"}, 1, 2},
               {{"PMI_RANK=0", "PMI_SIZE=1", "OMPI_COMM_WORLD_RANK=7", "OMPI_COMM_WORLD_SIZE=8"}, 7, 8}};
    char name[] = "true", *command[] = {name, NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *variables[6] = {variable};
        memcpy(variables + 1, all[i].variables, sizeof all[i].variables);
        struct relay relay = meets(start_with(command, variables), all[i].rank, all[i].count);
        shutdown(relay.channel.fd, SHUT_RDWR);
        CHECK(exit_code(&relay) == 0);
    }
}

/* However the process ends, its last words come first, and what it has left behind is ended. */
static void ends(void)
{
    struct relay relay = start_script("echo meeting ${SCOREPKERNEL_RENDEZVOUS-none}; exit 3");
    until_said(&relay, RANK_ENDED, "meeting none\nended with exit code 3");
    CHECK(exit_code(&relay) == 0);
    for (int i = 0; i < 20; i++) { /* before or after it has been told anything */
        relay = start_script("exit 4");
        until_said(&relay, RANK_ENDED, "ended with exit code 4");
        CHECK(exit_code(&relay) == 0);
    }
    relay = start_script("kill -SEGV $$");
    until_said(&relay, RANK_ENDED, "was ended by SIGSEGV");
    CHECK(exit_code(&relay) == 0);
    relay = start_script("exec /nowhere/python");
    until_said(&relay, RANK_ENDED, "/nowhere/python");
    CHECK(exit_code(&relay) == 0);
    char none[] = "/nowhere/python", *absent[] = {none, NULL};
    relay = start(absent);
    tell(&relay.channel, RANK_WELCOME, "{}", NULL);
    until_said(&relay, RANK_ENDED, "/nowhere/python: ");
    CHECK(exit_code(&relay) == 0);
    char text[256] = "";
    relay = start_script("sleep 1000 & echo left $!; exit 0");
    until(&relay, RANK_ENDED, text, sizeof text);
    CHECK(exit_code(&relay) == 0 && strstr(text, "left ") != NULL);
    test_until_reaped(atoi(strstr(text, "left ") + 5));
}

/* The process of a cell that does not react. */
static int until_stubborn(struct relay *relay)
{
    char text[1024] = "", *found;
    size_t len = 0;
    tell_cell(relay, "stubborn");
    while (!(found = strstr(text, "stubborn "))) {
        until(relay, RANK_TEXT, text + len, sizeof text - len);
        len += strlen(text + len);
    }
    return atoi(found + 9);
}

/* Whoever goes first, the others follow. */
static void forsaken(void)
{
    struct relay relay = start_ready();
    int pid = until_stubborn(&relay);
    shutdown(relay.channel.fd, SHUT_RDWR);
    CHECK(exit_code(&relay) == 0);
    test_until_reaped(pid);
    relay = start_ready();
    pid = until_stubborn(&relay);
    unsigned char rubbish[64];
    memset(rubbish, 0xff, sizeof rubbish);
    CHECK(send(relay.channel.fd, rubbish, sizeof rubbish, MSG_NOSIGNAL) == (ssize_t)sizeof rubbish);
    CHECK(exit_code(&relay) == 0);
    test_until_reaped(pid);
    relay = start_ready();
    pid = until_stubborn(&relay);
    kill(relay.pid, SIGKILL);
    CHECK(waitpid(relay.pid, NULL, 0) == relay.pid);
    channel_finish(&relay.channel);
    test_until_reaped(pid);
    relay = start_ready();
    pid = until_stubborn(&relay);
    kill(relay.pid, SIGTERM);
    until_said(&relay, RANK_ENDED, "was ended by its launcher");
    CHECK(exit_code(&relay) == 0);
    test_until_reaped(pid);
}

static void interrupts(void)
{
    struct relay relay = start_ready();
    tell_cell(&relay, "wait");
    until_said(&relay, RANK_FILE_PIECE, "the changed variables");
    kill(relay.pid, SIGINT); /* the launcher's, which is not for us */
    tell(&relay.channel, WORKER_INTERRUPT, NULL, NULL);
    until_said(&relay, WORKER_REPLY, "KeyboardInterrupt");
    shutdown(relay.channel.fd, SHUT_RDWR);
    CHECK(exit_code(&relay) == 0);
}

/* What the process says that cannot be understood ends it. */
static void rubbish(void)
{
    struct relay relay = start_ready();
    tell_cell(&relay, "garbage");
    until_said(&relay, RANK_ENDED, "SIGKILL");
    CHECK(exit_code(&relay) == 0);
}

/* What comes before its time ends the relay, and nobody who is in its process group. */
static void too_early(uint16_t type)
{
    char name[] = "true", *command[] = {name, NULL};
    struct relay relay = start(command);
    int status;
    pid_t beside = fork();
    if (beside == 0) {
        setpgid(0, relay.pid);
        fake_hang();
    }
    CHECK(setpgid(beside, relay.pid) == 0);
    tell(&relay.channel, type, "{}", "nowhere");
    shutdown(relay.channel.fd, SHUT_WR);
    CHECK(exit_code(&relay) == 0);
    CHECK(waitpid(beside, &status, WNOHANG) == 0);
    kill(beside, SIGKILL);
    CHECK(waitpid(beside, &status, 0) == beside);
}

/* Its launcher ends it before there is a process. */
static void dismissed(void)
{
    char name[] = "true", *command[] = {name, NULL};
    struct relay relay = start(command);
    kill(relay.pid, SIGTERM);
    CHECK(exit_code(&relay) == 0);
}

static void no_job(void)
{
    char name[] = "true", *command[] = {name, NULL}, text[RENDEZVOUS_TEXT_LEN], gone[RENDEZVOUS_TEXT_LEN + 32];
    int fd = rendezvous_open(0, text);
    CHECK(fd >= 0);
    close(fd);
    snprintf(gone, sizeof gone, RANK_RENDEZVOUS "=%s", text);
    const char *const meetings[] = {NULL, RANK_RENDEZVOUS "=", RANK_RENDEZVOUS "=rubbish", gone};
    for (size_t i = 0; i < sizeof meetings / sizeof *meetings; i++) {
        const char *const variables[] = {meetings[i], NULL};
        struct relay relay = {.pid = start_with(command, variables), .channel = CHANNEL_CLOSED};
        CHECK(exit_code(&relay) == 1);
    }
}

int main(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(120);
    listener = rendezvous_open(0, meeting);
    CHECK(listener >= 0);
    snprintf(variable, sizeof variable, RANK_RENDEZVOUS "=%s", meeting);
    int descriptors = test_descriptors();
    good(0);
    good(1);
    identities();
    ends();
    forsaken();
    interrupts();
    rubbish();
    too_early(WORKER_EXECUTE);
    too_early(WORKER_INTERRUPT);
    too_early(RANK_STATE);
    too_early(RANK_STATE_PIECE);
    dismissed();
    no_job();
    CHECK(test_descriptors() == descriptors);
    close(listener);
    return 0;
}
