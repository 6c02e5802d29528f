/* SPDX-License-Identifier: BSD-3-Clause
 *
 * standin.c - stands in for Score-P's libraries in tests: counts visits and time of user regions in each
 * thread, and writes them as a profile. One file, of which each library has a part (see standin.py); as in
 * Score-P, the parts refer to each other without saying so.
 *
 * It behaves as Score-P does where that matters: it begins once, makes the experiment directory, leaks a
 * thread-specific key, a file and a large block, and says on standard error that it gives up before it ends
 * the process. What it is to do wrong, the environment says:
 *
 *   STANDIN_AT_START=abort|exit    it cannot begin
 *   STANDIN_ABORT_AT=n             it gives up at the n-th event
 *   STANDIN_SAYS=text              it says so at its start
 *   STANDIN_ONCE=abort|silent      it begins once in a process; later it ends it, or counts nothing
 *   STANDIN_NO_PRELOAD=1           a process that was started with it preloaded ends at once
 *
 * and when it is compiled, -DNEEDS_WHAT_IS_NOT: a symbol is missing.
 */
#define _GNU_SOURCE
#include "standin.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef PART_MEASUREMENT

extern const void *scorep_subsystems[];
extern size_t scorep_number_of_subsystems;

struct location {
    long thread; /* number of the thread; 0: a free place */
    size_t depth;
    double since;
    uint32_t stack[DEPTH_MAX];
    uint64_t visits[REGIONS_MAX];
    double seconds[REGIONS_MAX];
};

static struct {
    int phase; /* 0: not begun, 1: measures, 2: over */
    int counts;
    pthread_mutex_t lock;
    uint64_t events, abort_at;
    char directory[4096];
    FILE *trace;
    struct standin_region {
        char name[512], file[512];
        uint32_t line;
    } * regions;
    uint32_t region_count;
    struct location *locations;
    pthread_key_t key;
} standin = {.lock = PTHREAD_MUTEX_INITIALIZER};

#ifdef NEEDS_WHAT_IS_NOT
extern int symbol_that_nobody_has;
int *needed(void)
{
    return &symbol_that_nobody_has;
}
#endif

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void give_up(const char *why)
{
    fprintf(stderr, "[Score-P] Fatal: %s. Please ask the stand-in.\n", why);
    abort();
}

/* Where nothing that puts back this library's variables reaches. */
static int was_here_before(void)
{
    char mine[32];
    const char *before = getenv("STANDIN_WAS_HERE");
    snprintf(mine, sizeof mine, "%ld", (long)getpid());
    int was = before && strcmp(before, mine) == 0;
    setenv("STANDIN_WAS_HERE", mine, 1);
    return was;
}

static void misbehave_at_start(void)
{
    const char *says = getenv("STANDIN_SAYS"), *start = getenv("STANDIN_AT_START");
    const char *once = getenv("STANDIN_ONCE"), *number = getenv("STANDIN_ABORT_AT");
    standin.abort_at = number ? strtoull(number, NULL, 10) : 0;
    standin.counts = 1;
    if (says)
        fprintf(stderr, "[Score-P] %s\n", says);
    if (start && strcmp(start, "abort") == 0)
        give_up("Told to abort at the start");
    if (start && strcmp(start, "exit") == 0) {
        fprintf(stderr, "[Score-P] Error: Told to exit at the start\n");
        exit(3);
    }
    if (once && was_here_before()) {
        if (strcmp(once, "abort") == 0)
            give_up("Cannot begin twice in a process");
        standin.counts = 0;
    }
}

static void open_experiment(void)
{
    const char *directory = getenv("SCOREP_EXPERIMENT_DIRECTORY");
    const char *tracing = getenv("SCOREP_ENABLE_TRACING");
    char path[sizeof standin.directory + 32];
    snprintf(standin.directory, sizeof standin.directory, "%s", directory ? directory : "scorep-standin");
    if (mkdir(standin.directory, 0777) != 0) {
        fprintf(stderr, "[Score-P] Error: Can't create experiment directory \"%s\": %s\n", standin.directory,
                strerror(errno));
        exit(1);
    }
    if (tracing && strcmp(tracing, "true") == 0) {
        snprintf(path, sizeof path, "%s/traces.otf2", standin.directory);
        standin.trace = fopen(path, "w"); /* never closed */
    }
}

static void finalize_at_exit(void)
{
    SCOREP_FinalizeMeasurement();
}

void SCOREP_InitMeasurement(void)
{
    if (standin.phase != 0)
        return;
    standin.phase = 1;
    misbehave_at_start();
    if (!scorep_number_of_subsystems && getenv("SCOREPKERNEL_SUBSYSTEMS"))
        give_up("No subsystems");
    open_experiment();
    standin.regions = calloc(REGIONS_MAX, sizeof *standin.regions);
    standin.locations = calloc(LOCATIONS_MAX, sizeof *standin.locations);
    if (!standin.regions || !standin.locations || pthread_key_create(&standin.key, free) != 0)
        give_up("Out of memory");
    atexit(finalize_at_exit);
}

