/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_frame.c - a header and parts from anybody: nothing outside the payload is lent, and what was
 * understood is what encoding it again gives.
 */
#include "wire/frame.h"

#include "fuzz.h"

#include <errno.h>

#define MAX_PARTS 4096

static void encode(const uint8_t *data, const struct frame *header, const struct spk_text *parts,
                   size_t count)
{
    struct buffer out = {0};
    MUST(frame_append(&out, header->type, header->request, header->fds, parts, count) == 0);
    MUST(out.len == FRAME_HEADER_LEN + header->len);
    /* The barrier is the worker's to set. */
    MUST(memcmp(buffer_bytes(&out), data, 16) == 0);
    MUST(memcmp(buffer_bytes(&out) + FRAME_HEADER_LEN, data + FRAME_HEADER_LEN, header->len) == 0);
    buffer_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spk_text parts[MAX_PARTS];
    struct frame header, frame;
    size_t count = 0, seen = 0;
    if (size < FRAME_HEADER_LEN)
        return 0;
    int result = frame_decode_header(data, &header);
    MUST(result == 0 || result == -EPROTO);
    if (result != 0)
        return 0;
    MUST(header.len <= FRAME_MAX_LEN && header.fds <= FRAME_MAX_FDS && !header.payload);
    /* The payload is what there is of it. */
    size -= FRAME_HEADER_LEN;
    header.len = header.len < size ? header.len : size;
    frame = header;
    frame.payload = data + FRAME_HEADER_LEN;
    while (count < MAX_PARTS && (result = frame_next_part(&frame, &parts[count])) == 1) {
        MUST((const uint8_t *)parts[count].data >= data + FRAME_HEADER_LEN + 4);
        MUST(parts[count].len <=
             (size_t)(data + FRAME_HEADER_LEN + header.len - (const uint8_t *)parts[count].data));
        seen += 4 + parts[count].len;
        (void)frame_u32(parts[count], 0);
        (void)frame_u64(parts[count], 0);
        count++;
    }
    MUST(result >= 0 || result == -EPROTO);
    MUST(frame.len == header.len - seen);
    if (result == 0) {
        unsigned char whole[4];
        frame_put_u32(whole, (uint32_t)header.len);
        if (memcmp(whole, data, sizeof whole) == 0)
            encode(data, &header, parts, count);
    }
    return 0;
}
