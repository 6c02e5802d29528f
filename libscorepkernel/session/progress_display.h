/* SPDX-License-Identifier: BSD-3-Clause
 *
 * progress_display.h - the display that shows, while a measured cell runs, how far it has come. It appears
 * after two seconds, follows the cell once a second, and is empty again when the cell has ended: the report
 * takes its place. What it says of the cell comes from a file that the worker writes (wire/progress.h).
 */
#ifndef SESSION_PROGRESS_DISPLAY_H
#define SESSION_PROGRESS_DISPLAY_H

#include "base/loop.h"
#include "scorepkernel.h"

struct json;

struct progress_display {
    struct loop *loop;
    /* Show the content, which is taken over; NULL is one that there was no memory for. */
    void (*show)(void *owner, uint64_t request, struct json *content, int is_update);
    void *owner;

    int file;            /* -1: the worker has none */
    struct source timer; /* fd is -1 before the first cell */
    uint64_t request;    /* of the cell that is measured; 0: none */
    struct spk_text content;
    int64_t begun_ns;
    int is_shown;
    int is_within_line; /* the cell's text has not come to the end of a line: nothing may come between */
};

/** The value of one that holds no descriptor. */
#define PROGRESS_DISPLAY_NONE ((struct progress_display){.file = -1, .timer.fd = -1})

/** A new worker's file: the descriptor is taken over, and a former one closed. */
void progress_display_take_file(struct progress_display *progress, int file);

/** A cell that is measured has been sent to the worker. content: of its request, which stays in place until
 * progress_display_end. Without a timer nothing is shown. */
void progress_display_begin(struct progress_display *progress, uint64_t request, struct spk_text content);

/** The cell has written text, which has been shown. */
void progress_display_saw_text(struct progress_display *progress, uint64_t request, struct spk_text text);

/** The cell has cleared its output, or will with its next one (waits): a display would do that too early. */
void progress_display_saw_clear(struct progress_display *progress, uint64_t request, int waits);

/** The cell has ended. Safe to repeat. */
void progress_display_end(struct progress_display *progress);

void progress_display_finish(struct progress_display *progress);

#endif