bool SCOREP_IsInitialized(void)
{
    return standin.phase == 1;
}

const char *SCOREP_GetExperimentDirName(void)
{
    return standin.directory;
}

int standin_measures(void)
{
    if (standin.phase == 0)
        SCOREP_InitMeasurement();
    return standin.phase == 1;
}

uint32_t standin_region(const char *name, const char *file, uint32_t line)
{
    pthread_mutex_lock(&standin.lock);
    uint32_t number = standin.region_count;
    if (number == REGIONS_MAX)
        give_up("Too many regions");
    struct standin_region *region = &standin.regions[standin.region_count++];
    snprintf(region->name, sizeof region->name, "%s", name);
    snprintf(region->file, sizeof region->file, "%s", file ? file : "");
    region->line = line;
    pthread_mutex_unlock(&standin.lock);
    return number;
}

static struct location *own_location(void)
{
    long thread = syscall(SYS_gettid);
    for (size_t i = 0; i < LOCATIONS_MAX; i++) {
        struct location *location = &standin.locations[i];
        if (!location->thread)
            *location = (struct location){.thread = thread, .since = now()};
        if (location->thread == thread)
            return location;
    }
    give_up("Too many locations");
    return NULL;
}

/* The time since the last event was the innermost region's. */
static void pass(struct location *location)
{
    double time = now();
    if (location->depth)
        location->seconds[location->stack[location->depth - 1]] += time - location->since;
    location->since = time;
}

void standin_event(uint32_t region, bool enter)
{
    pthread_mutex_lock(&standin.lock);
    if (++standin.events == standin.abort_at)
        give_up("Told to abort at this event"); /* and holds a lock then, as Score-P may */
    struct location *location = own_location();
    pass(location);
    if (enter && location->depth < DEPTH_MAX) {
        location->stack[location->depth++] = region;
        location->visits[region] += (uint64_t)standin.counts;
    } else if (!enter && location->depth) {
        assert(location->stack[location->depth - 1] == region);
        location->depth--;
    }
    pthread_mutex_unlock(&standin.lock);
}

/* --- the profile --------------------------------------------------------------------------------------- */

static void put_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>&\"'", *text))
            fprintf(file, "&#%d;", *text);
        else
            fputc(*text, file);
    }
}

static void put_anchor(FILE *file, uint32_t locations)
{
    fprintf(file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<cube version=\"4.8\">\n<metrics>"
            "<metric id=\"0\" type=\"EXCLUSIVE\"><uniq_name>visits</uniq_name><dtype>UINT64</dtype></metric>"
            "<metric id=\"1\" type=\"INCLUSIVE\"><uniq_name>time</uniq_name><dtype>DOUBLE</dtype></metric>"
            "</metrics>\n<program>\n");
    for (uint32_t i = 0; i < standin.region_count; i++) {
        const struct standin_region *region = &standin.regions[i];
        fprintf(file, "<region id=\"%u\" mod=\"", i);
        put_text(file, region->file);
        fprintf(file, "\" begin=\"%u\" end=\"-1\"><name>", region->line);
        put_text(file, region->name);
        fprintf(file, "</name><paradigm>user</paradigm><role>function</role></region>\n");
    }
    for (uint32_t i = 0; i < standin.region_count; i++)
        fprintf(file, "<cnode id=\"%u\" calleeId=\"%u\"></cnode>\n", i, i);
    fprintf(file,
            "</program>\n<system><systemtreenode Id=\"0\"><systemtreenode Id=\"1\"><locationgroup Id=\"0\">");
    for (uint32_t i = 0; i < locations; i++)
        fprintf(file, "<location Id=\"%u\"></location>", i);
    fprintf(file, "</locationgroup></systemtreenode></systemtreenode></system>\n</cube>\n");
}

static void put_index(FILE *file)
{
    static const unsigned char dense[18] = "CUBEX.INDEX\1\0\0\0\0\0\3";
    fwrite(dense, 1, sizeof dense, file);
}

static void put_data(FILE *file, uint32_t locations, bool time)
{
    fwrite("CUBEX.DATA", 1, 10, file);
    for (uint32_t region = 0; region < standin.region_count; region++) {
        for (uint32_t i = 0; i < locations; i++) {
            const struct location *location = &standin.locations[i];
            if (time)
                fwrite(&location->seconds[region], 8, 1, file);
            else
                fwrite(&location->visits[region], 8, 1, file);
        }
    }
}

