/* SPDX-License-Identifier: BSD-3-Clause
 *
 * frame.c - the codec of what crosses the sockets. Pure: bytes in, bytes out, no descriptor. Every length is
 * checked against its maximum before it is used to size or to index anything.
 */
#include "wire/frame.h"

#include <errno.h>

#define PART_HEADER_LEN ((size_t)4)

static uint64_t get_le(const unsigned char *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static void put_le(unsigned char *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

void frame_put_u32(unsigned char *at, uint32_t value)
{
    put_le(at, value, 4);
}

void frame_put_u64(unsigned char *at, uint64_t value)
{
    put_le(at, value, 8);
}

uint32_t frame_u32(struct spk_text part, uint32_t fallback)
{
    return part.len == 4 ? (uint32_t)get_le((const unsigned char *)part.data, 4) : fallback;
}

uint64_t frame_u64(struct spk_text part, uint64_t fallback)
{
    return part.len == 8 ? get_le((const unsigned char *)part.data, 8) : fallback;
}

int frame_decode_header(const unsigned char header[24], struct frame *frame)
{
    size_t len = (size_t)get_le(header, 4);
    uint16_t fds = (uint16_t)get_le(header + 6, 2);
    if (len > FRAME_MAX_LEN || fds > FRAME_MAX_FDS)
        return -EPROTO;
    *frame = (struct frame){
        .type = (uint16_t)get_le(header + 4, 2),
        .fds = fds,
        .request = get_le(header + 8, 8),
        .barrier = get_le(header + 16, 8),
        .len = len,
    };
    return 0;
}

int frame_next_part(struct frame *frame, struct spk_text *part)
{
    if (!frame->len)
        return 0;
    if (frame->len < PART_HEADER_LEN)
        return -EPROTO;
    size_t len = (size_t)get_le(frame->payload, 4);
    if (len > frame->len - PART_HEADER_LEN)
        return -EPROTO;
    *part = (struct spk_text){(const char *)frame->payload + PART_HEADER_LEN, len};
    frame->payload += PART_HEADER_LEN + len;
    frame->len -= PART_HEADER_LEN + len;
    return 1;
}

int frame_begin(struct buffer *out, size_t *mark, uint16_t type, uint64_t request)
{
    unsigned char header[24] = {0};
    put_le(header + 4, type, 2);
    put_le(header + 8, request, 8);
    size_t before = out->len;
    int result = buffer_append(out, header, sizeof header);
    if (result == 0)
        *mark = before;
    return result;
}

int frame_add(struct buffer *out, size_t mark, const void *data, size_t len)
{
    size_t payload = out->len - mark - FRAME_HEADER_LEN;
    int result = -EMSGSIZE;
    if (len <= FRAME_MAX_LEN - PART_HEADER_LEN && payload <= FRAME_MAX_LEN - PART_HEADER_LEN - len) {
        unsigned char head[4];
        put_le(head, len, 4);
        result = buffer_append(out, head, sizeof head);
        if (result == 0)
            result = buffer_append(out, data, len);
    }
    if (result != 0)
        out->len = mark;
    return result;
}

void frame_end(struct buffer *out, size_t mark, uint16_t fds)
{
    unsigned char *header = out->data + out->start + mark;
    put_le(header, out->len - mark - FRAME_HEADER_LEN, 4);
    put_le(header + 6, fds, 2);
}

int frame_append(struct buffer *out, uint16_t type, uint64_t request, uint16_t fds,
                 const struct spk_text *parts, size_t count)
{
    size_t mark;
    int result = frame_begin(out, &mark, type, request);
    for (size_t i = 0; result == 0 && i < count; i++)
        result = frame_add(out, mark, parts[i].data, parts[i].len);
    if (result == 0)
        frame_end(out, mark, fds);
    return result;
}

int frame_append_payload(struct buffer *out, uint16_t type, uint64_t request, struct spk_text payload)
{
    size_t mark;
    if (payload.len > FRAME_MAX_LEN)
        return -EMSGSIZE;
    int result = frame_begin(out, &mark, type, request);
    if (result != 0)
        return result;
    result = buffer_append(out, payload.data, payload.len);
    if (result == 0)
        frame_end(out, mark, 0);
    else
        out->len = mark;
    return result;
}
