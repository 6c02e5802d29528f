/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_library_snapshot.c - a library's variables are put back, those of the thread among them, and nothing else.
 */
#include "scorep/library_snapshot.h"

#include "scorep/got_patch.h"

#include "unit/loaded_libraries.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

struct target {
    void *handle;
    const char *path;
    int *data, *bss;
    char *large;
    int (*counted)(void);
    int *(*local)(void);
    int (*absolute)(int number);
};

static struct target open_target(const char *name)
{
    struct target target = {.path = loaded_path(name)};
    target.handle = loaded_open(target.path);
    target.data = loaded_symbol(target.handle, "target_data");
    target.bss = loaded_symbol(target.handle, "target_bss");
    target.large = loaded_symbol(target.handle, "target_large");
    LOADED_FUNCTION(target.counted, target.handle, "target_counted");
    LOADED_FUNCTION(target.local, target.handle, "target_local_address");
    LOADED_FUNCTION(target.absolute, target.handle, "target_abs");
    return target;
}

static void change(const struct target *target, int number)
{
    *target->data = *target->bss = *target->local() = number;
    memset(target->large, number, 100000);
    CHECK(target->counted() > 10);
}

static int in_image(const struct library_snapshot *image, const void *address, size_t len)
{
    for (size_t i = 0; i < image->count; i++)
        if ((const unsigned char *)address >= image->segments[i].address &&
            (const unsigned char *)address + len <= image->segments[i].address + image->segments[i].len)
            return 1;
    return 0;
}

static int our_abs(int number)
{
    return number + 1;
}

static void put_back(const char *name)
{
    static struct library_snapshot image;
    struct target target = open_target(name);
    *target.local() = 3; /* it is there from now on */
    struct dl_phdr_info info = loaded_info(target.path);
    CHECK(got_patch_apply(&info, &(struct got_patch){"abs", (void *)(uintptr_t)our_abs}, 1) != 0);
    int grafted = target.absolute(-5);
    CHECK(library_snapshot_add(&image, &info) == 0 && image.count >= 2 && image.len > 100000);
    CHECK(in_image(&image, target.data, sizeof(int)) && in_image(&image, target.bss, sizeof(int)) &&
          in_image(&image, target.large, 100000) && in_image(&image, target.local(), sizeof(int)));
    for (int round = 4; round < 7; round++) {
        int first = target.counted();
        CHECK(*target.data == 1 && *target.bss == 0 && *target.local() == 3 && first == 11);
        CHECK(target.large[0] == 0 && target.large[99999] == 0);
        change(&target, round);
        CHECK(target.counted() == 13 && target.large[99999] == round);
        library_snapshot_restore(&image);
    }
    CHECK(target.absolute(-5) == grafted); /* what was grafted before belongs to the image */
    library_snapshot_finish(&image);
    CHECK(image.count == 0 && image.len == 0);
    library_snapshot_restore(&image); /* of nothing: nothing */
    library_snapshot_finish(&image);
    dlclose(target.handle);
}

/* Thread-local variables that the thread has not met are not there yet, and so are in no image: the rest is
 * put back all the same. */
static void not_met_before(void)
{
    static struct library_snapshot image;
    struct target target = open_target("got_patch_target_lazy.so");
    struct dl_phdr_info info = loaded_info(target.path);
    CHECK(library_snapshot_add(&image, &info) == 0 && image.count >= 1);
    change(&target, 9);
    library_snapshot_restore(&image);
    CHECK(*target.data == 1 && *target.bss == 0 && target.large[99999] == 0 && target.counted() == 11);
    library_snapshot_finish(&image);
    dlclose(target.handle);
}

struct other {
    const struct target *target;
    pthread_barrier_t barrier;
    int left;
};

static void *other_thread(void *argument)
{
    struct other *other = argument;
    *other->target->local() = 77;
    pthread_barrier_wait(&other->barrier);
    pthread_barrier_wait(&other->barrier);
    other->left = *other->target->local();
    return NULL;
}

/* Another thread's variables are its own. */
static void other_threads(void)
{
    static struct library_snapshot image;
    struct target target = open_target("got_patch_target_now.so");
    struct other other = {.target = &target};
    pthread_t thread;
    *target.local() = 5;
    struct dl_phdr_info info = loaded_info(target.path);
    CHECK(library_snapshot_add(&image, &info) == 0);
    *target.local() = 6;
    CHECK(pthread_barrier_init(&other.barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, other_thread, &other) == 0);
    pthread_barrier_wait(&other.barrier);
    library_snapshot_restore(&image);
    pthread_barrier_wait(&other.barrier);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(other.left == 77 && *target.local() == 5);
    pthread_barrier_destroy(&other.barrier);
    library_snapshot_finish(&image);
    dlclose(target.handle);
}

