/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_progress.c - where the display of a measured cell's progress cannot be had, the cell runs without it.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat memfd_create ftruncate pread
#include "session/progress_display.h"
#include "tracer/sampling/progress.h"
#include "wire/progress.h"

#include "fault.h"

#include "base/json_bridge.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

FAULT(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, ENFILE)
FAULT(int, ftruncate, (int fd, off_t len), (fd, len), -1, EIO)
FAULT(ssize_t, pread, (int fd, void *to, size_t len, off_t at), (fd, to, len, at), -1, EIO)

static struct loop loop;
static int shown, opened;

static void on_show(void *owner, uint64_t request, struct json *content, int is_update)
{
    (void)owner;
    (void)request;
    (void)is_update;
    json_free(content);
    shown++;
}

static void worker(void)
{
    int made = progress_open();
    CHECK(made >= 0 || fault_hit());
    CHECK((made >= 0) == progress_is_open());
    progress_begin(7, true); /* without a file nothing happens */
    progress_end();
    opened = made >= 0;
    if (made >= 0)
        close(made);
}

/* A file as the worker writes it. */
static int make_file(void)
{
    const uint64_t numbers[PROGRESS_NUMBERS] = {[PROGRESS_REQUEST] = 7, [PROGRESS_EVENTS] = 3};
    int made = memfd_create("progress", MFD_CLOEXEC);
    CHECK(made >= 0 && pwrite(made, numbers, sizeof numbers, 0) == (ssize_t)sizeof numbers);
    return made;
}

/* The display is due now, and not in two seconds. */
static void make_due(const struct progress_display *display)
{
    const struct itimerspec soon = {.it_value.tv_nsec = 1};
    struct pollfd waiting = {.fd = loop.fd, .events = POLLIN};
    int armed = fault_pause();
    CHECK(timerfd_settime(display->timer.fd, 0, &soon, NULL) == 0 && poll(&waiting, 1, 10000) == 1);
    fault_go_on(armed);
}

static void session(void)
{
    static const char cell[] = "{\"code\":\"x\"}";
    struct progress_display display = PROGRESS_DISPLAY_NONE;
    int armed = fault_pause(), file = make_file();
    fault_go_on(armed);
    display.loop = &loop;
    display.show = on_show;
    shown = 0;
    progress_display_take_file(&display, file);
    progress_display_begin(&display, 7, (struct spk_text){cell, sizeof cell - 1});
    if (display.timer.fd >= 0) {
        make_due(&display);
        (void)loop_dispatch(&loop);
    }
    CHECK(shown == 1 || fault_hit());
    progress_display_end(&display);
    CHECK(shown == 2 || fault_hit());
    progress_display_finish(&display);
}

int main(void)
{
    test_limit(60);
    CHECK(loop_init(&loop) == 0);
    for (unsigned at = 1; !opened; at++) /* once there is a file, it stays */
        fault_run(worker, at, 0);
    fault_each(session, 1);
    loop_finish(&loop);
    return 0;
}
