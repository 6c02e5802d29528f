/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_progress_display.c - the display of a measured cell's progress: what it says, and what it does not
 * believe of what the worker has written.
 */
#include "session/progress_display.h"

#include "base/json_bridge.h"
#include "test.h"
#include "tracer/sampling/progress.h"
#include "wire/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Its third line is a directive of terminals and HTML; its second is too long to be shown. */
#define TEN_LETTERS "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define CELL                                                                                            \
    "{\"code\":\"%%execute_with_scorep\\n\\tx" TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS \
    "\\n\\u001b[31m<b>\"}"

static struct loop loop;
static struct {
    char text[512], html[512];
    int count, updates;
} shown;

static void on_show(void *owner, uint64_t request, struct json *content, int is_update)
{
    const struct json *data = json_get(content, "data"), *transient = json_get(content, "transient");
    CHECK(owner == &shown && request == 7);
    CHECK(!strcmp(json_text(json_get(transient, "display_id"), NULL), "scorepkernel-progress-7"));
    (void)snprintf(shown.text, sizeof shown.text, "%s", json_text(json_get(data, "text/plain"), NULL));
    (void)snprintf(shown.html, sizeof shown.html, "%s", json_text(json_get(data, "text/html"), NULL));
    shown.count++;
    shown.updates += is_update;
    json_free(content);
}

static struct progress_display make(int file)
{
    struct progress_display display = PROGRESS_DISPLAY_NONE;
    display.loop = &loop;
    display.show = on_show;
    display.owner = &shown;
    progress_display_take_file(&display, file);
    return display;
}

/* Its timer goes off: at once, and not in two seconds. */
static void wait_for_timer(const struct progress_display *display)
{
    const struct itimerspec soon = {.it_value.tv_nsec = 1};
    struct pollfd waiting = {.fd = loop.fd, .events = POLLIN};
    CHECK(timerfd_settime(display->timer.fd, 0, &soon, NULL) == 0 && poll(&waiting, 1, 10000) == 1);
    CHECK(loop_dispatch(&loop) == 0);
}

static void run(struct progress_display *display)
{
    memset(&shown, 0, sizeof shown);
    progress_display_begin(display, 7, (struct spk_text){CELL, sizeof CELL - 1});
    wait_for_timer(display);
}

static void end(struct progress_display *display)
{
    int count = shown.count ? shown.count + 1 : 0;
    for (int i = 0; i < 2; i++) {
        progress_display_end(display);
        CHECK(shown.count == count && (!count || (!*shown.text && !*shown.html)));
    }
}

static void what_it_says(struct progress_display *display)
{
    static const struct {
        struct progress_found found;
        const char *said, *not_said;
    } cases[] = {
        {{.events = 1}, "1 event", "MB"},
        {{.events = 90000000, .line = 2, .line_ns = 3, .whole_ns = 4},
         "90,000,000 events, about 1080 MB of trace; hottest so far is line 2 (75 %): x" TEN_LETTERS,
         TEN_LETTERS TEN_LETTERS TEN_LETTERS TEN_LETTERS},
        {{.events = 2, .line = 3, .line_ns = 1, .whole_ns = 1}, "line 3 (100 %): \\x1b[31m<b>", "\x1b"},
        {{.events = 2, .line = 4, .line_ns = 1, .whole_ns = 1}, "line 4 (100 %)", "%): "},
        {{.events = 2, .line = 2, .line_ns = 2, .whole_ns = 1}, "2 events", "line"},
        {{.events = UINT64_MAX}, "Being measured: ", "event"},
    };
    progress_begin(7, true);
    progress_note(&cases[0].found);
    run(display);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        progress_note(&cases[i].found);
        wait_for_timer(display);
        CHECK(shown.count == (int)i + 2 && shown.updates == (int)i + 1);
        CHECK(strstr(shown.text, cases[i].said) && !strstr(shown.text, cases[i].not_said));
        CHECK(strstr(shown.html, "</small>") && !strstr(shown.html, "<b>"));
    }
    end(display);
}

/* A text that has not come to the end of its line is not torn apart; what another cell writes does not count. */
static void within_a_line(struct progress_display *display)
{
    progress_begin(7, true);
    run(display);
    CHECK(shown.count == 1);
    end(display);
    memset(&shown, 0, sizeof shown);
    progress_display_begin(display, 7, (struct spk_text){CELL, sizeof CELL - 1});
    progress_display_saw_text(display, 7, (struct spk_text){"10 %", 4});
    progress_display_saw_text(display, 6, (struct spk_text){"\n", 1});
    progress_display_saw_text(display, 7, (struct spk_text){"", 0});
    wait_for_timer(display);
    CHECK(shown.count == 0);
    progress_display_saw_text(display, 7, (struct spk_text){"\n", 1});
    wait_for_timer(display);
    CHECK(shown.count == 1);
    end(display);
}

static void what_it_does_not_believe(struct progress_display *display)
{
    progress_begin(6, true); /* of an earlier cell */
    run(display);
    CHECK(shown.count == 0);
    progress_end();
    wait_for_timer(display);
    CHECK(shown.count == 0);
    end(display);

    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    progress_display_take_file(display, ends[0]); /* reading that would wait for ever */
    CHECK(display->file == -1);
    int short_file = memfd_create("short", MFD_CLOEXEC);
    CHECK(short_file >= 0 && write(short_file, "1234", 4) == 4);
    progress_display_take_file(display, short_file);
    CHECK(display->file == short_file);
    run(display);
    CHECK(shown.count == 0);
    uint64_t numbers[PROGRESS_NUMBERS] = {[PROGRESS_SEQUENCE] = 1, [PROGRESS_REQUEST] = 7};
    CHECK(pwrite(short_file, numbers, sizeof numbers, 0) == (ssize_t)sizeof numbers);
    wait_for_timer(display); /* it is being written, and never ends to be */
    CHECK(shown.count == 0);
    end(display);
    close(ends[1]);
}

int main(void)
{
    test_limit(120);
    CHECK(loop_init(&loop) == 0);
    int descriptors = test_descriptors();
    int file = progress_open();
    CHECK(file >= 0 && progress_open() == -EALREADY);
    struct progress_display display = make(file);
    what_it_says(&display);
    within_a_line(&display);
    what_it_does_not_believe(&display);
    progress_display_finish(&display);
    CHECK(test_descriptors() == descriptors);
    loop_finish(&loop);
    return 0;
}
