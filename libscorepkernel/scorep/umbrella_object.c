/* SPDX-License-Identifier: BSD-3-Clause
 *
 * umbrella_object.c - makes the ELF shared object from which Score-P's libraries are loaded. Pure: texts in,
 * bytes out.
 *
 * Score-P's libraries refer to each other without saying so: the measurement library needs the threading
 * model, the MPI model and the list of subsystems, and whoever links a program chooses them. The loader
 * resolves such references only among what one root object needs. Usually a compiler makes that root; but it
 * holds no code, just a list of names (DT_NEEDED), which is a few hundred bytes: they are written here.
 * Having no code, it can also be loaded from a file system that forbids execution.
 */
#include "scorep/umbrella_object.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SEGMENT_COUNT 2
#define FIXED_ENTRIES 5 /* STRTAB, SYMTAB, STRSZ, SYMENT, NULL */
#define NEEDED_MAX 256
#define PAGE_MAX 65536 /* the largest of Linux's */

struct layout {
    size_t dynamic, symbols, strings, end; /* offsets in the file, which are also the addresses */
};

static void put_dynamic(unsigned char *image, size_t *at, int64_t tag, uint64_t value)
{
    Elf64_Dyn entry = {.d_tag = tag, .d_un.d_val = value};
    memcpy(image + *at, &entry, sizeof entry);
    *at += sizeof entry;
}

static void put_headers(unsigned char *image, const Elf64_Ehdr *like, const struct layout *layout)
{
    Elf64_Ehdr header = {
        .e_type = ET_DYN,
        .e_machine = like->e_machine,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof header,
        .e_flags = like->e_flags,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = SEGMENT_COUNT,
    };
    memcpy(header.e_ident, like->e_ident, sizeof header.e_ident);
    /* Writable, since the loader relocates the dynamic section in place. */
    Elf64_Phdr segments[SEGMENT_COUNT] = {
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_W,
         .p_filesz = layout->end,
         .p_memsz = layout->end,
         .p_align = PAGE_MAX},
        {.p_type = PT_DYNAMIC,
         .p_flags = PF_R | PF_W,
         .p_offset = layout->dynamic,
         .p_vaddr = layout->dynamic,
         .p_paddr = layout->dynamic,
         .p_filesz = layout->symbols - layout->dynamic,
         .p_memsz = layout->symbols - layout->dynamic,
         .p_align = 8},
    };
    memcpy(image, &header, sizeof header);
    memcpy(image + sizeof header, segments, sizeof segments);
}

long umbrella_object_make(const unsigned char like[64], const char *const *needed, size_t count,
                          unsigned char *image, size_t size)
{
    Elf64_Ehdr model;
    memcpy(&model, like, sizeof model);
    if (memcmp(model.e_ident, ELFMAG, SELFMAG) != 0 || model.e_ident[EI_CLASS] != ELFCLASS64)
        return -ENOEXEC;
    if (count > NEEDED_MAX)
        return -ENOSPC;
    struct layout layout = {.dynamic = sizeof(Elf64_Ehdr) + SEGMENT_COUNT * sizeof(Elf64_Phdr)};
    layout.symbols = layout.dynamic + (count + FIXED_ENTRIES) * sizeof(Elf64_Dyn);
    layout.strings = layout.symbols + sizeof(Elf64_Sym); /* the first symbol of a table stands for none */
    layout.end = layout.strings + 1;                     /* and so does the first string */
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(needed[i]) + 1;
        if (len > size || layout.end > size - len)
            return -ENOSPC;
        layout.end += len;
    }
    if (layout.end > size)
        return -ENOSPC;
    memset(image, 0, layout.end);
    put_headers(image, &model, &layout);
    size_t at = layout.dynamic, string = layout.strings + 1;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(needed[i]) + 1;
        put_dynamic(image, &at, DT_NEEDED, string - layout.strings);
        memcpy(image + string, needed[i], len);
        string += len;
    }
    put_dynamic(image, &at, DT_STRTAB, layout.strings);
    put_dynamic(image, &at, DT_SYMTAB, layout.symbols);
    put_dynamic(image, &at, DT_STRSZ, layout.end - layout.strings);
    put_dynamic(image, &at, DT_SYMENT, sizeof(Elf64_Sym));
    return (long)layout.end;
}

long umbrella_object_make_here(const char *const *needed, size_t count, unsigned char *image, size_t size)
{
    unsigned char header[64];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, header, sizeof header);
    close(fd);
    return got == (ssize_t)sizeof header ? umbrella_object_make(header, needed, count, image, size)
                                         : -ENOEXEC;
}
