/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_frame.c - the bytes of frames, which the Python side writes and reads too.
 */
#include "wire/frame.h"

#include "test.h"

#include <errno.h>

static const unsigned char golden[] = {
    14,   0,    0,    0,    0x34, 0x12, 2,    0,          /* length, type, descriptors */
    0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,       /* request */
    0,    0,    0,    0,    0,    0,    0,    0,          /* barrier */
    2,    0,    0,    0,    'h',  'i',  0,    0,    0, 0, /* parts */
    0,    0,    0,    0,
};

static void layout(void)
{
    struct buffer out = {0};
    struct spk_text parts[] = {{"hi", 2}, {NULL, 0}, {"", 0}};
    struct frame frame;
    struct spk_text part;
    CHECK(frame_append(&out, 0x1234, UINT64_C(0x0102030405060708), 2, parts, 3) == 0);
    CHECK(out.len == sizeof golden && memcmp(buffer_bytes(&out), golden, sizeof golden) == 0);
    CHECK(frame_decode_header(buffer_bytes(&out), &frame) == 0);
    CHECK(frame.type == 0x1234 && frame.fds == 2 && frame.request == UINT64_C(0x0102030405060708));
    CHECK(frame.barrier == 0 && frame.len == 14 && !frame.payload);
    frame.payload = buffer_bytes(&out) + FRAME_HEADER_LEN;
    CHECK(frame_next_part(&frame, &part) == 1 && test_same(part.data, part.len, "hi"));
    CHECK(frame_next_part(&frame, &part) == 1 && part.len == 0);
    CHECK(frame_next_part(&frame, &part) == 1 && part.len == 0);
    CHECK(frame_next_part(&frame, &part) == 0);
    CHECK(frame_next_part(&frame, &part) == 0);
    buffer_finish(&out);
}

static void maxima(void)
{
    unsigned char header[24] = {0};
    struct frame frame = {.type = 77};
    frame_put_u32(header, (uint32_t)FRAME_MAX_LEN);
    header[6] = FRAME_MAX_FDS;
    header[23] = 0x80;
    CHECK(frame_decode_header(header, &frame) == 0);
    CHECK(frame.len == FRAME_MAX_LEN && frame.fds == FRAME_MAX_FDS && frame.barrier == UINT64_C(1) << 63);
    frame.type = 77;
    frame_put_u32(header, (uint32_t)FRAME_MAX_LEN + 1);
    CHECK(frame_decode_header(header, &frame) == -EPROTO);
    frame_put_u32(header, UINT32_MAX);
    CHECK(frame_decode_header(header, &frame) == -EPROTO);
    frame_put_u32(header, 0);
    header[6] = FRAME_MAX_FDS + 1;
    CHECK(frame_decode_header(header, &frame) == -EPROTO);
    header[6] = 0;
    header[7] = 1;
    CHECK(frame_decode_header(header, &frame) == -EPROTO);
    CHECK(frame.type == 77);
}

static void malformed(const char *payload, size_t len)
{
    struct frame frame = {.payload = (const unsigned char *)payload, .len = len};
    struct spk_text part = {payload, 99};
    CHECK(frame_next_part(&frame, &part) == -EPROTO);
    CHECK(part.data == payload && part.len == 99);
}

static void malformed_parts(void)
{
    malformed("\0", 1);
    malformed("\0\0\0", 3);
    malformed("\1\0\0\0", 4);
    malformed("\5\0\0\0abcd", 8);
    malformed("\xff\xff\xff\xff"
              "abcd",
              8);
}

/* A part that is too large leaves the frames that were there before, and nothing of its own. */
static void too_large(void)
{
    struct buffer out = {0};
    size_t mark = 99;
    struct spk_text fine = {"fine", 4};
    CHECK(frame_append(&out, 1, 1, 0, &fine, 1) == 0);
    size_t before = out.len;
    static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 3, FRAME_MAX_LEN + 1, FRAME_MAX_LEN,
                                     FRAME_MAX_LEN - 3};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        CHECK(frame_begin(&out, &mark, 2, 2) == 0 && mark == before);
        CHECK(frame_add(&out, mark, "abc", 3) == 0);
        CHECK(frame_add(&out, mark, "", lengths[i]) == -EMSGSIZE);
        CHECK(out.len == before);
        struct spk_text parts[] = {{"abc", 3}, {"", lengths[i]}};
        CHECK(frame_append(&out, 2, 2, 0, parts, 2) == -EMSGSIZE && out.len == before);
    }
    /* The sum counts, not the part alone. */
    CHECK(frame_begin(&out, &mark, 2, 2) == 0 && frame_add(&out, mark, "abc", 3) == 0);
    CHECK(frame_add(&out, mark, "", FRAME_MAX_LEN - 4 - 6) == -EMSGSIZE && out.len == before);
    CHECK(buffer_bytes(&out)[0] == 8);
    buffer_finish(&out);
}

static void behind_others(void)
{
    struct buffer out = {0};
    struct spk_text part = {"x", 1};
    for (uint64_t i = 0; i < 5; i++)
        CHECK(frame_append(&out, 3, i, 0, &part, 1) == 0);
    buffer_consume(&out, 2 * (FRAME_HEADER_LEN + 5));
    CHECK(frame_append(&out, 3, 5, 0, &part, 1) == 0);
    for (uint64_t i = 2; i < 6; i++) {
        struct frame frame;
        CHECK(frame_decode_header(buffer_bytes(&out), &frame) == 0 && frame.request == i && frame.len == 5);
        buffer_consume(&out, FRAME_HEADER_LEN + 5);
    }
    CHECK(out.len == 0);
    buffer_finish(&out);
}

static void integers(void)
{
    unsigned char bytes[8];
    frame_put_u32(bytes, 0xfedcba98u);
    CHECK(bytes[0] == 0x98 && bytes[3] == 0xfe);
    CHECK(frame_u32((struct spk_text){(const char *)bytes, 4}, 7) == 0xfedcba98u);
    CHECK(frame_u32((struct spk_text){(const char *)bytes, 3}, 7) == 7);
    CHECK(frame_u32((struct spk_text){NULL, 0}, 7) == 7);
    frame_put_u64(bytes, UINT64_C(0xfedcba9876543210));
    CHECK(bytes[0] == 0x10 && bytes[7] == 0xfe);
    CHECK(frame_u64((struct spk_text){(const char *)bytes, 8}, 7) == UINT64_C(0xfedcba9876543210));
    CHECK(frame_u64((struct spk_text){(const char *)bytes, 4}, 7) == 7);
}

int main(void)
{
    test_limit(60);
    layout();
    maxima();
    malformed_parts();
    too_large();
    behind_others();
    integers();
    return 0;
}
