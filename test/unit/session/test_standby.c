/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_standby.c - the parked copy as a frame brings it: whole, or with something missing or too much; what is
 * not kept is closed.
 */
#include "session/standby.h"

#include "unit/channel_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* Send a frame with so many descriptors, each of a pipe of its own, and have spare take it. */
static int take(struct standby *spare, uint64_t id, const struct spk_text *parts, size_t count, size_t fds)
{
    int ends[FRAME_MAX_FDS], other[FRAME_MAX_FDS];
    struct frame frame;
    for (size_t i = 0; i < fds; i++) {
        int pair[2];
        CHECK(pipe2(pair, O_CLOEXEC) == 0);
        ends[i] = pair[1];
        other[i] = pair[0];
    }
    CHECK(channel_send(&here, 1, 0, parts, count, ends, fds) == 0);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1 && frame.fds == fds);
    int result = standby_take(spare, id, &frame, &there);
    CHECK(channel_claim_fd(&there) == -1); /* none is left for a later frame */
    for (size_t i = 0; i < fds; i++) {
        close(ends[i]);
        close(other[i]);
    }
    return result;
}

static struct spk_text pid_part(uint32_t pid)
{
    static unsigned char number[4];
    frame_put_u32(number, pid);
    return (struct spk_text){(const char *)number, sizeof number};
}

static int is_none(const struct standby *spare)
{
    return !spare->id && !spare->pid && !spare->lacks && spare->fds[0] == -1 && spare->fds[1] == -1 &&
           spare->fds[2] == -1;
}

static void good(void)
{
    struct standby spare = STANDBY_NONE;
    struct spk_text parts[] = {pid_part(4711), {"{\"threads\":1}xyz", 13}};
    CHECK(is_none(&spare));
    int descriptors = test_descriptors();
    CHECK(take(&spare, 7, parts, 2, 3) == 0);
    CHECK(spare.id == 7 && spare.pid == 4711 && !strcmp(spare.lacks, "{\"threads\":1}"));
    CHECK(spare.fds[0] >= 0 && spare.fds[1] >= 0 && spare.fds[2] >= 0);
    CHECK(test_descriptors() == descriptors + 3);
    /* What is said after the two parts is of a later version. */
    struct spk_text more[] = {pid_part(4712), {"", 0}, {"more", 4}};
    CHECK(take(&spare, 8, more, 3, 3) == 0);
    CHECK(spare.id == 8 && spare.pid == 4712 && !*spare.lacks);
    CHECK(test_descriptors() == descriptors + 3); /* the former one has been let go */
    standby_drop(&spare);
    CHECK(is_none(&spare) && test_descriptors() == descriptors);
    standby_drop(&spare);
    CHECK(is_none(&spare));
}

/* The spare's other side sees the end of its socket. */
static void drop_closes(void)
{
    struct standby spare = STANDBY_NONE;
    int pair[2], out[2], err[2];
    char byte;
    struct frame frame;
    struct spk_text parts[] = {pid_part(1), {"{}", 2}};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
          pipe2(err, O_CLOEXEC) == 0);
    CHECK(channel_send(&here, 1, 0, parts, 2, (int[]){pair[0], out[0], err[0]}, 3) == 0);
    close(pair[0]);
    close(out[0]);
    close(err[0]);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1);
    CHECK(standby_take(&spare, 1, &frame, &there) == 0);
    CHECK(write(pair[1], "x", 1) == 1 && write(out[1], "x", 1) == 1 && write(err[1], "x", 1) == 1);
    CHECK(read(spare.fds[0], &byte, 1) == 1 && read(spare.fds[1], &byte, 1) == 1 &&
          read(spare.fds[2], &byte, 1) == 1); /* in this order */
    standby_drop(&spare);
    signal(SIGPIPE, SIG_IGN);
    CHECK(read(pair[1], &byte, 1) == 0);
    CHECK(write(out[1], "x", 1) == -1 && errno == EPIPE && write(err[1], "x", 1) == -1 && errno == EPIPE);
    signal(SIGPIPE, SIG_DFL);
    close(pair[1]);
    close(out[1]);
    close(err[1]);
}