/* A member of a tar file. */
static void put_member(FILE *archive, const char *name, const char *bytes, size_t len)
{
    static const char zero[512];
    char header[512] = {0};
    unsigned sum = 0;
    snprintf(header, 100, "%s", name);
    memcpy(header + 100, "0000644\0000000000\0000000000", 23);
    snprintf(header + 124, 12, "%011zo", len);
    memcpy(header + 136, "00000000000", 11);
    memcpy(header + 148, "        0", 9);
    memcpy(header + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    fwrite(header, 1, sizeof header, archive);
    fwrite(bytes, 1, len, archive);
    fwrite(zero, 1, (512 - len % 512) % 512, archive);
}

static void write_profile(void)
{
    static const char *const names[] = {"anchor.xml", "0.index", "0.data", "1.index", "1.data"};
    static const char zero[1024];
    char path[sizeof standin.directory + 32];
    uint32_t locations = 0;
    while (locations < LOCATIONS_MAX && standin.locations[locations].thread)
        locations++;
    snprintf(path, sizeof path, "%s/profile.cubex", standin.directory);
    FILE *archive = fopen(path, "w");
    if (!archive)
        give_up("Cannot write the profile");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *bytes = NULL;
        size_t len = 0;
        FILE *member = open_memstream(&bytes, &len);
        if (!member)
            give_up("Out of memory");
        if (i == 0)
            put_anchor(member, locations);
        else if (i % 2)
            put_index(member);
        else
            put_data(member, locations, i == 4);
        fclose(member);
        put_member(archive, names[i], bytes, len);
        free(bytes);
    }
    fwrite(zero, 1, sizeof zero, archive);
    fclose(archive);
}

void SCOREP_FinalizeMeasurement(void)
{
    if (standin.phase != 1)
        return;
    standin.phase = 2;
    (void)own_location();
    for (size_t i = 0; i < LOCATIONS_MAX && standin.locations[i].thread; i++)
        pass(&standin.locations[i]); /* what is open ends here */
    write_profile();
}

__attribute__((constructor)) static void refuse_preloading(void)
{
    if (getenv("STANDIN_NO_PRELOAD") && getenv("SCOREPKERNEL_SUBSYSTEMS"))
        _exit(9);
}

#endif

#ifdef PART_USER_EVENT

static struct handle {
    struct handle *next;
    uint32_t region;
} * handles; /* Score-P keeps them in its own memory, too */

void SCOREP_User_RegionInit(void **handle, const char **last_file, uint32_t *last_handle, const char *name,
                            uint32_t type, const char *file, uint32_t line)
{
    (void)last_file;
    (void)last_handle;
    (void)type;
    if (*handle || !standin_measures())
        return;
    struct handle *new = calloc(1, sizeof *new);
    assert(new);
    new->region = standin_region(name, file, line);
    new->next = handles;
    *handle = handles = new;
}

void SCOREP_User_RegionSetGroup(void *handle, const char *group)
{
    assert(handle && group);
}

void SCOREP_User_RegionEnter(void *handle)
{
    if (handle && standin_measures())
        standin_event(((struct handle *)handle)->region, true);
}

void SCOREP_User_RegionEnd(void *handle)
{
    if (handle && standin_measures())
        standin_event(((struct handle *)handle)->region, false);
}

void SCOREP_User_RewindRegionEnter(void *handle)
{
    SCOREP_User_RegionEnter(handle);
}

void SCOREP_User_RewindRegionEnd(void *handle, bool rewound)
{
    (void)rewound;
    SCOREP_User_RegionEnd(handle);
}

void SCOREP_User_ParameterInt64(uint64_t *handle, const char *name, int64_t value)
{
    (void)name;
    *handle = (uint64_t)value;
}

void SCOREP_User_ParameterUint64(uint64_t *handle, const char *name, uint64_t value)
{
    (void)name;
    *handle = value;
}

void SCOREP_User_ParameterString(uint64_t *handle, const char *name, const char *value)
{
    (void)name;
    *handle = strlen(value);
}

void SCOREP_User_EnableRecording(void) {}

void SCOREP_User_DisableRecording(void) {}

#endif

#ifdef PART_USER_MGMT
const int SCOREP_Subsystem_UserAdapter = 1;
#endif

#ifdef PART_THREAD_PTHREAD
const int SCOREP_Subsystem_ThreadCreateWait = 2;
#endif

#ifdef PART_THREAD_MOCKUP
const int SCOREP_Subsystem_ThreadMockup = 3;
#endif

#ifdef PART_IO
const int SCOREP_Subsystem_IoAdapter = 4;

/* Input and output of a process's start are recorded, so the measurement begins with it. */
__attribute__((constructor)) static void begin(void)
{
    SCOREP_InitMeasurement();
}
#endif

/* Begins the measurement as soon as the process starts. */
#ifdef PART_CONSTRUCTOR
__attribute__((constructor)) static void begin(void)
{
    SCOREP_InitMeasurement();
}
#endif

/* What the bindings compile for the options that they were given. */
#ifdef PART_ROOT
extern const int SCOREP_Subsystem_UserAdapter;
const void *scorep_subsystems[] = {&SCOREP_Subsystem_UserAdapter};
const size_t scorep_number_of_subsystems = 1;
#endif
