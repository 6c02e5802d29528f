/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_buffer.c - without memory a buffer stays as it was, and so do the frames in it.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "wire/frame.h"

#include "fault.h"

static void appends(void)
{
    struct buffer buffer = {0};
    char bytes[3000];
    size_t len = 0;
    memset(bytes, 'x', sizeof bytes);
    for (size_t each = 100; each <= sizeof bytes; each += 100) {
        int hits = fault.hits;
        int result = buffer_append(&buffer, bytes, each);
        CHECK(result == (fault.hits > hits ? -ENOMEM : 0));
        len += result == 0 ? each : 0;
        CHECK(buffer.len == len);
    }
    for (size_t i = 0; i < len; i++)
        CHECK(buffer_bytes(&buffer)[i] == 'x');
    buffer_finish(&buffer);
}

static void frames(void)
{
    struct buffer buffer = {0};
    char bytes[2000];
    struct spk_text parts[] = {{bytes, 10}, {bytes, sizeof bytes}, {NULL, 0}};
    size_t len = 0;
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 5; i++) {
        int hits = fault.hits;
        int result = frame_append(&buffer, 7, 70, 0, parts, 3);
        CHECK(result == (fault.hits > hits ? -ENOMEM : 0));
        len += result == 0 ? FRAME_HEADER_LEN + 12 + 10 + sizeof bytes : 0;
        CHECK(buffer.len == len);
    }
    for (; len; len -= FRAME_HEADER_LEN + 12 + 10 + sizeof bytes) {
        struct frame frame;
        CHECK(frame_decode_header(buffer_bytes(&buffer), &frame) == 0 && frame.type == 7);
        buffer_consume(&buffer, FRAME_HEADER_LEN + frame.len);
    }
    buffer_finish(&buffer);
}

int main(void)
{
    test_limit(60);
    fault_each(appends, 1);
    fault_each(frames, 1);
    return 0;
}
