/* SPDX-License-Identifier: BSD-3-Clause
 *
 * got_patch.c - rewrites the references that a loaded library has to others (its global offset table). Owns
 * nothing; it reads what the loader has read, and changes addresses in the library's own data.
 *
 * Preloading would do it, too, but for the whole process and every program that it starts, and only from its
 * start on.
 */
#include "scorep/got_patch.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define IS_REFERENCE(type) \
    ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_64)
#elif defined(__aarch64__)
#define IS_REFERENCE(type) \
    ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_ABS64)
#elif defined(__powerpc64__)
#define IS_REFERENCE(type) \
    ((type) == R_PPC64_JMP_SLOT || (type) == R_PPC64_GLOB_DAT || (type) == R_PPC64_ADDR64)
#endif

#ifdef IS_REFERENCE

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    struct {
        const ElfW(Rela) * first;
        size_t size; /* bytes */
    } relocations[2];
};

/* Most machines' loaders put addresses into the dynamic section in place of offsets, some do not. */
static const void *pointer(const struct dl_phdr_info *library, ElfW(Addr) value)
{
    return (const void *)(uintptr_t)(value < library->dlpi_addr ? library->dlpi_addr + value : value);
}

static int read_tables(const struct dl_phdr_info *library, struct tables *tables)
{
    const ElfW(Dyn) *entry = NULL;
    *tables = (struct tables){0};
    for (int i = 0; i < library->dlpi_phnum; i++)
        if (library->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const ElfW(Dyn) *)(uintptr_t)(library->dlpi_addr + library->dlpi_phdr[i].p_vaddr);
    for (; entry && entry->d_tag != DT_NULL; entry++) {
        switch (entry->d_tag) {
        case DT_SYMTAB:
            tables->symbols = pointer(library, entry->d_un.d_ptr);
            break;
        case DT_STRTAB:
            tables->strings = pointer(library, entry->d_un.d_ptr);
            break;
        case DT_JMPREL:
            tables->relocations[0].first = pointer(library, entry->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            tables->relocations[0].size = entry->d_un.d_val;
            break;
        case DT_RELA:
            tables->relocations[1].first = pointer(library, entry->d_un.d_ptr);
            break;
        case DT_RELASZ:
            tables->relocations[1].size = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    return tables->symbols && tables->strings ? 0 : -ENOEXEC;
}

/* The loader makes only whole pages read-only: the last page of such a segment may also hold the library's
 * variables. */
static int is_read_only(const struct dl_phdr_info *library, uintptr_t address, size_t page_len)
{
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t begin = library->dlpi_addr + segment->p_vaddr;
        uintptr_t end = (begin + segment->p_memsz) & ~(uintptr_t)(page_len - 1);
        if (segment->p_type == PT_GNU_RELRO && address >= begin && address < end)
            return 1;
    }
    return 0;
}

/* The slot's own page alone is opened, and closed again if the loader had closed it. */
static int write_slot(const struct dl_phdr_info *library, uintptr_t address, void *value)
{
    size_t page_len = (size_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)(address & ~(page_len - 1));
    int closed = is_read_only(library, address, page_len);
    if (closed && mprotect(page, page_len, PROT_READ | PROT_WRITE) != 0)
        return -errno;
    memcpy((void *)address, &value, sizeof value);
    if (closed && mprotect(page, page_len, PROT_READ) != 0)
        return -errno;
    return 0;
}

static void *replacement_of(const char *name, const struct got_patch *patches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, patches[i].name) == 0)
            return patches[i].replacement;
    return NULL;
}

int got_patch_apply(const struct dl_phdr_info *library, const struct got_patch *patches, size_t count)
{
    struct tables tables;
    int changed = 0, result = read_tables(library, &tables);
    for (int table = 0; table < 2; table++) {
        const ElfW(Rela) *relocation = tables.relocations[table].first;
        size_t left = relocation ? tables.relocations[table].size / sizeof *relocation : 0;
        for (; result == 0 && left > 0; left--, relocation++) {
            if (!IS_REFERENCE(ELF64_R_TYPE(relocation->r_info)))
                continue;
            const ElfW(Sym) *symbol = &tables.symbols[ELF64_R_SYM(relocation->r_info)];
            void *replacement = replacement_of(tables.strings + symbol->st_name, patches, count);
            if (!replacement)
                continue;
            result = write_slot(library, library->dlpi_addr + relocation->r_offset, replacement);
            changed++;
        }
    }
    return result == 0 ? changed : result;
}

#else

int got_patch_apply(const struct dl_phdr_info *library, const struct got_patch *patches, size_t count)
{
    (void)library;
    (void)patches;
    (void)count;
    return -ENOTSUP;
}

#endif
