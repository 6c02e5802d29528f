/* SPDX-License-Identifier: BSD-3-Clause
 *
 * connection.c - reads and checks a connection file. Opens no socket: that is the server's.
 */
#include "shim/xeus/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_bridge.h"
#include "shim/common/log.h"

#define FILE_MAX ((size_t)64 << 10)
#define REMEDY "Jupyter writes this file and passes it with -f; start the kernel from Jupyter"

const char *connection_port_name(enum connection_port port)
{
    static const char *const names[PORT_COUNT] = {"shell_port", "control_port", "stdin_port", "iopub_port",
                                                  "hb_port"};
    return names[port];
}

static int is_small_file(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return 0;
    if (S_ISREG(status.st_mode) && status.st_size <= (off_t)FILE_MAX)
        return 1;
    errno = S_ISDIR(status.st_mode) ? EISDIR : EFBIG;
    return 0;
}

/* Up to FILE_MAX bytes. 0, or -1 with errno set. */
static int read_all(int fd, char *text, size_t *len)
{
    ssize_t got = 1;
    for (*len = 0; *len < FILE_MAX && got != 0;) {
        got = read(fd, text + *len, FILE_MAX - *len);
        if (got < 0 && errno != EINTR)
            return -1;
        *len += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* The file's text, to be freed; NULL with errno set. */
static char *read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char *text = fd >= 0 && is_small_file(fd) ? malloc(FILE_MAX) : NULL;
    if (text && read_all(fd, text, len) < 0) {
        free(text);
        text = NULL;
    }
    int saved = errno;
    if (fd >= 0)
        (void)close(fd); /* only read from: nothing can be lost */
    errno = saved;
    return text;
}

/* A text member into a buffer. NULL fallback: it must be there. */
static int take_text(const struct json *file, const char *name, const char *fallback, char *to, size_t size,
                     struct spk_error *error)
{
    const struct json *member = json_get(file, name);
    size_t len = fallback ? strlen(fallback) : 0;
    const char *text = member ? json_text(member, &len) : fallback;
    if (!text && !member)
        return log_set(error, -EINVAL, "The connection file lacks \"%s\". %s.", name, REMEDY);
    if (!text || len >= size || memchr(text, '\0', len))
        return log_set(error, -EINVAL,
                       "\"%s\" in the connection file is not a text of at most %zu bytes. %s.", name,
                       size - 1, REMEDY);
    memcpy(to, text, len + 1);
    return 0;
}

static int take_ports(const struct json *file, struct connection *connection, struct spk_error *error)
{
    for (int i = 0; i < PORT_COUNT; i++) {
        const char *name = connection_port_name((enum connection_port)i);
        const struct json *member = json_get(file, name);
        if (!member)
            return log_set(error, -EINVAL, "The connection file lacks \"%s\". %s.", name, REMEDY);
        int64_t port = json_integer(member, -1);
        if (port < 0 || port > 65535)
            return log_set(error, -EINVAL,
                           "\"%s\" in the connection file is not a port number from 0 to 65535. %s.", name,
                           REMEDY);
        connection->ports[i] = (int)port;
    }
    return 0;
}

static int check(struct connection *connection, struct spk_error *error)
{
    if (strcmp(connection->transport, "tcp") != 0 && strcmp(connection->transport, "ipc") != 0)
        return log_set(error, -EINVAL,
                       "The transport \"%s\" in the connection file is not known. Use \"tcp\" or \"ipc\".",
                       connection->transport);
    if (connection->ip[0] == '\0')
        return log_set(error, -EINVAL, "\"ip\" in the connection file is empty. %s.", REMEDY);
    /* What Jupyter means by an empty key: messages are not signed. */
    if (connection->key[0] == '\0')
        strcpy(connection->scheme, "none");
    return 0;
}

static int take_all(const struct json *file, struct connection *connection, struct spk_error *error)
{
    int code =
        take_text(file, "transport", "tcp", connection->transport, sizeof connection->transport, error);
    if (!code)
        code = take_text(file, "ip", "127.0.0.1", connection->ip, sizeof connection->ip, error);
    if (!code)
        code = take_text(file, "key", NULL, connection->key, sizeof connection->key, error);
    if (!code)
        code = take_text(file, "signature_scheme", "hmac-sha256", connection->scheme,
                         sizeof connection->scheme, error);
    if (!code)
        code = take_ports(file, connection, error);
    return code ? code : check(connection, error);
}

int connection_read(const char *path, struct connection *connection, struct spk_error *error)
{
    size_t len = 0;
    char *text = read_file(path, &len);
    if (!text) {
        int code = -errno;
        return log_set(error, code, "The connection file %s cannot be read: %s. %s.", path, log_reason(code),
                       REMEDY);
    }
    struct json *file = json_parse(text, len);
    free(text);
    /* Members are only asked for in an object: json_get finds nothing in anything else. */
    if (!file)
        return log_set(error, -EINVAL, "The connection file %s is not JSON. %s.", path, REMEDY);
    struct connection read;
    memset(&read, 0, sizeof read);
    int code = take_all(file, &read, error);
    json_free(file);
    if (!code)
        *connection = read;
    return code;
}
