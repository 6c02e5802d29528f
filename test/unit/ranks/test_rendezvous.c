/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_rendezvous.c - how the two ends of a cell that runs as ranks find each other, and the variables' file.
 */
#include "ranks/rendezvous.h"
#include "ranks/shared_file.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void meet(int everywhere)
{
    char text[RENDEZVOUS_TEXT_LEN], other[RENDEZVOUS_TEXT_LEN];
    struct spk_text token;
    int listener = rendezvous_open(everywhere, text), another = rendezvous_open(everywhere, other);
    CHECK(listener >= 0 && another >= 0 && strncmp(text, other, RENDEZVOUS_TOKEN_LEN) != 0);
    CHECK(everywhere || strstr(text, " 127.0.0.1"));
    int joined = rendezvous_join(text, &token);
    CHECK(joined >= 0 && token.len == RENDEZVOUS_TOKEN_LEN && rendezvous_is_token(text, token));
    CHECK(!rendezvous_is_token(other, token));
    token.len--;
    CHECK(!rendezvous_is_token(text, token));
    token.len += 2;
    CHECK(!rendezvous_is_token(text, token));
    CHECK(!rendezvous_is_token(text, (struct spk_text){"", 0}));
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    CHECK(poll(&wanted, 1, -1) == 1);
    int accepted = accept(listener, NULL, NULL);
    CHECK(accepted >= 0 && send(joined, "x", 1, MSG_NOSIGNAL) == 1);
    close(accepted);
    close(joined);
    close(listener);
    close(another);
    int refused = rendezvous_join(text, &token); /* by the last address, of which there may be others */
    CHECK(everywhere ? refused < 0 && refused != -EINVAL : refused == -ECONNREFUSED);
}

/* An address that is none, and one where nobody listens, before the right one. */
static void second_address(void)
{
    char text[RENDEZVOUS_TEXT_LEN], more[RENDEZVOUS_TEXT_LEN + 64];
    struct spk_text token;
    int listener = rendezvous_open(0, text);
    CHECK(listener >= 0);
    char *addresses = strrchr(text, ' ');
    snprintf(more, sizeof more, "%.*s nowhere 127.0.0.2%s", (int)(addresses - text), text, addresses);
    int joined = rendezvous_join(more, &token);
    CHECK(joined >= 0 && rendezvous_is_token(text, token));
    close(joined);
    close(listener);
}

/* A node that is there and does not answer: an error in the end. */
static void no_answer(void)
{
    char text[RENDEZVOUS_TEXT_LEN];
    struct spk_text token;
    int waiting[8], count = 0, result = 0, listener = rendezvous_open(0, text);
    CHECK(listener >= 0 && listen(listener, 0) == 0); /* the kernel answers no more than it has room for */
    while (count < 8 && (result = rendezvous_join(text, &token)) >= 0)
        waiting[count++] = result;
    CHECK(count > 0 && result == -ETIMEDOUT);
    while (count)
        close(waiting[--count]);
    close(listener);
}

static void no_meeting(void)
{
    static const char token[] = "0123456789abcdef0123456789abcdef";
    static const char *const bad[] = {
        "",    " ",      " 80",     " 0 127.0.0.1", " 65536 127.0.0.1", " x 127.0.0.1",
        " 1 ", " 1 ::1", " 1 host", " -1 127.0.0.1"};
    char text[RENDEZVOUS_TEXT_LEN + 64];
    struct spk_text found;
    CHECK(rendezvous_join("", &found) == -EINVAL && rendezvous_join("short", &found) == -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "%s%s", token, bad[i]);
        CHECK(rendezvous_join(text, &found) == -EINVAL);
    }
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = 0;
    CHECK(rendezvous_join(text, &found) == -EINVAL);
}

