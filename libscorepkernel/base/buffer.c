/* SPDX-License-Identifier: BSD-3-Clause
 *
 * buffer.c - bytes that grow at the end and are taken from the front. Owns its memory, and knows nothing of
 * what the bytes mean; who fills a buffer sets its maximum.
 */
#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An empty buffer above this gives its memory back, so that one large output does not stay for ever. */
#define BUFFER_KEEP ((size_t)256 << 10)

unsigned char *buffer_room(struct buffer *buffer, size_t len)
{
    if (len > SIZE_MAX / 2 - buffer->len)
        return NULL;
    size_t need = buffer->len + len;
    if (buffer->start && buffer->start + need > buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->start, buffer->len);
        buffer->start = 0;
    }
    if (buffer->start + need > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 512;
        while (capacity < need)
            capacity *= 2;
        unsigned char *data = realloc(buffer->data, capacity);
        if (!data)
            return NULL;
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->start + buffer->len;
}

void buffer_grown(struct buffer *buffer, size_t len)
{
    assert(len <= buffer->capacity - buffer->start - buffer->len);
    buffer->len += len;
}

int buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    if (!len)
        return 0;
    unsigned char *room = buffer_room(buffer, len);
    if (!room)
        return -ENOMEM;
    memcpy(room, data, len);
    buffer_grown(buffer, len);
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    assert(len <= buffer->len);
    buffer->start += len;
    buffer->len -= len;
    if (buffer->len)
        return;
    buffer->start = 0;
    if (buffer->capacity > BUFFER_KEEP)
        buffer_finish(buffer);
}

const unsigned char *buffer_bytes(const struct buffer *buffer)
{
    return buffer->data ? buffer->data + buffer->start : NULL; /* NULL + 0 is undefined in C */
}

void buffer_finish(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}
