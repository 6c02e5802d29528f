/* SPDX-License-Identifier: BSD-3-Clause
 *
 * output_pace.h - text on its way to the host: at once, then gathered for a moment.
 */
#ifndef PROCESS_OUTPUT_PACE_H
#define PROCESS_OUTPUT_PACE_H

#include "base/buffer.h"
#include "base/utf8.h"
#include "scorepkernel.h"

#define OUTPUT_PACE_MAX_LEN ((size_t)512 << 10) /* at most this much text in one call to the host */
#define OUTPUT_PACE_GATHER_NS INT64_C(40000000) /* and this long between two calls */
#define OUTPUT_PACE_FIRST_NS INT64_C(1000000)   /* the first text waits for the rest of its line */

struct output_pace {
    void (*write)(void *owner, uint64_t request, uint32_t which, struct spk_text text);
    void *owner;
    struct buffer pending; /* valid UTF-8, of one request and one of SPK_STDOUT, SPK_STDERR */
    uint64_t request;
    uint32_t which;
    int64_t written_ns; /* when the host was last called */
    int64_t began_ns;   /* when the first of pending came */
    struct tail {
        unsigned char bytes[UTF8_MAX_TAIL + 1]; /* the beginning of a character whose end has not come yet */
        size_t len;
        uint64_t request;
    } tails[3];
};

/** Take text. 0 or -ENOMEM, with the text not taken. */
int output_pace_add(struct output_pace *pace, uint64_t request, uint32_t which, struct spk_text text);

/** Give the host the text that has waited long enough. Returns the nanoseconds until the next call is due, or
 * -1: no text waits. */
int64_t output_pace_due(struct output_pace *pace, int64_t now_ns);

/** Give the host all text at once, because something else is shown next. final: no text follows, so an
 * incomplete character is replaced. */
void output_pace_flush(struct output_pace *pace, int final);

void output_pace_finish(struct output_pace *pace);

#endif
