/* SPDX-License-Identifier: BSD-3-Clause
 *
 * engine.c - loads Score-P into the running process, and uses it more than once. Owns Score-P's libraries, an
 * image of their variables from before the first event, and what a measurement leaves behind in the C
 * library.
 *
 * How a process is measured again: Score-P keeps what it knows in variables of its libraries. They are copied
 * before the first event and put back just before the next measurement; so Score-P initialises itself anew.
 * (Not right after a measurement: threads of the cell may still run, and find a Score-P that is over, which
 * they can live with.) What lies outside of these variables is taken back by grafts (graft.h), which is also
 * how Score-P is kept from ending the process, and its messages from mixing with the cell's:
 *
 * - pthread_key_create: keys are noted and deleted. Score-P leaks one for each measurement, and a process has
 *   1,024. With the key goes its destructor, so that a thread which ends in a later measurement does not end
 *   its location of an earlier one.
 * - fopen, fclose: files that stay open are closed.
 * - calloc, free: Score-P's own memory (SCOREP_TOTAL_MEMORY) is mapped, and given back even if it gave up.
 * From the C library's heap, each measurement but the first would have to clear all 16 MB of it.
 * - __cxa_atexit: Score-P finalises at exit, also in a forked child, over its parent's trace. We finalise.
 * - abort, exit, failed assertions: come back here, and the measurement has given up.
 * - stderr: is a buffer.
 * - dl_iterate_phdr: sees the process's libraries only where that is of use.
 * - getenv: settings of ours, without a change of the process's environment.
 */
#include "engine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graft.h"
#include "image.h"
#include "root.h"

#define ROOT_LEN_MAX ((size_t)64 << 10)
#define MESSAGES_LEN_MAX ((size_t)64 << 10)
#define KEYS_MAX 1024 /* PTHREAD_KEYS_MAX of the C library */
#define FILES_MAX 64
#define BLOCKS_MAX 8
#define BLOCK_MIN_LEN ((size_t)1 << 20)

/* As in scorep/SCOREP_User_Types.h */
#define USER_REGION_TYPE_FUNCTION 1u

/* Score-P's public interface for instrumented programs (scorep/SCOREP_User_Functions.h), and the two
 * functions that its Python bindings use beside it. */
struct calls {
    void (*init_measurement)(void);
    void (*finalize_measurement)(void);
    bool (*is_initialized)(void);
    const char *(*get_directory)(void);
    void (*region_init)(void **handle, const char **last_file, uint32_t *last_handle, const char *name,
                        uint32_t type, const char *file, uint32_t line);
    void (*region_set_group)(void *handle, const char *group);
    void (*region_enter)(void *handle);
    void (*region_end)(void *handle);
    void (*rewind_enter)(void *handle);
    void (*rewind_end)(void *handle, bool rewound);
    void (*parameter_signed)(uint64_t *handle, const char *name, int64_t value);
    void (*parameter_unsigned)(uint64_t *handle, const char *name, uint64_t value);
    void (*parameter_text)(uint64_t *handle, const char *name, const char *value);
    void (*enable_recording)(void);
    void (*disable_recording)(void);
};

static struct {
    struct calls calls;
    bool loaded;
    bool used;     /* a measurement has begun since the image was last restored */
    bool given_up; /* the measurement cannot go on */
    struct image image;
    const struct engine_setting *settings; /* of the measurement that is beginning */
    size_t setting_count;
    FILE *messages_file;
    char messages[MESSAGES_LEN_MAX];
    size_t messages_len;
    pthread_key_t keys[KEYS_MAX];
    size_t key_count;
    FILE *files[FILES_MAX];
    struct block {
        void *address; /* NULL: free place */
        size_t len;
    } blocks[BLOCKS_MAX];
    pthread_mutex_t lock; /* of keys, files and blocks: Score-P's threads make some, too */
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Where a thread goes when Score-P wants to end the process; NULL outside of our calls. */
static _Thread_local jmp_buf *way_out;

/* --- grafts -------------------------------------------------------------------------------------------- */

static int create_key(pthread_key_t *key, void (*destructor)(void *))
{
    pthread_mutex_lock(&engine.lock);
    int result = engine.key_count < KEYS_MAX ? pthread_key_create(key, destructor) : EAGAIN;
    if (result == 0)
        engine.keys[engine.key_count++] = *key;
    pthread_mutex_unlock(&engine.lock);
    return result;
}

static int delete_key(pthread_key_t key)
{
    pthread_mutex_lock(&engine.lock);
    for (size_t i = 0; i < engine.key_count; i++)
        if (engine.keys[i] == key)
            engine.keys[i--] = engine.keys[--engine.key_count];
    pthread_mutex_unlock(&engine.lock);
    return pthread_key_delete(key);
}

static void note_file(FILE *old, FILE *new)
{
    pthread_mutex_lock(&engine.lock);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (engine.files[i] == old) {
            engine.files[i] = new;
            break;
        }
    }
    pthread_mutex_unlock(&engine.lock);
}

