/* SPDX-License-Identifier: BSD-3-Clause
 *
 * last_words.h - the last that a process wrote, for the message when it ends before it could say why. Pure.
 */
#ifndef PROCESS_LAST_WORDS_H
#define PROCESS_LAST_WORDS_H

#include <stddef.h>
#include <string.h>

struct last_words {
    char bytes[2048];
    size_t len;
};

static inline void last_words_add(struct last_words *words, const void *bytes, size_t len)
{
    size_t room = sizeof words->bytes, taken = len < room ? len : room;
    size_t kept = words->len < room - taken ? words->len : room - taken;
    memmove(words->bytes, words->bytes + words->len - kept, kept);
    memcpy(words->bytes + kept, (const char *)bytes + len - taken, taken);
    words->len = kept + taken;
}

#endif
