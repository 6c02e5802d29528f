/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_host.c - a whole host with a library that echoes, and in each run something fails: its start says so, or
 * no request has two answers, and at the end nothing is left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat signalfd fstat readlink dlopen dlsym
#include "shim/host/host.h"

#include "fault.h"

#include "fake_server.h"

#include <sys/signalfd.h>

FAULT(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1, EMFILE)
FAULT(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO)
FAULT(ssize_t, readlink, (const char *path, char *to, size_t len), (path, to, len), -1, EACCES)
FAULT(void *, dlopen, (const char *path, int how), (path, how), NULL, ENOMEM)
FAULT(void *, dlsym, (void *library, const char *name), (library, name), NULL, ENOENT)

static const struct fake_message script[] = {
    {SERVER_CONTROL, "kernel_info_request", "{}"},
    {SERVER_SHELL, "kernel_info_request", "{}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"stdout hi\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"refuse\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"badreply\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"baddisplay\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"comm\"}"},
    {SERVER_SHELL, "execute_request", "{\"nothing\":1}"},
    {SERVER_SHELL, "complete_request", "{\"code\":\"x\",\"cursor_pos\":1}"},
    {SERVER_SHELL, "comm_msg", "{\"comm_id\":\"a\"}"},
    {SERVER_SHELL, "connect_request", "{}"},
    {SERVER_SHELL, "dance_request", "{}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"die\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"input name\"}"},
    {SERVER_SHELL, "execute_request", "{\"code\":\"error\"}"},
    {SERVER_STDIN, "input_reply", "{\"value\":\"me\"}"},
    {SERVER_CONTROL, "interrupt_request", "{}"},
    {SERVER_CONTROL, "debug_request", "{}"},
    {SERVER_CONTROL, "shutdown_request", "{\"restart\":false}"},
    {0}};

/* The requests that have one reply each, and how many there are of either channel. */
#define SHELL_REPLIES 13
#define CONTROL_REPLIES 4

static char file[] = "/tmp/scorepkernel-test-XXXXXX";

static void no_two_answers(void)
{
    for (size_t i = 0; script[i].type; i++) {
        char shell[64], control[64];
        snprintf(shell, sizeof shell, "shell %.*s_reply request-%zu ", (int)strcspn(script[i].type, "_"),
                 script[i].type, i);
        snprintf(control, sizeof control, "control %.*s_reply request-%zu ", (int)strcspn(script[i].type, "_"),
                 script[i].type, i);
        CHECK(fake_server_sent(shell) + fake_server_sent(control) <= 1);
    }
}

static void live(void)
{
    struct host_options options = {.connection_file = file, .plugin = getenv("SPK_ECHO_PLUGIN")};
    fake_server_script(script);
    int status = host_run(&options);
    int armed = fault_pause();
    CHECK(status == EXIT_SUCCESS || (status == EXIT_FAILURE && fault_hit()));
    no_two_answers();
    /* One failure costs one answer at most: the host goes on, and serves the others. */
    int answers = fake_server_sent("shell ") + fake_server_sent("control ");
    CHECK(status != EXIT_SUCCESS || fault.forever || answers >= SHELL_REPLIES + CONTROL_REPLIES - 1);
    if (!fault_hit()) {
        CHECK(fake_server_sent("shell ") == SHELL_REPLIES && fake_server_sent("control ") == CONTROL_REPLIES);
        CHECK(fake_server_sent("iopub status ") == 2 * 18 + 1 && fake_server_sent("stdin ") == 1);
        CHECK(fake_server_sent("iopub stream request-2 {\"name\":\"stdout\",\"text\":\"hi\"}") == 1);
    }
    fake_server_over();
    fault_go_on(armed);
}

int main(void)
{
    test_limit(280);
    (void)test_tree();
    if (!getenv("SPK_ECHO_PLUGIN"))
        test_skip("SPK_ECHO_PLUGIN does not name the library that echoes: run it by make check");
    static const char content[] = "{\"ip\":\"127.0.0.1\",\"key\":\"k\",\"shell_port\":1,\"control_port\":2,\"stdin_port\":"
                                  "3,\"iopub_port\":4,\"hb_port\":5}";
    int fd = mkstemp(file);
    CHECK(fd >= 0 && write(fd, content, sizeof content - 1) == sizeof content - 1 && close(fd) == 0);
    fault_each(live, 1);
    CHECK(unlink(file) == 0);
    return 0;
}
