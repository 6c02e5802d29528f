/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_umbrella_object.c - the object that only says what belongs together: the loader takes it, and resolves among what
 * it needs.
 */
#include "scorep/umbrella_object.h"

#include "unit/loaded_libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static unsigned char image[64 << 10];

/* Load what was made, from a file without a name. NULL: dlerror says why. */
static void *load(long len)
{
    char path[64];
    int fd = memfd_create("root", MFD_CLOEXEC);
    CHECK(fd >= 0 && len > 0 && write(fd, image, (size_t)len) == len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    close(fd);
    return handle;
}

/* Each of the two libraries is of no use alone; together they find each other. */
static void belong_together(void)
{
    const char *needed[] = {loaded_path("umbrella_left.so"), loaded_path("umbrella_right.so")};
    int (*left)(int), (*right)(int);
    CHECK(!dlopen(needed[0], RTLD_NOW | RTLD_LOCAL) && strstr(dlerror(), "right_base"));
    CHECK(!dlopen(needed[1], RTLD_NOW | RTLD_LOCAL) && strstr(dlerror(), "left_base"));
    int descriptors = test_descriptors();
    void *handle = load(umbrella_object_make_here(needed, 2, image, sizeof image));
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    LOADED_FUNCTION(left, handle, "left_number");
    LOADED_FUNCTION(right, handle, "right_number");
    CHECK(left(7) == 2007 && right(7) == 1007);
    CHECK(!dlsym(handle, "no_such_name") && !dlsym(RTLD_DEFAULT, "left_number"));
    CHECK(test_descriptors() == descriptors);
    CHECK(dlclose(handle) == 0);
    CHECK(!dlopen(needed[0], RTLD_NOW | RTLD_NOLOAD)); /* they went with it */
}

/* What is missing is named, and nothing stays. */
static void missing(void)
{
    const char *needed[] = {loaded_path("umbrella_left.so"), loaded_path("umbrella_right.so"), "/no/such/library.so"};
    CHECK(!load(umbrella_object_make_here(needed, 3, image, sizeof image)));
    CHECK(strstr(dlerror(), "/no/such/library.so"));
    CHECK(!load(umbrella_object_make_here(needed, 1, image, sizeof image)) && strstr(dlerror(), "right_base"));
    CHECK(!dlopen(needed[0], RTLD_NOW | RTLD_NOLOAD));
}

/* Also one that nobody needs anything of, and one of many. */
static void none_and_many(void)
{
    static const char *many[257];
    for (size_t i = 0; i < 257; i++)
        many[i] = i % 2 ? loaded_path("umbrella_left.so") : loaded_path("umbrella_right.so");
    void *handle = load(umbrella_object_make_here(NULL, 0, image, sizeof image));
    CHECK(handle && !dlsym(handle, "left_number") && dlclose(handle) == 0);
    handle = load(umbrella_object_make_here(many, 256, image, sizeof image));
    CHECK(handle && dlsym(handle, "left_number") && dlclose(handle) == 0);
    CHECK(umbrella_object_make_here(many, 257, image, sizeof image) == -ENOSPC);
    CHECK(umbrella_object_make_here(many, SIZE_MAX, image, sizeof image) == -ENOSPC);
}

static void read_header(unsigned char header[64])
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, header, 64) == 64);
    close(fd);
}

/* A byte too few is told, and none is written behind the end. */
static void little_room(void)
{
    static const char *const needed[] = {"/a", "", "/lib/libexample.so.1"};
    unsigned char header[64];
    read_header(header);
    for (size_t count = 0; count <= 3; count++) {
        long len = umbrella_object_make(header, needed, count, image, sizeof image);
        CHECK(len > 64 + 2 * 56 && (size_t)len < sizeof image);
        unsigned char *wanted = malloc((size_t)len);
        CHECK(wanted);
        memcpy(wanted, image, (size_t)len);
        for (size_t room = 0; room < (size_t)len; room++) {
            memset(image, 0xA5, sizeof image);
            CHECK(umbrella_object_make(header, needed, count, image, room) == -ENOSPC);
            for (size_t i = room; i <= (size_t)len; i++)
                CHECK(image[i] == 0xA5);
        }
        memset(image, 0xA5, sizeof image);
        CHECK(umbrella_object_make(header, needed, count, image, (size_t)len) == len && image[len] == 0xA5);
        CHECK(memcmp(image, wanted, (size_t)len) == 0);
        free(wanted);
    }
}

/* The machine is the model's; what is no program of a 64-bit machine is no model. */
static void models(void)
{
    static const char *const needed[] = {"/a"};
    unsigned char header[64], broken[64];
    Elf64_Ehdr made;
    read_header(header);
    header[EI_OSABI] = ELFOSABI_LINUX;
    memcpy(&made, header, sizeof made);
    made.e_machine = EM_AARCH64;
    made.e_flags = 0x1234;
    memcpy(header, &made, sizeof made);
    CHECK(umbrella_object_make(header, needed, 1, image, sizeof image) > 0);
    memcpy(&made, image, sizeof made);
    CHECK(made.e_machine == EM_AARCH64 && made.e_flags == 0x1234 && made.e_ident[EI_OSABI] == ELFOSABI_LINUX);
    CHECK(made.e_type == ET_DYN && made.e_phnum == 2 && made.e_shnum == 0 && made.e_entry == 0);
    for (size_t i = 0; i < SELFMAG; i++) {
        memcpy(broken, header, sizeof broken);
        broken[i] ^= 0x20;
        CHECK(umbrella_object_make(broken, needed, 1, image, sizeof image) == -ENOEXEC);
    }
    memcpy(broken, header, sizeof broken);
    broken[EI_CLASS] = ELFCLASS32;
    CHECK(umbrella_object_make(broken, needed, 1, image, sizeof image) == -ENOEXEC);
    memset(broken, 0, sizeof broken);
    CHECK(umbrella_object_make(broken, needed, 1, image, sizeof image) == -ENOEXEC);
}

int main(void)
{
    test_limit(60);
    int descriptors = test_descriptors();
    belong_together();
    missing();
    none_and_many();
    little_room();
    models();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
