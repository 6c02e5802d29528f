/* SPDX-License-Identifier: BSD-3-Clause
 *
 * progress_display.c - shows how far a measured cell has come. Looks into the worker's file once a second,
 * and asks nobody: a cell that holds the GIL could not answer.
 */
#include "session/progress_display.h"

#include "base/json_bridge.h"
#include "base/print.h"
#include "wire/progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FIRST_S 2
#define EACH_S 1
/* A cell of more bytes is not searched for the text of a line. */
#define CELL_MAX ((size_t)1 << 20)
#define LINE_MAX_LEN 80
/* What an event takes in a trace, which OTF2 writes as time stamp, kind, length and number of the region. */
#define EVENT_LEN 12
/* The worker may be writing: that takes it less than a microsecond. */
#define TRIES 8

/* --- the worker's file -----------------------------------------------------------------------------------
 */

void progress_display_take_file(struct progress_display *progress, int file)
{
    if (progress->file >= 0)
        close(progress->file);
    progress->file = file;
    /* Nobody waits in a file of that kind; anything else is none that a worker of ours sends. */
    if (file >= 0 && fcntl(file, F_GET_SEALS) < 0) {
        close(file);
        progress->file = -1;
    }
}

/* 1: the numbers belong together, and to the running cell. */
static int read_numbers(const struct progress_display *progress, uint64_t numbers[PROGRESS_NUMBERS])
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t after = 0;
        if (pread(progress->file, numbers, PROGRESS_LEN, 0) != (ssize_t)PROGRESS_LEN ||
            pread(progress->file, &after, sizeof after, 0) != (ssize_t)sizeof after)
            return 0;
        if (numbers[PROGRESS_SEQUENCE] == after && after % 2 == 0)
            return numbers[PROGRESS_REQUEST] == progress->request;
    }
    return 0;
}

/* --- what is shown ---------------------------------------------------------------------------------------
 */

/* Append the text of a line of a cell, if it has such a line, cut between characters. */
static void print_line(struct buffer *out, const char *code, uint64_t number)
{
    char text[LINE_MAX_LEN + 1];
    for (uint64_t line = 1; code && line < number; line++) {
        code = strchr(code, '\n');
        code = code ? code + 1 : NULL;
    }
    if (!code)
        return;
    code += strspn(code, " \t");
    size_t len = strcspn(code, "\r\n");
    if (len > LINE_MAX_LEN)
        for (len = LINE_MAX_LEN; len > 0 && ((unsigned char)code[len] & 0xC0) == 0x80;)
            len--;
    memcpy(text, code, len);
    text[len] = '\0';
    print_text(out, ": ");
    print_name(out, text);
}

static void print_hottest(struct buffer *out, const struct progress_display *progress,
                          const uint64_t *numbers)
{
    uint64_t whole_ns = numbers[PROGRESS_WHOLE_NS], line_ns = numbers[PROGRESS_LINE_NS];
    if (!numbers[PROGRESS_LINE] || !whole_ns || line_ns > whole_ns)
        return;
    print_text(out, "; hottest so far is line %llu (%.0f %%)", (unsigned long long)numbers[PROGRESS_LINE],
               100.0 * (double)line_ns / (double)whole_ns);
    if (progress->content.len > CELL_MAX)
        return;
    struct json *content = json_parse(progress->content.data, progress->content.len);
    print_line(out, json_text(json_get(content, "code"), NULL), numbers[PROGRESS_LINE]);
    json_free(content);
}

static void print_events(struct buffer *out, const uint64_t *numbers)
{
    uint64_t events = numbers[PROGRESS_EVENTS];
    if (!events || events > INT64_MAX)
        return;
    print_text(out, ", ");
    print_count(out, (long long)events);
    print_text(out, events == 1 ? " event" : " events");
    double megabytes = (double)events * EVENT_LEN / 1e6;
    if (numbers[PROGRESS_TRACED] && megabytes >= 1)
        print_text(out, ", about %.0f MB of trace", megabytes);
}

