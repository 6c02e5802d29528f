/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_output_order.c - two pipes of text and marks, in any pieces and any order, with frames and pauses in
 * between: of each pipe comes all its text, in its order, under the right request, and nothing else.
 *
 * The model takes the bytes of a pipe as a whole: it cuts the marks out, and cleans what is left.
 */
#include "process/output_order.h"

#include "fuzz.h"
#include "base/loop.h"

#define TOKEN "abcdefghijklmnopqrstuv"
#define MAX_LEN ((size_t)64 << 10)

/* Text under one request. */
struct run {
    uint64_t request;
    size_t len;
    unsigned char *text;
};

struct record {
    struct run runs[4096];
    size_t count;
    unsigned char texts[3 * MAX_LEN];
    size_t len;
};

static struct record told[2], wanted[2];
static unsigned char written[2][MAX_LEN];
static size_t written_len[2];

static void add(struct record *record, uint64_t request, const void *text, size_t len)
{
    if (!len)
        return;
    MUST(record->len + len <= sizeof record->texts);
    unsigned char *at = record->texts + record->len;
    memcpy(at, text, len);
    record->len += len;
    if (record->count && record->runs[record->count - 1].request == request) {
        record->runs[record->count - 1].len += len;
        return;
    }
    MUST(record->count < sizeof record->runs / sizeof *record->runs);
    record->runs[record->count++] = (struct run){request, len, at};
}

static void on_write(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    MUST(owner == told && (which == SPK_STDOUT || which == SPK_STDERR));
    MUST(text.len > 0 && text.len <= OUTPUT_PACE_MAX_LEN);
    MUST(fuzz_valid_utf8((const unsigned char *)text.data, text.len));
    add(&told[which - SPK_STDOUT], request, text.data, text.len);
}

/* --- the model ------------------------------------------------------------------------------------- */

static int digit_of(unsigned char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Whether a mark stands here, and whose number it has. */
static int is_mark(const unsigned char *at, size_t len, char *kind, uint64_t *number)
{
    if (len < MARK_LEN || at[0] || memcmp(at + 1, TOKEN, MARK_TOKEN_LEN) != 0)
        return 0;
    *kind = (char)at[1 + MARK_TOKEN_LEN];
    *number = 0;
    for (size_t i = 2 + MARK_TOKEN_LEN; i < MARK_LEN; i++) {
        if (digit_of(at[i]) < 0)
            return 0;
        *number = *number * 16 + (unsigned)digit_of(at[i]);
    }
    return 1;
}

static void model(int pipe)
{
    static struct record raw;
    static unsigned char clean[3 * MAX_LEN];
    const unsigned char *bytes = written[pipe];
    uint64_t request = 0, number;
    char kind;
    raw.count = raw.len = 0;
    for (size_t at = 0; at < written_len[pipe];) {
        if (is_mark(bytes + at, written_len[pipe] - at, &kind, &number)) {
            request = kind == MARK_PARENT ? number : request;
            at += MARK_LEN;
        } else {
            add(&raw, request, bytes + at++, 1);
        }
    }
    for (size_t i = 0; i < raw.count; i++)
        add(&wanted[pipe], raw.runs[i].request, clean,
            fuzz_cleaned(raw.runs[i].text, raw.runs[i].len, clean, 0));
}

static void compare(int pipe)
{
    MUST(told[pipe].len == wanted[pipe].len && told[pipe].count == wanted[pipe].count);
    MUST(memcmp(told[pipe].texts, wanted[pipe].texts, told[pipe].len) == 0);
    for (size_t i = 0; i < told[pipe].count; i++)
        MUST(told[pipe].runs[i].request == wanted[pipe].runs[i].request &&
             told[pipe].runs[i].len == wanted[pipe].runs[i].len);
}

/* --- the input ------------------------------------------------------------------------------------- */

static void feed(struct output_order *output, int pipe, const void *bytes, size_t len)
{
    if (written_len[pipe] + len > MAX_LEN)
        return;
    memcpy(written[pipe] + written_len[pipe], bytes, len);
    written_len[pipe] += len;
    MUST(buffer_append(output_order_unread(output, SPK_STDOUT + (unsigned)pipe), bytes, len) == 0);
}

static void feed_mark(struct output_order *output, int pipe, struct input *input)
{
    static const char kinds[] = "BSPBSPX\n";
    char mark[MARK_LEN + 1] = {0};
    unsigned how = input_byte(input), number = input_byte(input), len = input_byte(input);
    snprintf(mark + 1, MARK_LEN, TOKEN "%c%016x", kinds[how & 7], number);
    /* Most are whole; some are torn, some are not ours. */
    if (how & 0x40)
        mark[how >> 3 & 31] ^= 1;
    feed(output, pipe, mark, how & 0x80 ? len % MARK_LEN : MARK_LEN);
}

static void step(struct output_order *output, struct input *input)
{
    unsigned what = input_byte(input);
    int pipe = (int)(what >> 7);
    size_t len = what >> 3 & 15;
    uint64_t number;
    switch (what & 7) {
    case 0:
    case 1:
        len = len < input->size ? len : input->size;
        feed(output, pipe, input->data, len);
        input->data += len;
        input->size -= len;
        break;
    case 2:
    case 3:
        feed_mark(output, pipe, input);
        break;
    case 4:
        MUST(output_order_pump(output, 0) == 0);
        break;
    case 5:
        number = input_byte(input);
        (void)output_order_reached(output, number);
        output_pace_flush(&output->stream, 0);
        output_order_frame_done(output, number);
        MUST(output_order_reached(output, number) || number > 0);
        break;
    case 6:
        output_pace_flush(&output->stream, 0);
        break;
    default:
        MUST(output_pace_due(&output->stream, loop_now_ns() + (int64_t)len * 5000000) >= -1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size < 4096 ? size : 4096};
    struct output_order output = {.stream = {.write = on_write, .owner = told}};
    memcpy(output.token, TOKEN, MARK_TOKEN_LEN);
    for (int pipe = 0; pipe < 2; pipe++)
        told[pipe].count = told[pipe].len = wanted[pipe].count = wanted[pipe].len = written_len[pipe] = 0;
    while (input.size)
        step(&output, &input);
    MUST(output_order_pump(&output, 1) == 0);
    output_pace_flush(&output.stream, 1);
    MUST(!output.pipes[0].bytes.len && !output.pipes[1].bytes.len && !output.stream.pending.len);
    for (int pipe = 0; pipe < 2; pipe++) {
        model(pipe);
        compare(pipe);
    }
    output_order_finish(&output);
    return 0;
}