/* Close-on-exec: a program that the cell starts must not inherit the trace. */
static FILE *open_file(const char *path, const char *mode)
{
    char with_cloexec[16];
    (void)snprintf(with_cloexec, sizeof with_cloexec, "%.12se", mode);
    FILE *file = fopen64(path, with_cloexec); /* fopen is wrapped here, for our own OTF2 */
    if (file)
        note_file(NULL, file);
    return file;
}

static int close_file(FILE *file)
{
    note_file(file, NULL);
    return fclose(file);
}

/* The block at that address, or a free place for NULL. Under the lock. */
static struct block *find_block(const void *address)
{
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        if (engine.blocks[i].address == address)
            return &engine.blocks[i];
    return NULL;
}

static void *allocate_cleared(size_t count, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(count, size, &len) || len < BLOCK_MIN_LEN)
        return calloc(count, size);
    pthread_mutex_lock(&engine.lock);
    struct block *block = find_block(NULL);
    void *address =
        block ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (address != MAP_FAILED)
        *block = (struct block){address, len};
    pthread_mutex_unlock(&engine.lock);
    return address != MAP_FAILED ? address : calloc(count, size);
}

static void release(void *address)
{
    pthread_mutex_lock(&engine.lock);
    struct block *found = address ? find_block(address) : NULL;
    struct block block = found ? *found : (struct block){0};
    if (found)
        *found = (struct block){0};
    pthread_mutex_unlock(&engine.lock);
    if (block.address)
        (void)munmap(block.address, block.len); /* fails for bad arguments only */
    else
        free(address);
}

static int register_exit(void (*function)(void *), void *argument, void *library)
{
    (void)function;
    (void)argument;
    (void)library;
    return 0;
}

/* Score-P cannot go on. What it holds (locks among it) stays as it is until the image is restored. */
static void end_process(void)
{
    if (!way_out)
        abort(); /* in a thread of its own, where nobody waits */
    longjmp(*way_out, 1);
}

static void fail_assertion(const char *text, const char *file, unsigned line, const char *function)
{
    (void)fprintf(engine.messages_file, "%s:%u: %s: %s\n", file, line, function, text);
    end_process();
}

static void end_process_with(int status)
{
    (void)status;
    end_process();
}

static char *get_variable(const char *name)
{
    for (size_t i = 0; i < engine.setting_count; i++)
        if (strcmp(name, engine.settings[i].name) == 0)
            return (char *)(uintptr_t)engine.settings[i].value; /* which Score-P copies */
    return getenv(name); // NOLINT(concurrency-mt-unsafe): Score-P's own call
}

/* Score-P opens every library of the process at its start, some hundred in a notebook, to have lines for
 * addresses. Only unwinding and sampling record addresses. */
static int iterate_libraries(int (*visit)(struct dl_phdr_info *, size_t, void *), void *context)
{
    const char *unwinding = get_variable("SCOREP_ENABLE_UNWINDING");
    if (!unwinding || strcasecmp(unwinding, "false") == 0)
        return 0;
    return dl_iterate_phdr(visit, context);
}

static ssize_t keep_message(void *cookie, const char *text, size_t len)
{
    (void)cookie;
    size_t room = MESSAGES_LEN_MAX - engine.messages_len;
    size_t taken = len < room ? len : room;
    memcpy(engine.messages + engine.messages_len, text, taken);
    engine.messages_len += taken;
    return (ssize_t)len; /* what is beyond the room is not worth an error */
}

static int open_messages(void)
{
    static const cookie_io_functions_t calls = {.write = keep_message};
    engine.messages_file = fopencookie(NULL, "w", calls);
    if (!engine.messages_file)
        return -errno;
    return setvbuf(engine.messages_file, NULL, _IONBF, 0) == 0 ? 0 : -ENOMEM;
}

/* --- loading ------------------------------------------------------------------------------------------- */

