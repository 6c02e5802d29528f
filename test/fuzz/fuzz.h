/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz.h - what the fuzz targets share. A target is one function, which libFuzzer feeds (make fuzz), or
 * replay.c with the inputs of its corpus (make check).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** End at once, so that the stack tells where. */
#define MUST(condition) ((condition) ? (void)0 : must_failed(__FILE__, __LINE__, #condition))

static inline _Noreturn void must_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/** The input, from which bytes are taken. */
struct input {
    const uint8_t *data;
    size_t size;
};

static inline unsigned input_byte(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

/** The length of the valid UTF-8 sequence at text, or 0. Written by code points, other than utf8.c. */
static inline size_t fuzz_character(const unsigned char *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = text[0] < 0x80             ? 1
                  : (text[0] & 0xE0) == 0xC0 ? 2
                  : (text[0] & 0xF0) == 0xE0 ? 3
                  : (text[0] & 0xF8) == 0xF0 ? 4
                                             : 0;
    if (!need || need > len)
        return 0;
    uint32_t point = need == 1 ? text[0] : text[0] & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3F);
    }
    return point < least[need] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF) ? 0 : need;
}

/** Whether text is the beginning of a character, and no more than that. */
static inline int fuzz_beginning(const unsigned char *text, size_t len)
{
    static const unsigned char ends[] = {0x80, 0xBF};
    for (size_t need = len + 1; need <= 4; need++) {
        for (size_t i = 0; i < sizeof ends; i++) {
            unsigned char whole[4];
            memset(whole, ends[i], sizeof whole);
            memcpy(whole, text, len);
            if (fuzz_character(whole, need) == need)
                return 1;
        }
    }
    return 0;
}

static inline int fuzz_valid_utf8(const unsigned char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += step)
        if (!(step = fuzz_character(text + at, len - at)))
            return 0;
    return 1;
}

/** Whether a message that quotes text has cut it within a character. */
static inline int fuzz_cut_within(const uint8_t *text, size_t len, const char *message)
{
    return fuzz_valid_utf8(text, len) && !fuzz_valid_utf8((const unsigned char *)message, strlen(message));
}

/** What should become of text: to holds 3 * len bytes. open: a beginning at the end is left alone; otherwise
 * one replacement stands for it. Returns the length. */
static inline size_t fuzz_cleaned(const unsigned char *text, size_t len, unsigned char *to, int open)
{
    size_t out = 0;
    for (size_t at = 0; at < len;) {
        size_t step = fuzz_character(text + at, len - at);
        if (step) {
            memcpy(to + out, text + at, step);
            out += step;
            at += step;
            continue;
        }
        int beginning = len - at < 4 && fuzz_beginning(text + at, len - at);
        if (beginning && open)
            return out;
        memcpy(to + out, "\xEF\xBF\xBD", 3);
        out += 3;
        at = beginning ? len : at + 1;
    }
    return out;
}

#endif
