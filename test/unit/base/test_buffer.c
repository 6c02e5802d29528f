/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_buffer.c - buffer.c against a plain array.
 */
#include "base/buffer.h"

#include "test.h"

#include <errno.h>
#include <stdint.h>

static void empty(void)
{
    struct buffer buffer = {0};
    CHECK(buffer_append(&buffer, NULL, 0) == 0 && buffer.len == 0 && !buffer.data);
    buffer_consume(&buffer, 0);
    buffer_finish(&buffer);
    buffer_finish(&buffer);
}

static void too_large(void)
{
    struct buffer buffer = {0};
    CHECK(buffer_append(&buffer, "abc", 3) == 0);
    unsigned char *data = buffer.data;
    CHECK(!buffer_room(&buffer, SIZE_MAX) && !buffer_room(&buffer, SIZE_MAX / 2));
    CHECK(buffer_append(&buffer, "d", SIZE_MAX - 3) == -ENOMEM);
    CHECK(buffer.data == data && test_same(buffer_bytes(&buffer), buffer.len, "abc"));
    buffer_finish(&buffer);
    CHECK(!buffer.data && !buffer.len && !buffer.capacity);
    CHECK(buffer_append(&buffer, "again", 5) == 0);
    CHECK(test_same(buffer_bytes(&buffer), buffer.len, "again"));
    buffer_finish(&buffer);
}

/* Room is there as asked for, and counts only when it was grown into. */
static void room(void)
{
    struct buffer buffer = {0};
    for (size_t len = 1; len < 3000; len += 97) {
        size_t before = buffer.len;
        unsigned char *at = buffer_room(&buffer, len);
        CHECK(at != NULL && buffer.len == before && at == buffer_bytes(&buffer) + before);
        memset(at, 'x', len);
        buffer_grown(&buffer, len / 2);
        CHECK(buffer.len == before + len / 2);
    }
    buffer_finish(&buffer);
}

/* Appending and consuming in all proportions: the bytes come out as they went in. */
static void queue(void)
{
    struct buffer buffer = {0};
    unsigned in = 0, out = 0, seed = 1;
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[700];
        seed = seed * 1103515245u + 12345u;
        size_t add = seed >> 16 & 511, take = seed >> 7 & 511;
        for (size_t i = 0; i < add; i++)
            bytes[i] = (unsigned char)(in++ % 251);
        CHECK(buffer_append(&buffer, bytes, add) == 0);
        CHECK(buffer.len == in - out);
        take = take < buffer.len ? take : buffer.len;
        for (size_t i = 0; i < take; i++)
            CHECK(buffer_bytes(&buffer)[i] == (unsigned char)(out++ % 251));
        buffer_consume(&buffer, take);
    }
    buffer_finish(&buffer);
}

/* One large output does not keep its memory; a small one does, so that not every line allocates. */
static void gives_back(void)
{
    struct buffer buffer = {0};
    CHECK(buffer_room(&buffer, 1 << 20) != NULL);
    memset(buffer.data, 0, 1 << 20);
    buffer_grown(&buffer, 1 << 20);
    buffer_consume(&buffer, 1 << 20);
    CHECK(!buffer.data && !buffer.capacity);
    CHECK(buffer_append(&buffer, "small", 5) == 0);
    buffer_consume(&buffer, 5);
    CHECK(buffer.data && !buffer.len && !buffer.start);
    buffer_finish(&buffer);
}

int main(void)
{
    test_limit(60);
    empty();
    too_large();
    room();
    queue();
    gives_back();
    return 0;
}
