/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine_load.c - brings Score-P's libraries into the process: by an umbrella object that names them
 * (umbrella_object.h), in one dlopen, since they refer to each other. Then it patches them, and takes a
 * snapshot of their variables. They stay until the end.
 */
#include "scorep/engine_state.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scorep/umbrella_object.h"

#define UMBRELLA_LEN_MAX ((size_t)64 << 10)

/* Count the objects that are in the process before Score-P: those that are added are Score-P's, or libraries
 * that it needs. */
struct loaded {
    uintptr_t before[4096];
    size_t count;
    bool first;
    int result;
};

static bool is_score_p(const char *path)
{
    static const char *const names[] = {"libscorep_", "libotf2.", "libcube4"};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int on_object(struct dl_phdr_info *object, size_t size, void *context)
{
    struct loaded *loaded = context;
    (void)size;
    if (loaded->first) {
        if (loaded->count == sizeof loaded->before / sizeof *loaded->before)
            loaded->result = -E2BIG;
        else
            loaded->before[loaded->count++] = object->dlpi_addr;
        return loaded->result;
    }
    for (size_t i = 0; i < loaded->count; i++)
        if (loaded->before[i] == object->dlpi_addr)
            return 0;
    if (!is_score_p(object->dlpi_name))
        return 0;
    int changed = got_patch_apply(object, engine_patches, engine_patch_count);
    loaded->result = changed < 0 ? changed : library_snapshot_add(&engine.snapshot, object);
    return loaded->result;
}

/* Write the umbrella object into a file without a name. Its descriptor, or a negative errno. */
static int open_umbrella(const struct engine_parts *parts)
{
    const char *needed[ENGINE_LIBRARIES_MAX + 1] = {parts->provider};
    if (parts->library_count > ENGINE_LIBRARIES_MAX)
        return -E2BIG;
    memcpy(needed + 1, parts->libraries, parts->library_count * sizeof *needed);
    unsigned char *object = malloc(UMBRELLA_LEN_MAX);
    long len = object ? umbrella_object_make_here(needed, parts->library_count + 1, object, UMBRELLA_LEN_MAX)
                      : -ENOMEM;
    int fd = len > 0 ? memfd_create("scorepkernel-umbrella", MFD_CLOEXEC) : (int)len;
    if (fd < 0 && len > 0)
        fd = -errno;
    if (fd >= 0 && write(fd, object, (size_t)len) != len) {
        close(fd);
        fd = -EIO;
    }
    free(object);
    return fd;
}

static void *open_libraries(const struct engine_parts *parts, struct fault *fault)
{
    char path[64];
    int fd = open_umbrella(parts);
    if (fd < 0) {
        (void)engine_fault(fault, -fd, "the list of Score-P's libraries");
        return NULL;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!handle)
        (void)engine_fault(fault, ELIBACC,
                           dlerror()); // NOLINT(concurrency-mt-unsafe): glibc keeps it for each thread
    close(fd);
    return handle;
}

static int find_calls(void *handle, struct fault *fault)
{
    const struct {
        const char *name;
        void *where;
    } wanted[] = {
        {"SCOREP_InitMeasurement", &engine.calls.init_measurement},
        {"SCOREP_FinalizeMeasurement", &engine.calls.finalize_measurement},
        {"SCOREP_IsInitialized", &engine.calls.is_initialized},
        {"SCOREP_GetExperimentDirName", &engine.calls.get_directory},
        {"SCOREP_User_RegionInit", &engine.calls.region_init},
        {"SCOREP_User_RegionSetGroup", &engine.calls.region_set_group},
        {"SCOREP_User_RegionEnter", &engine.calls.region_enter},
        {"SCOREP_User_RegionEnd", &engine.calls.region_end},
        {"SCOREP_User_RewindRegionEnter", &engine.calls.rewind_enter},
        {"SCOREP_User_RewindRegionEnd", &engine.calls.rewind_end},
        {"SCOREP_User_ParameterInt64", &engine.calls.parameter_signed},
        {"SCOREP_User_ParameterUint64", &engine.calls.parameter_unsigned},
        {"SCOREP_User_ParameterString", &engine.calls.parameter_text},
        {"SCOREP_User_EnableRecording", &engine.calls.enable_recording},
        {"SCOREP_User_DisableRecording", &engine.calls.disable_recording},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *found = dlsym(handle, wanted[i].name);
        if (!found)
            return engine_fault(fault, ELIBACC, wanted[i].name);
        memcpy(wanted[i].where, &found, sizeof found);
    }
    void *found = dlsym(handle, "MPI_Initialized");
    memcpy(&engine.calls.mpi_initialized, &found, sizeof found);
    found = dlsym(handle, "MPI_Init_thread");
    memcpy(&engine.calls.mpi_init_thread, &found, sizeof found);
    return 0;
}

static int provide(void *handle, const char *subsystems, struct fault *fault)
{
    int (*fill)(const char *) = NULL;
    void *found = dlsym(handle, "scorepkernel_provide");
    memcpy(&fill, &found, sizeof found);
    int missing = fill ? fill(subsystems) : 1;
    return missing ? engine_fault(fault, ELIBACC, subsystems) : 0;
}

int engine_load(const struct engine_parts *parts, struct fault *fault)
{
    static struct loaded loaded;
    if (engine.loaded)
        return 0;
    loaded = (struct loaded){.first = true};
    if (parts->provider)
        (void)dl_iterate_phdr(on_object, &loaded);
    loaded.first = false;
    if (loaded.result != 0)
        return engine_fault(fault, -loaded.result, "the process has too many libraries");
    if (engine_open_messages() != 0)
        return engine_fault(fault, ENOMEM, "Score-P's messages");
    void *handle = parts->provider ? open_libraries(parts, fault) : dlopen(NULL, RTLD_NOW);
    if (!handle || find_calls(handle, fault) != 0 ||
        (parts->provider && provide(handle, parts->subsystems, fault) != 0))
        return -1; /* what was loaded stays: Score-P's libraries do not expect to be unloaded */
    (void)dl_iterate_phdr(on_object, &loaded);
    if (loaded.result != 0)
        return engine_fault(fault, -loaded.result, "preparing Score-P's libraries");
    engine.loaded = true;
    return 0;
}
