/* SPDX-License-Identifier: BSD-3-Clause
 *
 * library_snapshot.c - copies the variables of loaded libraries, and puts them back. Owns the copies. What
 * the libraries hold outside of their variables (memory, files, keys, threads) is not its business: see
 * engine.c.
 */
#include "scorep/library_snapshot.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int add_segment(struct library_snapshot *snapshot, uintptr_t begin, uintptr_t end)
{
    size_t len = end > begin ? end - begin : 0;
    if (!len)
        return 0;
    if (snapshot->count == SNAPSHOT_SEGMENTS_MAX || len > SNAPSHOT_LEN_MAX - snapshot->len)
        return -E2BIG;
    unsigned char *copy = malloc(len);
    if (!copy)
        return -ENOMEM;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives addresses as numbers
    unsigned char *address = (unsigned char *)begin;
    memcpy(copy, address, len);
    snapshot->segments[snapshot->count++] = (struct snapshot_segment){address, copy, len};
    snapshot->len += len;
    // cppcheck-suppress memleak ; the snapshot owns the copy
    return 0;
}

/* Where the writable part of a segment begins: the loader made its first pages read-only after relocating.
 * Whole pages only; some linkers count beyond the segment's end. */
static uintptr_t open_begin(const struct dl_phdr_info *library, uintptr_t begin, uintptr_t end)
{
    uintptr_t page_len = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t closed = library->dlpi_addr + segment->p_vaddr;
        uintptr_t closed_end = (closed + segment->p_memsz) & ~(page_len - 1);
        if (segment->p_type == PT_GNU_RELRO && closed < end && closed_end > begin)
            return closed_end;
    }
    return begin;
}

/* The calling thread's variables of a library; they are allocated when they are first used: by this at the
 * latest. */
static uintptr_t thread_variables(const struct dl_phdr_info *library)
{
    /* The loader's own interface to compilers: module and offset. */
    extern void *__tls_get_addr(size_t index[2]);
    size_t index[2] = {library->dlpi_tls_modid, 0};
    return (uintptr_t)(library->dlpi_tls_data ? library->dlpi_tls_data : __tls_get_addr(index));
}

int library_snapshot_add(struct library_snapshot *snapshot, const struct dl_phdr_info *library)
{
    int result = 0;
    for (int i = 0; result == 0 && i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t begin = library->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W)) {
            result = add_segment(snapshot, open_begin(library, begin, end), end);
        } else if (segment->p_type == PT_TLS && library->dlpi_tls_modid) {
            begin = thread_variables(library);
            result = add_segment(snapshot, begin, begin + segment->p_memsz);
        }
    }
    return result;
}

void library_snapshot_restore(const struct library_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        memcpy(snapshot->segments[i].address, snapshot->segments[i].copy, snapshot->segments[i].len);
}

void library_snapshot_finish(struct library_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        free(snapshot->segments[i].copy);
    snapshot->count = snapshot->len = 0;
}
