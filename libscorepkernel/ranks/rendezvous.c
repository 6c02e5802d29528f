/* SPDX-License-Identifier: BSD-3-Clause
 *
 * rendezvous.c - how a rank's relay finds its job. The text that says where is "TOKEN PORT ADDRESS ...", of
 * IPv4.
 */
#include "ranks/rendezvous.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
/* How long an address is tried, when others may answer. */
#define PATIENCE_MS 5000

static int make_token(char *token)
{
    unsigned char bytes[RENDEZVOUS_TOKEN_LEN / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static struct sockaddr_in *inet_of(struct sockaddr *address)
{
    return (struct sockaddr_in *)(void *)address;
}

/* Add the addresses by which other nodes reach this one. How many there are. */
static int add_addresses(char *text, size_t size)
{
    struct ifaddrs *all = NULL;
    int count = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        char address[INET_ADDRSTRLEN + 1] = " ";
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET || !(one->ifa_flags & IFF_UP) ||
            one->ifa_flags & IFF_LOOPBACK || strlen(text) + sizeof address + 1 > size)
            continue;
        inet_ntop(AF_INET, &inet_of(one->ifa_addr)->sin_addr, address + 1, INET_ADDRSTRLEN);
        snprintf(text + strlen(text), size - strlen(text), "%s", address);
        count++;
    }
    freeifaddrs(all);
    return count;
}

static int listen_at(int fd, in_addr_t where, in_port_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(where)};
    socklen_t len = sizeof address;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -errno;
    *port = ntohs(address.sin_port);
    return 0;
}

int rendezvous_open(int everywhere, char text[RENDEZVOUS_TEXT_LEN])
{
    in_port_t port = 0;
    int result = make_token(text);
    int fd = result == 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd < 0)
        return result == 0 ? -errno : result;
    result = listen_at(fd, everywhere ? INADDR_ANY : INADDR_LOOPBACK, &port);
    if (result != 0) {
        close(fd);
        return result;
    }
    snprintf(text + RENDEZVOUS_TOKEN_LEN, RENDEZVOUS_TEXT_LEN - RENDEZVOUS_TOKEN_LEN, " %u", (unsigned)port);
    if (!everywhere || add_addresses(text, RENDEZVOUS_TEXT_LEN) == 0)
        snprintf(text + strlen(text), RENDEZVOUS_TEXT_LEN - strlen(text), " 127.0.0.1");
    return fd;
}

int rendezvous_is_token(const char *text, struct spk_text word)
{
    int different = 0; /* compared to its end, so that the time does not tell how much of a guess was right */
    for (size_t i = 0; word.len == RENDEZVOUS_TOKEN_LEN && i < RENDEZVOUS_TOKEN_LEN; i++)
        different |= word.data[i] ^ text[i];
    return word.len == RENDEZVOUS_TOKEN_LEN && !different;
}

static int finish_connecting(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    int error = 0, ready;
    socklen_t len = sizeof error;
    do
        ready = poll(&wanted, 1, PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready == 0 ? -ETIMEDOUT : -errno;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? -error : -errno;
}

static int connect_to(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd < 0)
        return -errno;
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : -errno;
    if (result == -EINPROGRESS)
        result = finish_connecting(fd);
    if (result != 0) {
        close(fd);
        return result;
    }
    /* Frames are small and somebody waits for them; if the option cannot be set they only come later. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

int rendezvous_join(const char *text, struct spk_text *token)
{
    char words[RENDEZVOUS_TEXT_LEN], *rest = words, *word;
    struct sockaddr_in address = {.sin_family = AF_INET};
    int result = -EINVAL;
    if (strlen(text) >= sizeof words || strlen(text) < RENDEZVOUS_TOKEN_LEN ||
        text[RENDEZVOUS_TOKEN_LEN] != ' ')
        return -EINVAL;
    *token = (struct spk_text){text, RENDEZVOUS_TOKEN_LEN};
    snprintf(words, sizeof words, "%s", text + RENDEZVOUS_TOKEN_LEN + 1);
    long port = strtol(strsep(&rest, " "), NULL, 10);
    if (port <= 0 || port > 65535)
        return -EINVAL;
    address.sin_port = htons((in_port_t)port);
    while (result < 0 && (word = strsep(&rest, " ")))
        result = inet_pton(AF_INET, word, &address.sin_addr) == 1 ? connect_to(&address) : -EINVAL;
    return result;
}
