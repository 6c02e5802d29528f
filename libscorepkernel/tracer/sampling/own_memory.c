/* SPDX-License-Identifier: BSD-3-Clause
 *
 * own_memory: see own_memory.h. */
#include "tracer/sampling/own_memory.h"

#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Asking the system each time costs as much as reading a few bytes. */
static pid_t own_process;

void own_memory_begin(void)
{
    own_process = getpid();
}

/* The kernel takes addresses as what they are, numbers; it looks at them before it uses them. */
static void *as_pointer(uint64_t address)
{
    return (void *)(uintptr_t)address; // NOLINT(performance-no-int-to-ptr)
}

bool own_memory_read(void *to, uint64_t address, size_t len)
{
    struct iovec local = {to, len};
    struct iovec remote = {as_pointer(address), len};
    return process_vm_readv(own_process, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

uint32_t own_memory_read_pieces(void *to, const uint64_t *addresses, uint32_t count, size_t len)
{
    struct iovec remote[OWN_MEMORY_PIECES_MAX];
    struct iovec local = {to, count * len};
    for (uint32_t i = 0; i < count; i++)
        remote[i] = (struct iovec){as_pointer(addresses[i]), len};
    ssize_t got = process_vm_readv(own_process, &local, 1, remote, count, 0);
    return got < 0 ? 0 : (uint32_t)((size_t)got / len);
}

bool own_memory_is_readable(void)
{
    static const uint64_t probe = 0x5ca1ab1e;
    uint64_t copy = 0;
    own_memory_begin();
    return own_memory_read(&copy, (uint64_t)(uintptr_t)&probe, sizeof copy) && copy == probe;
}
