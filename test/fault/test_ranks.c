/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_ranks.c - what ranks are made of, when calls fail: an error that says so, nothing half done, nothing
 * left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat socket bind listen getsockname connect poll fork
// wrap: getsockopt setsockopt getifaddrs fstat
#include "ranks/fold.h"
#include "ranks/job_private.h"
#include "ranks/meeting.h"
#include "ranks/relay_process.h"
#include "ranks/shared.h"

#include "fault.h"

#include <ifaddrs.h>

FAULT(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
FAULT(int, bind, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len), -1, EADDRINUSE)
FAULT(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
FAULT(int, getsockname, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len), -1, ENOBUFS)
FAULT(int, connect, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len), -1,
      ENETUNREACH)
FAULT(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
      (fd, level, name, value, len), -1, ENOBUFS)
FAULT(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
      (fd, level, name, value, len), -1, ENOBUFS)
FAULT(int, poll, (struct pollfd * wanted, nfds_t count, int ms), (wanted, count, ms), -1, ENOMEM)
FAULT(int, getifaddrs, (struct ifaddrs * *all), (all), -1, ENOBUFS)
FAULT(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO)
FAULT(pid_t, fork, (void), (), -1, EAGAIN)

static size_t handed_on;

static void on_text(void *owner, uint32_t which, struct spk_text text)
{
    (void)owner;
    (void)which;
    handed_on += text.len;
}

static void on_frame(void *owner, uint16_t type, struct spk_text payload, int all, int first)
{
    (void)owner;
    (void)type;
    (void)all;
    (void)first;
    handed_on += payload.len;
}

/* What is not taken is not said, and the rest is. */
static void fold(void)
{
    static const struct fold_calls calls = {on_text, on_frame};
    struct fold *fold = fold_new(2, &calls, NULL);
    int result = fold ? 0 : -ENOMEM;
    handed_on = 0;
    for (uint32_t rank = 0; rank < 2 && result == 0; rank++)
        result = fold_text(fold, rank, SPK_STDOUT, (struct spk_text){"line\nhalf", 9});
    if (result == 0)
        result = fold_frame(fold, 1, 70, (struct spk_text){"frame", 5});
    CHECK(result == 0 ? !fault_hit() : result == -ENOMEM && fault_hit());
    if (fold)
        fold_flush(fold, 1);
    CHECK(result != 0 || handed_on > 15);
    fold_free(fold);
}

static void meet(void)
{
    char text[MEETING_TEXT_LEN];
    struct spk_text token;
    int fd = meeting_open(0, text);
    CHECK(fd >= 0 ? !fault_hit() : fault_hit() && fd == -errno);
    if (fd < 0)
        return;
    int joined = meeting_join(text, &token);
    CHECK(joined >= 0 || fault_hit());
    if (joined >= 0)
        close(joined);
    close(fd);
}

/* Without the addresses of its own there is the loopback's. */
static void meet_everywhere(void)
{
    char text[MEETING_TEXT_LEN];
    int fd = meeting_open(1, text);
    CHECK(fd >= 0 || fault_hit());
    if (fd < 0)
        return;
    CHECK(strlen(text) > MEETING_TOKEN_LEN && strchr(text, '.'));
    close(fd);
}

/* The launcher that has been started is ended, whatever fails after that. */
static void launch(void)
{
    static struct job job;
    char name[] = "true", *command[] = {name, NULL};
    struct job_order order = {.launch = command};
    int armed = fault_pause();
    memset(&job, 0, sizeof job);
    job.order = &order;
    job.outputs[0].fd = job.outputs[1].fd = -1;
    CHECK(loop_init(&job.loop) == 0);
    fault_go_on(armed);
    int result = launcher_start(&job);
    armed = fault_pause();
    CHECK(result == 0 ? job.launcher && !fault_hit() : fault_hit());
    launcher_finish(&job);
    CHECK(!job.launcher);
    loop_finish(&job.loop);
    fault_go_on(armed);
}

static void start(void)
{
    char name[] = "true", *command[] = {name, NULL};
    pid_t pid = 0;
    int armed = fault_pause(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fault_go_on(armed);
    int result = relay_start_process(command, (const int[]){null, null, null, null}, &pid);
    armed = fault_pause();
    CHECK(result == 0 ? pid > 0 && waitpid(pid, NULL, 0) == pid : pid == 0 && fault_hit());
    close(null);
    fault_go_on(armed);
}

static void share(void)
{
    char text[SHARED_TEXT_LEN];
    uint64_t length, again;
    int armed = fault_pause(), fd = memfd_create("variables", MFD_CLOEXEC);
    fault_go_on(armed);
    CHECK(fd >= 0);
    int result = shared_describe(fd, text, &length);
    CHECK(result == 0 || (result == -EIO && fault_hit()));
    if (result != 0) {
        close(fd);
        return;
    }
    int opened = shared_open((struct spk_text){text, strlen(text)}, &again);
    CHECK(opened >= 0 || (opened == -ENOENT && fault_hit()));
    if (opened >= 0)
        close(opened);
    close(fd);
}

int main(void)
{
    test_limit(60);
    fault_each(fold, 1);
    fault_each(meet, 1);
    fault_each(meet_everywhere, 1);
    fault_each(launch, 1);
    fault_each(start, 1);
    fault_each(share, 1);
    return 0;
}