/* A library that is made up, at address 0: its segments say where the memory is. */
static int add(struct library_snapshot *image, const ElfW(Phdr) * segments, size_t count)
{
    struct dl_phdr_info info = {
        .dlpi_name = "made up", .dlpi_phdr = segments, .dlpi_phnum = (ElfW(Half))count};
    return library_snapshot_add(image, &info);
}

static ElfW(Phdr) segment(unsigned type, unsigned flags, const void *at, size_t len)
{
    return (ElfW(Phdr)){.p_type = type, .p_flags = flags, .p_vaddr = (uintptr_t)at, .p_memsz = len};
}

static void which_segments(void)
{
    static struct library_snapshot image;
    unsigned char bytes[64] = "before";
    ElfW(Phdr) others[] = {
        segment(PT_LOAD, PF_R | PF_X, (void *)8, 64), /* would be a fault, if it were read */
        segment(PT_LOAD, PF_R, (void *)8, 64),        segment(PT_DYNAMIC, PF_R | PF_W, (void *)8, 64),
        segment(PT_TLS, PF_R, (void *)8, 64), /* this thread has none */
        segment(PT_LOAD, PF_R | PF_W, bytes, 0),
    };
    CHECK(add(&image, others, sizeof others / sizeof *others) == 0 && image.count == 0 && image.len == 0);
    CHECK(add(&image, NULL, 0) == 0);
    ElfW(Phdr) ours = segment(PT_LOAD, PF_R | PF_W, bytes, 6);
    CHECK(add(&image, &ours, 1) == 0 && image.count == 1 && image.len == 6);
    memcpy(bytes, "afterwards", 10);
    library_snapshot_restore(&image);
    CHECK(!memcmp(bytes, "beforeards", 10));
    library_snapshot_finish(&image);
}

/* What the loader has closed is left out, wherever it ends. */
static void closed_segments(void)
{
    static struct library_snapshot image;
    size_t page_len = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *pages =
        mmap(NULL, 3 * page_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    const struct {
        size_t load, load_len, closed, closed_len; /* from the beginning of the pages */
        size_t begin, len;                         /* of what is in the image */
    } cases[] = {
        {16, 2 * page_len, 16, page_len - 16, page_len, page_len + 16}, /* as usual */
        {16, 2 * page_len, 16, page_len, page_len, page_len + 16},      /* the end's page is open */
        {16, 100, 16, 100, 16, 100},                                    /* no whole page is closed */
        {16, page_len - 16, 16, page_len - 16, 0, 0},                   /* nothing else */
        {16, 200, 16, page_len - 16, 0, 0},                /* and the linker counts whole pages */
        {page_len, 300, 16, page_len - 16, page_len, 300}, /* it is a segment of its own before */
        {16, 100, page_len, page_len, 16, 100},            /* or behind */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ElfW(Phdr) segments[] = {
            segment(PT_LOAD, PF_R | PF_W, pages + cases[i].load, cases[i].load_len),
            segment(PT_GNU_RELRO, PF_R, pages + cases[i].closed, cases[i].closed_len),
        };
        CHECK(add(&image, segments, 2) == 0);
        int good = image.len == cases[i].len && image.count == (cases[i].len > 0);
        if (good && image.count)
            good = image.segments[0].address == pages + cases[i].begin;
        if (!good) {
            fprintf(stderr, "case %zu: %zu segments, %zu bytes\n", i, image.count, image.len);
            exit(1);
        }
        library_snapshot_finish(&image);
    }
    CHECK(munmap(pages, 3 * page_len) == 0);
}

static void limits(void)
{
    static struct library_snapshot image;
    static unsigned char bytes[SNAPSHOT_SEGMENTS_MAX + 1];
    for (size_t i = 0; i <= SNAPSHOT_SEGMENTS_MAX; i++) {
        ElfW(Phdr) one = segment(PT_LOAD, PF_R | PF_W, bytes + i, 1);
        CHECK(add(&image, &one, 1) == (i < SNAPSHOT_SEGMENTS_MAX ? 0 : -E2BIG));
    }
    CHECK(image.count == SNAPSHOT_SEGMENTS_MAX && image.len == SNAPSHOT_SEGMENTS_MAX);
    library_snapshot_finish(&image);
    ElfW(Phdr) large[] = {
        segment(PT_LOAD, PF_R | PF_W, bytes, 5),
        segment(PT_LOAD, PF_R | PF_W, bytes, SNAPSHOT_LEN_MAX - 4), /* not read, or there would be a fault */
    };
    CHECK(add(&image, large, 2) == -E2BIG && image.count == 1 && image.len == 5);
    library_snapshot_finish(&image);
    large[1].p_memsz = SIZE_MAX - (size_t)(uintptr_t)bytes;
    CHECK(add(&image, large, 2) == -E2BIG);
    library_snapshot_finish(&image);
}

int main(void)
{
    test_limit(60);
    put_back("got_patch_target_lazy.so");
    put_back("got_patch_target_now.so");
    other_threads();
    which_segments();
    closed_segments();
    limits();
    not_met_before();
    return 0;
}