/* The objects that were in the process before: what is added to them is Score-P's or what Score-P needs. */
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
    static const struct graft grafts[] = {
        {"pthread_key_create", (void *)(uintptr_t)create_key},
        {"pthread_key_delete", (void *)(uintptr_t)delete_key},
        {"fopen", (void *)(uintptr_t)open_file},
        {"fopen64", (void *)(uintptr_t)open_file},
        {"fclose", (void *)(uintptr_t)close_file},
        {"calloc", (void *)(uintptr_t)allocate_cleared},
        {"free", (void *)(uintptr_t)release},
        {"__cxa_atexit", (void *)(uintptr_t)register_exit},
        {"atexit", (void *)(uintptr_t)register_exit},
        {"abort", (void *)(uintptr_t)end_process},
        {"exit", (void *)(uintptr_t)end_process_with},
        {"__assert_fail", (void *)(uintptr_t)fail_assertion},
        {"_exit", (void *)(uintptr_t)end_process_with},
        {"_Exit", (void *)(uintptr_t)end_process_with},
        {"getenv", (void *)(uintptr_t)get_variable},
        {"dl_iterate_phdr", (void *)(uintptr_t)iterate_libraries},
        {"stderr", &engine.messages_file},
    };
    struct loaded *loaded = context;
    (void)size;
    if (loaded->first) {
        if (loaded->count < sizeof loaded->before / sizeof *loaded->before)
            loaded->before[loaded->count++] = object->dlpi_addr;
        return 0;
    }
    for (size_t i = 0; i < loaded->count; i++)
        if (loaded->before[i] == object->dlpi_addr)
            return 0;
    if (!is_score_p(object->dlpi_name))
        return 0;
    int changed = graft_apply(object, grafts, sizeof grafts / sizeof *grafts);
    loaded->result = changed < 0 ? changed : image_add(&engine.image, object);
    return loaded->result;
}

/* A file without a name that holds the root object. Its descriptor, or a negative errno. */
static int make_root(const struct engine_parts *parts)
{
    const char *needed[ENGINE_LIBRARIES_MAX + 1] = {parts->provider};
    if (parts->library_count > ENGINE_LIBRARIES_MAX)
        return -E2BIG;
    memcpy(needed + 1, parts->libraries, parts->library_count * sizeof *needed);
    unsigned char *image = malloc(ROOT_LEN_MAX);
    long len = image ? root_make_here(needed, parts->library_count + 1, image, ROOT_LEN_MAX) : -ENOMEM;
    int fd = len > 0 ? memfd_create("scorepkernel-root", MFD_CLOEXEC) : (int)len;
    if (fd < 0 && len > 0)
        fd = -errno;
    if (fd >= 0 && write(fd, image, (size_t)len) != len) {
        close(fd);
        fd = -EIO;
    }
    free(image);
    return fd;
}

static int note(struct fault *fault, int code, const char *detail)
{
    fault_note(fault, code, detail);
    return -1;
}

static void *open_libraries(const struct engine_parts *parts, struct fault *fault)
{
    char path[64];
    int fd = make_root(parts);
    if (fd < 0) {
        (void)note(fault, -fd, "the list of Score-P's libraries");
        return NULL;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!handle)
        (void)note(fault, ELIBACC,
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
            return note(fault, ELIBACC, wanted[i].name);
        memcpy(wanted[i].where, &found, sizeof found);
    }
    return 0;
}

static int provide(void *handle, const char *subsystems, struct fault *fault)
{
    int (*fill)(const char *) = NULL;
    void *found = dlsym(handle, "scorepkernel_provide");
    memcpy(&fill, &found, sizeof found);
    int missing = fill ? fill(subsystems) : 1;
    return missing ? note(fault, ELIBACC, subsystems) : 0;
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
    if (open_messages() != 0)
        return note(fault, ENOMEM, "Score-P's messages");
    void *handle = parts->provider ? open_libraries(parts, fault) : dlopen(NULL, RTLD_NOW);
    if (!handle || find_calls(handle, fault) != 0 ||
        (parts->provider && provide(handle, parts->subsystems, fault) != 0))
        return -1; /* what was loaded stays: Score-P's libraries do not expect to be unloaded */
    (void)dl_iterate_phdr(on_object, &loaded);
    if (loaded.result != 0)
        return note(fault, -loaded.result, "preparing Score-P's libraries");
    engine.loaded = true;
    return 0;
}

bool engine_is_loaded(void)
{
    return engine.loaded;
}

const char *engine_directory(void)
{
    return engine.loaded && engine.calls.is_initialized() ? engine.calls.get_directory() : NULL;
}

/* --- measuring ----------------------------------------------------------------------------------------- */

static void give_up(void)
{
    static const char variable[] = "scorep_in_measurement"; /* a thread's count of calls that it is in */
    engine.given_up = true;
    sig_atomic_t *inside = dlsym(RTLD_DEFAULT, variable);
    if (inside)
        *inside = 0;
    /* With the keys go the destructors by which ending threads would come into a Score-P that holds locks. */
    pthread_mutex_lock(&engine.lock);
    while (engine.key_count)
        (void)pthread_key_delete(engine.keys[--engine.key_count]);
    pthread_mutex_unlock(&engine.lock);
}

