/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_connection.c - any bytes as a connection file: what is taken is all there and can be listened on, and what is
 * refused is said in a sentence, with nothing changed.
 */
#include "shim/xeus/connection.h"

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static int is_text(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct connection connection, before;
    struct spk_error error = {.size = sizeof error};
    int fd = memfd_create("connection", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(&connection, 0x5A, sizeof connection);
    before = connection;
    int result = connection_read(path, &connection, &error);
    close(fd);
    if (result != 0) {
        MUST(result < 0 && error.code == result && error.text[0] && strchr(error.text, '.'));
        MUST(memcmp(&connection, &before, sizeof before) == 0);
        return 0;
    }
    MUST(size <= 64 << 10 && !error.text[0]);
    MUST(strcmp(connection.transport, "tcp") == 0 || strcmp(connection.transport, "ipc") == 0);
    MUST(is_text(connection.ip, sizeof connection.ip) && connection.ip[0]);
    MUST(is_text(connection.key, sizeof connection.key) && is_text(connection.scheme, sizeof connection.scheme));
    MUST((connection.key[0] == 0) <= (strcmp(connection.scheme, "none") == 0));
    for (int i = 0; i < PORT_COUNT; i++)
        MUST(connection.ports[i] >= 0 && connection.ports[i] <= 65535);
    return 0;
}