/* The content of the display: empty, when there is nothing to say any more. */
static struct json *make_content(const struct progress_display *progress, const char *said)
{
    char id[64];
    struct buffer page = {0};
    struct json *content = json_object(), *data = json_object(), *transient = json_object();
    (void)snprintf(id, sizeof id, "scorepkernel-progress-%llu", (unsigned long long)progress->request);
    if (*said) {
        print_text(&page, "<small style=\"opacity:0.7\">");
        print_html(&page, said);
        print_text(&page, "</small>");
    }
    int result = json_set_string(transient, "display_id", id);
    result = result ? result : json_set_string(data, "text/plain", said);
    result = result ? result
                    : json_set_text(data, "text/html", page.len ? (const char *)buffer_bytes(&page) : "",
                                    page.len);
    result = result ? result : json_set(content, "metadata", json_object());
    if (result == 0) {
        result = json_set(content, "transient", transient);
        transient = NULL;
    }
    if (result == 0) {
        result = json_set(content, "data", data);
        data = NULL;
    }
    buffer_finish(&page);
    json_free(transient);
    json_free(data);
    if (result == 0)
        return content;
    json_free(content);
    return NULL;
}

static void show(struct progress_display *progress, const uint64_t *numbers)
{
    struct buffer said = {0};
    long long seconds = (loop_now_ns() - progress->begun_ns) / 1000000000;
    print_text(&said, "%s: %lld s", numbers[PROGRESS_ENDS] ? "Measured, and being written" : "Being measured",
               seconds);
    print_events(&said, numbers);
    print_hottest(&said, progress, numbers);
    if (buffer_append(&said, "", 1) == 0) {
        struct json *content = make_content(progress, (const char *)buffer_bytes(&said));
        if (content) {
            progress->show(progress->owner, progress->request, content, progress->is_shown);
            progress->is_shown = 1;
        }
    }
    buffer_finish(&said);
}

/* --- when it is shown ------------------------------------------------------------------------------------
 */

static void on_timer(void *owner, unsigned events)
{
    struct progress_display *progress = owner;
    uint64_t numbers[PROGRESS_NUMBERS], expired;
    (void)events;
    if (read(progress->timer.fd, &expired, sizeof expired) != (ssize_t)sizeof expired || !progress->request)
        return;
    if (progress->is_within_line && !progress->is_shown)
        return; /* it would stand in the middle of the line */
    if (read_numbers(progress, numbers))
        show(progress, numbers);
}

/* Whether there is a timer. */
static int set_timer(struct progress_display *progress, time_t first, time_t each)
{
    const struct itimerspec when = {.it_value.tv_sec = first, .it_interval.tv_sec = each};
    if (progress->timer.fd < 0) {
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        progress->timer = (struct source){.fd = fd, .ready = on_timer, .owner = progress};
        if (fd < 0 || loop_watch(progress->loop, &progress->timer, LOOP_READ) != 0) {
            if (fd >= 0)
                close(fd);
            progress->timer.fd = -1;
            return 0;
        }
    }
    return timerfd_settime(progress->timer.fd, 0, &when, NULL) == 0;
}

void progress_display_begin(struct progress_display *progress, uint64_t request, struct spk_text content)
{
    if (!set_timer(progress, FIRST_S, EACH_S))
        return;
    progress->request = request;
    progress->content = content;
    progress->begun_ns = loop_now_ns();
    progress->is_shown = progress->is_within_line = 0;
}

void progress_display_saw_text(struct progress_display *progress, uint64_t request, struct spk_text text)
{
    if (request == progress->request && text.len > 0)
        progress->is_within_line = text.data[text.len - 1] != '\n';
}

void progress_display_saw_clear(struct progress_display *progress, uint64_t request, int waits)
{
    if (request != progress->request)
        return;
    progress->is_shown = 0; /* clients have removed it */
    progress->is_within_line = waits;
}

void progress_display_end(struct progress_display *progress)
{
    if (!progress->request)
        return;
    (void)set_timer(progress, 0, 0); /* a timer that goes on finds no cell */
    if (progress->is_shown)
        progress->show(progress->owner, progress->request, make_content(progress, ""), 1);
    progress->request = 0;
}

void progress_display_finish(struct progress_display *progress)
{
    loop_forget(progress->loop, &progress->timer);
    if (progress->timer.fd >= 0)
        close(progress->timer.fd);
    if (progress->file >= 0)
        close(progress->file);
    progress->timer.fd = progress->file = -1;
}
