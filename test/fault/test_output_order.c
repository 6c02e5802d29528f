/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_output_order.c - text that there is no memory for waits, and comes whole, once, and in order.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "process/output_order.h"

#include "fault.h"

#define TOKEN "abcdefghijklmnopqrstuv"

static char told[4096];
static size_t told_len;

static void on_write(void *owner, uint64_t request, uint32_t which, struct spk_text text)
{
    (void)owner;
    (void)request;
    (void)which;
    CHECK(told_len + text.len < sizeof told);
    memcpy(told + told_len, text.data, text.len);
    told_len += text.len;
}

/* More than the first memory that a buffer takes. */
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X700 X100 X100 X100 X100 X100 X100 X100

/* Characters in pieces, so that what waits for its end is at risk, too. */
static const char *const pieces[] = {"gr\xC3",       "\xBC\xC3\x9F", "e \xE2",   "\x82", "\xAC \xF0\x9F",
                                     "\x98",         "\x80.",        "\xE2\x82", "!",    "0123456789\xE2",
                                     "\x82\xAC" X700};
static const char whole[] =
    "gr\xC3\xBC\xC3\x9F"
    "e \xE2\x82\xAC \xF0\x9F\x98\x80.\xEF\xBF\xBD\xEF\xBF\xBD!0123456789\xE2\x82\xAC" X700;

static void streams(void)
{
    struct output_pace stream = {.write = on_write};
    told_len = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces;) {
        int hits = fault.hits;
        int result = output_pace_add(&stream, 1, SPK_STDOUT, (struct spk_text){pieces[i], strlen(pieces[i])});
        CHECK(result == (fault.hits > hits ? -ENOMEM : 0));
        i += result == 0;
        if (i % 3 == 0) { /* so that the next one needs memory again */
            output_pace_flush(&stream, 0);
            buffer_finish(&stream.pending);
        }
    }
    output_pace_flush(&stream, 1);
    CHECK(test_same(told, told_len, whole));
    output_pace_finish(&stream);
}

static void outputs(void)
{
    struct output_order output = {.stream = {.write = on_write}};
    memcpy(output.token, TOKEN, MARK_TOKEN_LEN);
    told_len = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces;) {
        int hits = fault.hits;
        int result = buffer_append(output_order_unread(&output, SPK_STDOUT), pieces[i], strlen(pieces[i]));
        CHECK(result == (fault.hits > hits ? -ENOMEM : 0));
        i += result == 0;
        hits = fault.hits;
        result = output_order_pump(&output, 0);
        CHECK(result == (fault.hits > hits ? -ENOMEM : 0));
        output_pace_flush(&output.stream, 0);
        buffer_finish(&output.stream.pending);
    }
    CHECK(output_order_pump(&output, 1) == 0 || output_order_pump(&output, 1) == 0);
    output_pace_flush(&output.stream, 1);
    CHECK(test_same(told, told_len, whole));
    output_order_finish(&output);
}

int main(void)
{
    test_limit(60);
    fault_each(streams, 0);
    fault_each(outputs, 0);
    return 0;
}