static void bad(void)
{
    struct standby spare = STANDBY_NONE;
    struct spk_text zero = {"\0\0\0", 4}, lacks = {"{}", 2};
    int descriptors = test_descriptors();
    for (size_t fds = 0; fds <= FRAME_MAX_FDS; fds++) {
        struct spk_text parts[] = {pid_part(5), lacks};
        int result = take(&spare, 1, parts, 2, fds);
        /* Too few are none; what is too much is closed. */
        CHECK(fds < 3 ? result == -EPROTO && is_none(&spare) : result == 0 && spare.pid == 5);
        CHECK(test_descriptors() == descriptors + (fds < 3 ? 0 : 3));
        CHECK(take(&spare, 2, parts, 1, fds) == -EPROTO && is_none(&spare)); /* the former one is gone, too */
        CHECK(take(&spare, 3, NULL, 0, fds) == -EPROTO && is_none(&spare));
        CHECK(take(&spare, 4, (struct spk_text[]){{"abc", 3}, lacks}, 2, fds) == -EPROTO && is_none(&spare));
        CHECK(take(&spare, 4, (struct spk_text[]){{"", 0}, lacks}, 2, fds) == -EPROTO && is_none(&spare));
        CHECK(test_descriptors() == descriptors);
    }
    CHECK(take(&spare, 5, (struct spk_text[]){zero, lacks}, 2, 3) == -EPROTO && is_none(&spare));
    CHECK(test_descriptors() == descriptors);
}

/* A frame that promises descriptors that did not come, or whose parts are torn. */
static void promised(void)
{
    struct standby spare = STANDBY_NONE;
    struct spk_text parts[] = {pid_part(5), {"{}", 2}};
    struct buffer bytes = {0};
    struct frame frame;
    size_t mark;
    CHECK(frame_append(&bytes, 1, 0, 3, parts, 2) == 0);
    CHECK(send(here.fd, buffer_bytes(&bytes), bytes.len, 0) == (ssize_t)bytes.len);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1 && frame.fds == 3);
    CHECK(standby_take(&spare, 1, &frame, &there) == -EPROTO && is_none(&spare));
    buffer_finish(&bytes);
    CHECK(frame_begin(&bytes, &mark, 1, 0) == 0 && frame_add(&bytes, mark, parts[0].data, 4) == 0);
    CHECK(buffer_append(&bytes, "\xff\0\0\0{}", 6) == 0);
    frame_end(&bytes, mark, 0);
    CHECK(send(here.fd, buffer_bytes(&bytes), bytes.len, 0) == (ssize_t)bytes.len);
    CHECK(channel_receive(&there) > 0 && channel_next(&there, &frame) == 1);
    CHECK(standby_take(&spare, 1, &frame, &there) == -EPROTO && is_none(&spare));
    buffer_finish(&bytes);
}

static const char *explained(const char *lacks, const char *how)
{
    static char text[1024], copy[256];
    struct standby spare = STANDBY_NONE;
    if (lacks) {
        snprintf(copy, sizeof copy, "%s", lacks);
        spare.lacks = copy;
    }
    standby_explain(&spare, how, text, sizeof text);
    return text;
}

static void explanations(void)
{
    static const char begin[] =
        "The cell ended its Python process, which was ended by SIGKILL. The session goes "
        "on from just before the cell, with the variables as they were then. ",
                      end[] = "Files and shared memory are as the cell left them; the cell's "
                              "experiment is incomplete.";
    static const struct {
        const char *lacks, *said;
    } cases[] = {
        {NULL, ""},
        {"", ""},
        {"no JSON", ""},
        {"[1]", ""},
        {"{}", ""},
        {"{\"threads\":0,\"children\":-3,\"connections\":\"2\"}", ""},
        {"{\"threads\":1}", "What does not exist any more: 1 thread. "},
        {"{\"threads\":2,\"children\":1}", "What does not exist any more: 2 threads, 1 child process. "},
        {"{\"children\":3,\"connections\":1}",
         "What does not exist any more: 3 child processes, 1 pipe or network connection. "},
        {"{\"connections\":2,\"threads\":1,\"children\":0}",
         "What does not exist any more: 1 thread, 2 pipes and network connections. "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[1024];
        snprintf(wanted, sizeof wanted, "%s%s%s", begin, cases[i].said, end);
        const char *text = explained(cases[i].lacks, "was ended by SIGKILL");
        if (strcmp(text, wanted) != 0) {
            fprintf(stderr, "%s: \"%s\"\n", cases[i].lacks, text);
            exit(1);
        }
    }
    /* The largest numbers have room, and a long reason or a small room is cut. */
    const char *large = explained("{\"threads\":9223372036854775807,\"children\":9223372036854775807,"
                                  "\"connections\":9223372036854775807}",
                                  "x");
    CHECK(strstr(large, "9223372036854775807 pipes and network connections. Files"));
    char small[40];
    struct standby spare = STANDBY_NONE;
    standby_explain(&spare, "was ended", small, sizeof small);
    CHECK(!strcmp(small, "The cell ended its Python process, whic"));
}

int main(void)
{
    test_limit(60);
    int descriptors = test_descriptors();
    join();
    good();
    drop_closes();
    bad();
    promised();
    part();
    explanations();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