/* Run a call into Score-P; false when Score-P wanted to end the process, now or earlier. setjmp costs some 5
 * ns. */
#define SURVIVED(call)                  \
    __extension__({                     \
        jmp_buf here;                   \
        volatile bool survived = false; \
        way_out = &here;                \
        if (!engine.given_up) {         \
            if (_setjmp(here) == 0) {   \
                call;                   \
                survived = true;        \
            } else {                    \
                give_up();              \
            }                           \
        }                               \
        way_out = NULL;                 \
        survived;                       \
    })

/* As before the first event. */
static void reset(void)
{
    if (!engine.used)
        return;
    pthread_mutex_lock(&engine.lock);
    while (engine.key_count)
        (void)pthread_key_delete(engine.keys[--engine.key_count]);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (engine.files[i])
            (void)fclose(engine.files[i]);
        engine.files[i] = NULL;
    }
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        if (engine.blocks[i].address)
            (void)munmap(engine.blocks[i].address, engine.blocks[i].len);
        engine.blocks[i] = (struct block){0};
    }
    pthread_mutex_unlock(&engine.lock);
    image_restore(&engine.image);
    engine.used = engine.given_up = false;
}

int engine_begin(const struct engine_setting *settings, size_t count, struct fault *fault)
{
    if (!engine.loaded)
        return note(fault, EINVAL, "Score-P is not loaded");
    engine.messages_len = 0;
    if (!engine.used && engine_directory()) {
        engine.used = true;
        return 0;
    }
    reset();
    engine.used = true;
    engine.settings = settings;
    engine.setting_count = count;
    bool begun = SURVIVED(engine.calls.init_measurement());
    engine.setting_count = 0;
    return begun ? 0 : note(fault, ECANCELED, "Score-P's start");
}

void *engine_region(const char *name, const char *file, uint32_t line)
{
    void *handle = NULL;
    char group[256];
    const char *colon = strchr(name, ':');
    /* The module and class, as the bindings group them. */
    (void)snprintf(group, sizeof group, "%.*s", colon ? (int)(colon - name) : 0, name);
    bool made = SURVIVED({
        engine.calls.region_init(&handle, NULL, NULL, name, USER_REGION_TYPE_FUNCTION, file, line);
        if (group[0])
            engine.calls.region_set_group(handle, group);
    });
    return made ? handle : NULL;
}

bool engine_enter(void *region)
{
    return SURVIVED(engine.calls.region_enter(region));
}

bool engine_leave(void *region)
{
    return SURVIVED(engine.calls.region_end(region));
}

bool engine_rewind_begin(void *region)
{
    return SURVIVED(engine.calls.rewind_enter(region));
}

bool engine_rewind_end(void *region, bool rewound)
{
    return SURVIVED(engine.calls.rewind_end(region, rewound));
}

/* Score-P keeps a parameter's handle in the program's variable; a new one looks the name up. */
bool engine_parameter_signed(const char *name, int64_t value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_signed(&handle, name, value));
}

bool engine_parameter_unsigned(const char *name, uint64_t value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_unsigned(&handle, name, value));
}

bool engine_parameter_text(const char *name, const char *value)
{
    uint64_t handle = UINT64_MAX;
    return SURVIVED(engine.calls.parameter_text(&handle, name, value));
}

bool engine_record(bool on)
{
    return SURVIVED(on ? engine.calls.enable_recording() : engine.calls.disable_recording());
}

int engine_end(struct fault *fault)
{
    if (!SURVIVED(engine.calls.finalize_measurement()))
        return note(fault, ECANCELED, "Score-P gave up");
    return 0;
}

bool engine_has_given_up(void)
{
    return engine.given_up;
}

void engine_flush(void)
{
    pthread_mutex_lock(&engine.lock);
    for (size_t i = 0; i < FILES_MAX; i++)
        if (engine.files[i])
            (void)fflush(engine.files[i]); /* what fails here fails again in Score-P, which says so */
    pthread_mutex_unlock(&engine.lock);
}

void engine_forget(void)
{
    if (engine.used)
        image_restore(&engine.image);
    engine.used = engine.given_up = false;
    /* Another thread of the parent's may have held the lock; here there is none. */
    engine.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    while (engine.key_count)
        (void)pthread_key_delete(engine.keys[--engine.key_count]);
    /* The files are the parent's: closing them would take the lock of a stream, which a thread may have held.
     */
    memset(engine.files, 0, sizeof engine.files);
}

const char *engine_messages(size_t *len)
{
    *len = engine.messages_len;
    return engine.messages;
}
