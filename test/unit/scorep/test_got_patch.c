/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_got_patch.c - what one library calls is replaced, in functions, by address and in data, whether the loader
 * binds it late, or early and closes the table; and everybody else calls what they called.
 */
#include "scorep/got_patch.h"

#include "unit/loaded_libraries.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>

struct target {
    void *handle;
    struct dl_phdr_info info;
    const char *(*get)(const char *name);
    const char *(*get_by_pointer)(const char *name);
    FILE *(*error_file)(void);
    int (*absolute)(int number);
    int *data;
};

static struct target open_target(const char *name)
{
    struct target target = {.handle = loaded_open(loaded_path(name))};
    target.info = loaded_info(loaded_path(name));
    LOADED_FUNCTION(target.get, target.handle, "target_getenv");
    LOADED_FUNCTION(target.get_by_pointer, target.handle, "target_getenv_by_pointer");
    LOADED_FUNCTION(target.error_file, target.handle, "target_stderr");
    LOADED_FUNCTION(target.absolute, target.handle, "target_abs");
    target.data = loaded_symbol(target.handle, "target_data");
    return target;
}

static char *our_getenv(const char *name)
{
    return strcmp(name, "TARGET") == 0 ? (char *)(uintptr_t) "ours" : NULL;
}

static int our_abs(int number)
{
    return number + 1;
}

static FILE *our_file;

static const struct got_patch grafts[] = {
    {"getenv", (void *)(uintptr_t)our_getenv},
    {"stderr", &our_file},
    {"abs", (void *)(uintptr_t)our_abs},
    {"target_no_such_name", NULL},
};
#define GRAFT_COUNT (sizeof grafts / sizeof *grafts)

static void check_ours(const struct target *target)
{
    CHECK(!strcmp(target->get("TARGET"), "ours") && !strcmp(target->get_by_pointer("TARGET"), "ours"));
    CHECK(!target->get("HOME_OF_TARGET") && target->error_file() == our_file && target->absolute(-5) == -4);
}

static void check_real(const struct target *target)
{
    CHECK(!strcmp(target->get("TARGET"), "real") && !strcmp(target->get_by_pointer("TARGET"), "real"));
    CHECK(target->error_file() == stderr && target->absolute(-5) == 5);
}

/* Whether the memory there can be written, as the kernel tells. */
static int is_writable(uintptr_t address)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], can_write = '?';
    CHECK(maps);
    while (can_write == '?' && fgets(line, sizeof line, maps)) {
        uintptr_t begin, end;
        char found;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*c%c", &begin, &end, &found) == 3 && address >= begin &&
            address < end)
            can_write = found;
    }
    fclose(maps);
    CHECK(can_write != '?');
    return can_write == 'w';
}

/* The number of whole pages that the loader has closed and that are open. */
static int open_relro_pages(const struct dl_phdr_info *library)
{
    uintptr_t page_len = (uintptr_t)sysconf(_SC_PAGESIZE);
    int pages = 0, count = 0;
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        if (segment->p_type != PT_GNU_RELRO)
            continue;
        uintptr_t begin = (library->dlpi_addr + segment->p_vaddr) & ~(page_len - 1);
        uintptr_t end = (library->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page_len - 1);
        for (; begin < end; begin += page_len, pages++)
            count += is_writable(begin);
    }
    CHECK(pages > 0);
    return count;
}

/* called: before, so that the loader has bound the calls that it binds late. */
static void replaced(const char *name, const char *other_name, int called)
{
    struct target target = open_target(name), other = open_target(other_name);
    if (called)
        check_real(&target);
    CHECK(open_relro_pages(&target.info) == 0);
    CHECK(got_patch_apply(&target.info, grafts, GRAFT_COUNT) == 4); /* getenv twice */
    CHECK(open_relro_pages(&target.info) == 0);
    our_file = (FILE *)(uintptr_t)16;
    check_ours(&target);
    our_file = stdout; /* the variable is read anew each time */
    check_ours(&target);
    check_real(&other);
    CHECK(!strcmp(getenv("TARGET"), "real") && abs(-5) == 5 && stderr != our_file);
    /* Again: others come in their place. */
    CHECK(got_patch_apply(&target.info, &(struct got_patch){"abs", (void *)(uintptr_t)abs}, 1) == 1);
    CHECK(target.absolute(-5) == 5 && !strcmp(target.get("TARGET"), "ours"));
    CHECK(got_patch_apply(&other.info, grafts, GRAFT_COUNT) == 4);
    check_ours(&other);
    *target.data = *other.data = 2;
    dlclose(target.handle);
    dlclose(other.handle);
    /* Loaded anew it is as it was. */
    target = open_target(name);
    check_real(&target);
    CHECK(*target.data == 1);
    dlclose(target.handle);
}

/* What is read-only may end within a page, which the loader leaves open, and so do we: the library's
 * variables are on it. */
static void relro_within_page(void)
{
    struct target target = open_target("got_patch_target_now.so");
    ElfW(Phdr) segments[32];
    int found = 0;
    CHECK(target.info.dlpi_phnum <= 32);
    memcpy(segments, target.info.dlpi_phdr, target.info.dlpi_phnum * sizeof *segments);
    for (int i = 0; i < target.info.dlpi_phnum; i++) {
        uintptr_t begin = target.info.dlpi_addr + segments[i].p_vaddr;
        if (segments[i].p_type != PT_GNU_RELRO)
            continue;
        found = (uintptr_t)target.data > begin;
        segments[i].p_memsz = (uintptr_t)target.data + sizeof(void *) * 8 - begin;
    }
    CHECK(found);
    struct dl_phdr_info narrow = target.info;
    narrow.dlpi_phdr = segments;
    CHECK(got_patch_apply(&narrow, grafts, GRAFT_COUNT) == 4);
    CHECK(is_writable((uintptr_t)target.data));
    *target.data = 2;
    check_ours(&target);
    dlclose(target.handle);
}

static int try_none(struct dl_phdr_info *object, size_t size, void *count)
{
    (void)size;
    static const struct got_patch none = {"spk_no_such_name", NULL};
    int changed = got_patch_apply(object, &none, 1);
    if (changed != 0) {
        fprintf(stderr, "%s: %d\n", object->dlpi_name, changed);
        exit(1);
    }
    *(int *)count += got_patch_apply(object, NULL, 0) == 0;
    return 0;
}

/* Whatever is loaded, the program and the kernel's own object among it, is read without harm. */
static void everything(void)
{
    int count = 0;
    (void)dl_iterate_phdr(try_none, &count);
    CHECK(count > 2);
    CHECK(got_patch_apply(&(struct dl_phdr_info){.dlpi_name = "empty"}, grafts, GRAFT_COUNT) == -ENOEXEC);
}

int main(void)
{
    test_limit(60);
    setenv("TARGET", "real", 1);
    everything();
#if defined(__x86_64__) || defined(__aarch64__) || defined(__powerpc64__)
    for (int called = 0; called < 2; called++) {
        replaced("got_patch_target_lazy.so", "got_patch_target_now.so", called);
        replaced("got_patch_target_now.so", "got_patch_target_lazy.so", called);
    }
    relro_within_page();
    return 0;
#else
    test_skip("the relocations of this machine are not known to got_patch.c");
#endif
}