static int variables(const char *content)
{
    int fd = memfd_create("variables", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    return fd;
}

static int reads(int fd, const char *content)
{
    char found[64];
    ssize_t got = pread(fd, found, sizeof found, 0);
    return got >= 0 && test_same(found, (size_t)got, content);
}

static int open_text(const char *text, uint64_t *length)
{
    return shared_file_open((struct spk_text){text, strlen(text)}, length);
}

static void share(void)
{
    char text[SHARED_FILE_TEXT_LEN];
    uint64_t length = 0, again = 0;
    int fd = variables("all that there is"), status;
    CHECK(shared_file_describe(fd, text, &length) == 0 && length == 17);
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        int opened = open_text(text, &again);
        _exit(opened >= 0 && again == length && reads(opened, "all that there is") &&
                      write(opened, "x", 1) < 0
                  ? 0
                  : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    /* It is another one by now. */
    CHECK(write(fd, "!", 1) == 1 && open_text(text, &again) == -ENOENT);
    close(fd);
    CHECK(open_text(text, &again) == -ENOENT);
    CHECK(shared_file_describe(fd, text, &length) == -EBADF);
}

static void share_nothing(void)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "a 1 2 3 4",
                                      "a 1 2 3 4 5 6",
                                      "a x 2 3 4 5",
                                      "a 1 2 3 4 5x",
                                      "a 1 2  4 5",
                                      "a 1 2 3 4 99999999999999999999"};
    char text[SHARED_FILE_TEXT_LEN];
    uint64_t length;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(open_text(bad[i], &length) == -EINVAL);
    char *long_text = calloc(1, 4096);
    CHECK(long_text != NULL);
    memset(long_text, '1', 4095);
    CHECK(open_text(long_text, &length) == -EINVAL);
    free(long_text);
    int fd = variables("x");
    CHECK(shared_file_describe(fd, text, &length) == 0);
    text[0] = text[0] == 'z' ? 'y' : 'z'; /* another machine's */
    CHECK(open_text(text, &length) == -ENOENT);
    close(fd);
}

/* The text with another value for one of its numbers: 1 PID, 2 DESCRIPTOR, 3 DEVICE, 4 INODE, 5 LENGTH. */
static void with_other(const char *text, int which, const char *value, char other[2 * SHARED_FILE_TEXT_LEN])
{
    const char *from = text;
    for (int i = 0; i < which; i++)
        from = strchr(from, ' ') + 1;
    snprintf(other, 2 * SHARED_FILE_TEXT_LEN, "%.*s%s%s", (int)(from - text), text, value,
             from + strcspn(from, " "));
}

/* That all of it is looked at, and that numbers of no process and no descriptor are none. */
static void share_another(void)
{
    static const char *const numbers[] = {"0", "1", "18446744073709551615", "-1"};
    char text[SHARED_FILE_TEXT_LEN], other[2 * SHARED_FILE_TEXT_LEN];
    uint64_t length;
    int fd = variables("x"), descriptors = test_descriptors();
    CHECK(shared_file_describe(fd, text, &length) == 0);
    for (int which = 1; which <= 5; which++)
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            with_other(text, which, numbers[i], other);
            if (strcmp(text, other) != 0)
                CHECK(open_text(other, &length) == -ENOENT);
        }
    CHECK(test_descriptors() == descriptors);
    close(fd);
}

/* The number may mean anything over there: it must not block, and is not the file. */
static void share_other_things(void)
{
    char text[SHARED_FILE_TEXT_LEN], path[] = "/tmp/spk-meeting-XXXXXX", name[64];
    uint64_t length;
    CHECK(mkdtemp(path) != NULL);
    snprintf(name, sizeof name, "%s/fifo", path);
    CHECK(mkfifo(name, 0600) == 0);
    int things[] = {open(name, O_RDWR | O_CLOEXEC), open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        int fd = variables("x");
        CHECK(things[i] >= 0 && shared_file_describe(fd, text, &length) == 0);
        CHECK(dup2(things[i], fd) == fd);
        close(things[i]);
        CHECK(open_text(text, &length) == -ENOENT);
        close(fd);
    }
    unlink(name);
    rmdir(path);
}

int main(void)
{
    test_limit(60);
    int descriptors = test_descriptors();
    meet(0);
    meet(1);
    second_address();
    no_answer();
    no_meeting();
    share();
    share_nothing();
    share_another();
    share_other_things();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
