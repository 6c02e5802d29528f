/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_ranks.c - what ranks are made of, when calls fail: an error that says so, nothing half done, nothing
 * left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat socket bind listen getsockname connect poll fork
// wrap: getsockopt setsockopt getifaddrs fstat accept4 signalfd mkostemp memfd_create unlink
#include "ranks/aggregate.h"
#include "ranks/job_state.h"
#include "ranks/rendezvous.h"
#include "ranks/relay_process.h"
#include "ranks/shared_file.h"
#include "ranks/signals.h"

#include "fault.h"

#include <ifaddrs.h>
#include <sys/signalfd.h>
#include <sys/un.h>

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
FAULT(int, accept4, (int fd, struct sockaddr *address, socklen_t *len, int flags), (fd, address, len, flags), -1,
      EMFILE)
FAULT(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags), -1, EMFILE)
FAULT(int, mkostemp, (char *path, int flags), (path, flags), -1, EACCES)
FAULT(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE)
FAULT(int, unlink, (const char *path), (path), -1, EACCES)

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
    static const struct aggregate_calls calls = {on_text, on_frame};
    struct aggregate *fold = aggregate_new(2, &calls, NULL);
    int result = fold ? 0 : -ENOMEM;
    handed_on = 0;
    for (uint32_t rank = 0; rank < 2 && result == 0; rank++)
        result = aggregate_text(fold, rank, SPK_STDOUT, (struct spk_text){"line\nhalf", 9});
    if (result == 0)
        result = aggregate_frame(fold, 1, 70, (struct spk_text){"frame", 5});
    CHECK(result == 0 ? !fault_hit() : result == -ENOMEM && fault_hit());
    if (fold)
        aggregate_flush(fold, 1);
    CHECK(result != 0 || handed_on > 15);
    aggregate_free(fold);
}

static void meet(void)
{
    char text[RENDEZVOUS_TEXT_LEN];
    struct spk_text token;
    int fd = rendezvous_open(0, text);
    CHECK(fd >= 0 ? !fault_hit() : fault_hit() && fd == -errno);
    if (fd < 0)
        return;
    int joined = rendezvous_join(text, &token);
    CHECK(joined >= 0 || fault_hit());
    if (joined >= 0)
        close(joined);
    close(fd);
}

/* Without the addresses of its own there is the loopback's. */
static void meet_everywhere(void)
{
    char text[RENDEZVOUS_TEXT_LEN];
    int fd = rendezvous_open(1, text);
    CHECK(fd >= 0 || fault_hit());
    if (fd < 0)
        return;
    CHECK(strlen(text) > RENDEZVOUS_TOKEN_LEN && strchr(text, '.'));
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
    char text[SHARED_FILE_TEXT_LEN];
    uint64_t length, again;
    int armed = fault_pause(), fd = memfd_create("variables", MFD_CLOEXEC);
    fault_go_on(armed);
    CHECK(fd >= 0);
    int result = shared_file_describe(fd, text, &length);
    CHECK(result == 0 || (result == -EIO && fault_hit()));
    if (result != 0) {
        close(fd);
        return;
    }
    int opened = shared_file_open((struct spk_text){text, strlen(text)}, &again);
    CHECK(opened >= 0 || (opened == -ENOENT && fault_hit()));
    if (opened >= 0)
        close(opened);
    close(fd);
}

/* Signals are watched for, or not. */
static void signals(void)
{
    struct loop loop;
    struct source source = {.fd = -1};
    int armed = fault_pause();
    CHECK(loop_init(&loop) == 0);
    fault_go_on(armed);
    int result = signals_watch(&loop, &source, NULL, NULL);
    CHECK(result == 0 ? source.fd >= 0 && !fault_hit() : result < 0 && fault_hit());
    armed = fault_pause();
    loop_forget(&loop, &source);
    if (source.fd >= 0)
        close(source.fd);
    loop_finish(&loop);
    fault_go_on(armed);
}

/* Where what comes back is kept: a file without a name, whether the file system knows such or not. */
static void results(void)
{
    static char directory[] = "/tmp/scorepkernel-test-XXXXXX";
    int armed = fault_pause();
    strcpy(strrchr(directory, '-'), "-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    fault_go_on(armed);
    const char *const places[] = {directory, NULL};
    for (size_t i = 0; i < 2; i++) {
        int fd = job_open_results(places[i]);
        CHECK(fd >= 0 || fault_hit());
        if (fd >= 0)
            CHECK(write(fd, "x", 1) == 1 || fault_hit());
        if (fd >= 0)
            close(fd);
    }
    armed = fault_pause();
    if (rmdir(directory) != 0) { /* the file's name could not be removed */
        char command[64];
        CHECK(errno == ENOTEMPTY && fault_hit());
        snprintf(command, sizeof command, "rm -r %s", directory);
        CHECK(system(command) == 0);
    }
    fault_go_on(armed);
}

/* Somebody comes: is heard, is let go, or has the job say that there are too many. */
static void come(void)
{
    static struct job job;
    struct job_order order = {.everywhere = 0};
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    socklen_t len = sizeof here;
    int armed = fault_pause(), fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int strangers[2];
    memset(&job, 0, sizeof job);
    job.order = &order;
    job.library = CHANNEL_CLOSED;
    CHECK(loop_init(&job.loop) == 0 && fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here.sun_family) == 0);
    CHECK(listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&here, &len) == 0);
    job.listener = (struct source){.fd = fd, .ready = ranks_accept, .owner = &job};
    CHECK(loop_watch(&job.loop, &job.listener, LOOP_READ) == 0);
    for (int i = 0; i < 2; i++) {
        strangers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(connect(strangers[i], (struct sockaddr *)&here, len) == 0);
    }
    fault_go_on(armed);
    ranks_accept(&job, LOOP_READ);
    armed = fault_pause();
    int heard = 0;
    for (size_t i = 0; i < JOB_STRANGERS_MAX; i++)
        heard += job.strangers[i] != NULL;
    CHECK(heard == 2 || fault_hit());
    ranks_finish(&job);
    loop_forget(&job.loop, &job.listener);
    loop_finish(&job.loop);
    free(job.failure);
    close(fd);
    for (int i = 0; i < 2; i++)
        close(strangers[i]);
    fault_go_on(armed);
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
    fault_each(signals, 1);
    fault_each(results, 1);
    fault_each(come, 1);
    return 0;
}
