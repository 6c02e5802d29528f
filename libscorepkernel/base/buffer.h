/* SPDX-License-Identifier: BSD-3-Clause
 *
 * buffer.h - bytes that grow at the end and are taken from the front. Pure.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>

/* Zero-initialise to make an empty one. The bytes are data[start .. start + len). */
struct buffer {
    unsigned char *data;
    size_t start;
    size_t len;
    size_t capacity;
};

/** Room for len more bytes behind the last; they count only after buffer_grown. NULL: no memory. */
unsigned char *buffer_room(struct buffer *buffer, size_t len);
void buffer_grown(struct buffer *buffer, size_t len);

/** 0 or -ENOMEM; on failure the buffer is as before. */
int buffer_append(struct buffer *buffer, const void *data, size_t len);

/** Drop len bytes from the front. */
void buffer_consume(struct buffer *buffer, size_t len);

/** The first byte; valid until the buffer changes. */
const unsigned char *buffer_bytes(const struct buffer *buffer);

/** Release the memory; the buffer is empty and usable. */
void buffer_finish(struct buffer *buffer);

#endif
