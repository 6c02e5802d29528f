/* SPDX-License-Identifier: BSD-3-Clause
 *
 * sampler: see sampler.h. */
#include "tracer/sampling/sampler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tracer/record/clock.h"
#include "tracer/sampling/hottest_line.h"
#include "tracer/sampling/own_memory.h"
#include "tracer/sampling/progress.h"
#include "tracer/sampling/quiet_calls.h"
#include "tracer/sampling/resident_memory.h"
#include "tracer/sampling/thread_list.h"

#define SECOND_NS UINT64_C(1000000000)
/* A short cell is looked at more often, a long one less. */
#define SHORT_NS (SECOND_NS / 50)
#define LONG_NS (30 * SECOND_NS)
#define SHORT_PERIOD_NS 500000u
#define PERIOD_NS 1000000u
#define LONG_PERIOD_NS 4000000u
/* A look is followed by a rest of at least about so many times its own processor time: the sampling takes no
 * more than a quarter of a processor. */
#define RESTS 4
/* Every so many looks, new threads and the memory are looked for. */
#define THOROUGH 4u

struct sampler {
    struct stack_reader reader;
    struct functions functions;
    struct sample_tree tree;
    struct stack_base base;
    struct stack stack; /* read last */
    struct lock_range locks;
    struct thread_list list;
    struct resident_memory memory;
    struct watched_thread threads[SAMPLER_THREADS_MAX];
    uint32_t thread_count;
    uint64_t master;            /* its thread state */
    _Atomic uint64_t coroutine; /* the frame of the cell's own code, where that is a coroutine */
    char *package;
    uint8_t plain[256];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping, running, is_paused;
    pid_t process;                   /* the one that the thread runs in */
    uint64_t started_ns, sampled_ns; /* of the last start; of all before it */
    uint64_t stopped_ns;
    uint32_t threads_missed;
    uint64_t stacks_cut;
    uint64_t look_ns; /* of processor time, that the last look took */
    uint64_t looks, samples, cost_ns, piece_ns;
    uint64_t random;
    const uint64_t *events;
    struct series *series;
    char *cell; /* NULL: no one file is the cell's own */
    struct hottest_line hottest;
    uint64_t told_ns; /* when the progress was told */
};

/* --- the sampling thread -------------------------------------------------------------------------------- */

/* Never quite regular, so that it cannot keep step with what the cell does regularly. */
static uint64_t next_period(struct sampler *sampler, uint64_t elapsed_ns)
{
    uint64_t period = elapsed_ns < SHORT_NS  ? SHORT_PERIOD_NS
                      : elapsed_ns < LONG_NS ? PERIOD_NS
                                             : LONG_PERIOD_NS;
    sampler->random ^= sampler->random << 13;
    sampler->random ^= sampler->random >> 7;
    sampler->random ^= sampler->random << 17;
    if (period < RESTS * sampler->look_ns)
        period = RESTS * sampler->look_ns;
    return period * 3 / 4 + sampler->random % (period / 2);
}

static struct watched_thread *find_known(struct sampler *sampler, const struct listed_thread *listed)
{
    for (uint32_t i = 0; i < sampler->thread_count; i++)
        if (sampler->threads[i].state == listed->state &&
            sampler->threads[i].found.native_id == listed->native_id)
            return &sampler->threads[i];
    return NULL;
}

/* A thread that has ended, and in whose place another can be; NULL: there is none. */
static struct watched_thread *find_ended(struct sampler *sampler)
{
    for (uint32_t i = 0; i < sampler->thread_count; i++)
        if (sampler->threads[i].has_ended && !sampler->threads[i].found.is_master)
            return &sampler->threads[i];
    return NULL;
}

static struct watched_thread *begin_to_watch(struct sampler *sampler, const struct listed_thread *listed,
                                             uint64_t now_ns)
{
    if (sampler->thread_count == SAMPLER_THREADS_MAX) {
        struct watched_thread *ended = find_ended(sampler);
        if (ended)
            watched_thread_succeed(ended, listed, now_ns);
        return ended;
    }
    struct watched_thread *new = &sampler->threads[sampler->thread_count];
    uint32_t root =
        sample_tree_child(&sampler->tree, SAMPLE_NODE_NONE, FUNCTION_NONE, (int32_t)sampler->thread_count);
    if (root == SAMPLE_NODE_NONE)
        return NULL;
    watched_thread_begin(new, listed, listed->state == sampler->master, root, now_ns);
    sampler->thread_count++;
    return new;
}

/* NULL: there is no room for it, or no such thread of the system's any more. */
static struct watched_thread *watched(struct sampler *sampler, const struct listed_thread *listed,
                                      uint64_t now_ns)
{
    struct watched_thread *known = find_known(sampler, listed);
    if (!known)
        known = begin_to_watch(sampler, listed, now_ns);
    else if (known->has_ended)
        watched_thread_succeed(known, listed, now_ns);
    if (!known)
        return NULL;
    known->listed_at = sampler->looks;
    return known->has_ended ? NULL : known;
}

/* Threads that are no more listed hold no files. */
static void end_unlisted(struct sampler *sampler)
{
    for (uint32_t i = 0; i < sampler->thread_count; i++)
        if (sampler->threads[i].listed_at != sampler->looks)
            watched_thread_end(&sampler->threads[i]);
}

static uint32_t place_in_tree(struct sampler *sampler, const struct watched_thread *thread)
{
    uint32_t node = thread->found.root;
    for (uint32_t i = sampler->stack.count; i-- > 0;)
        node = sample_tree_child(&sampler->tree, node, sampler->stack.frames[i].function,
                                 sampler->stack.frames[i].line);
    return node;
}

static uint64_t since_begin(const struct sampler *sampler, uint64_t now_ns)
{
    return sampler->sampled_ns + (now_ns - sampler->started_ns);
}

static void add(struct sampler *sampler, struct watched_thread *thread, const struct spent *spent,
                uint64_t now_ns)
{
    uint64_t at_ns = since_begin(sampler, now_ns);
    while (at_ns >= TIMELINE_LEN * sampler->piece_ns) {
        for (uint32_t i = 0; i < sampler->thread_count; i++)
            watched_thread_halve_timeline(&sampler->threads[i]);
        sampler->piece_ns *= 2;
    }
    for (int i = 0; i < spent->count; i++) {
        struct sample_node *node = &sampler->tree.nodes[spent->parts[i].node];
        node->ns[spent->parts[i].doing] += spent->parts[i].ns;
        watched_thread_add_to_timeline(thread, (uint32_t)(at_ns / sampler->piece_ns), spent->parts[i].doing,
                                       spent->parts[i].ns);
    }
    thread->found.end_ns = at_ns;
}

static void read_stack(struct sampler *sampler, struct watched_thread *thread)
{
    const struct stack_base *base = thread->found.is_master ? &sampler->base : NULL;
    uint64_t coroutine = thread->found.is_master ? atomic_load(&sampler->coroutine) : 0;
    (void)stack_read(&sampler->reader, thread->state, base, &sampler->stack);
    if (sampler->stack.is_torn && thread->node != thread->found.root)
        return; /* most likely it is where it was before */
    sampler->stacks_cut += sampler->stack.is_cut;
    if (coroutine)
        stack_add_suspended(&sampler->reader, coroutine, &sampler->stack);
    watched_thread_move(thread, place_in_tree(sampler, thread));
}

static void sample(struct sampler *sampler, struct watched_thread *thread, int64_t grown)
{
    uint64_t now_ns = clock_now_ns();
    struct spent spent;
    bool has_run = watched_thread_look(thread, now_ns);
    if (has_run && !thread->has_ended)
        read_stack(sampler, thread);
    struct looking looking = {&sampler->functions.offsets, &sampler->stack, &sampler->locks, sampler->plain};
    watched_thread_spent(thread, &looking, &spent);
    add(sampler, thread, &spent, now_ns);
    struct sample_node *node = &sampler->tree.nodes[thread->node];
    node->samples++;
    if (thread->found.is_master)
        node->memory += grown;
    sampler->samples++;
}

static void note_use(struct sampler *sampler)
{
    struct series_point point = {clock_now_ns(), clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
                                 sampler->memory.last};
    if (point.resident > 0)
        series_add(sampler->series, &point);
}

static void look_at_all(struct sampler *sampler, bool is_last)
{
    uint64_t begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
    uint32_t missed = 0;
    bool is_thorough = sampler->looks++ % THOROUGH == 0 || is_last;
    int64_t grown = is_thorough ? resident_memory_look(&sampler->memory) : 0;
    if (is_thorough)
        note_use(sampler);
    if (is_thorough)
        thread_list_read(&sampler->list, sampler->master);
    for (uint32_t i = 0; i < sampler->list.count; i++) {
        const struct listed_thread *listed = &sampler->list.threads[i];
        struct watched_thread *thread = watched(sampler, listed, clock_now_ns());
        if (thread)
            sample(sampler, thread, grown);
        else
            missed += find_known(sampler, listed) == NULL;
    }
    if (is_thorough)
        end_unlisted(sampler);
    missed += sampler->list.left_out;
    if (missed > sampler->threads_missed)
        sampler->threads_missed = missed;
    sampler->look_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
}

static void tell_progress(struct sampler *sampler)
{
    struct progress_found found = {.events = __atomic_load_n(sampler->events, __ATOMIC_RELAXED)};
    uint64_t now_ns = clock_now_ns();
    if (!progress_is_open() || now_ns - sampler->told_ns < PROGRESS_PERIOD_NS)
        return;
    sampler->told_ns = now_ns;
    if (sampler->cell && sampler->thread_count > 0)
        hottest_line_find(&sampler->hottest, &sampler->tree, &sampler->functions, sampler->cell, &found);
    progress_note(&found);
}

/* Returns when it is time for the next look; false: it is to stop. */
static bool wait_for_next(struct sampler *sampler)
{
    uint64_t until = clock_now_ns();
    until += next_period(sampler, since_begin(sampler, until));
    struct timespec at = {(time_t)(until / SECOND_NS), (long)(until % SECOND_NS)};
    pthread_mutex_lock(&sampler->lock);
    while (!sampler->stopping && pthread_cond_timedwait(&sampler->wake, &sampler->lock, &at) == 0) {
    }
    bool stopping = sampler->stopping;
    pthread_mutex_unlock(&sampler->lock);
    return !stopping;
}

static void *run(void *argument)
{
    struct sampler *sampler = argument;
    /* A name for whoever looks, and sleeps of microseconds; nothing depends on either. */
    (void)prctl(PR_SET_NAME, "scorep-sampler");
    (void)prctl(PR_SET_TIMERSLACK, 1000);
    do {
        look_at_all(sampler, false);
        tell_progress(sampler);
    } while (wait_for_next(sampler));
    look_at_all(sampler, true); /* the time since the last look is accounted for, too */
    sampler->cost_ns += clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

/* --- in the thread that is measured --------------------------------------------------------------------- */

/* Tries what every sample relies on: that the frame which is known to be executed is the one that is found.
 */
static bool finds_itself(struct sampler *sampler, const struct sampler_options *options)
{
    if (!stack_read(&sampler->reader, options->thread, NULL, &sampler->stack))
        return false;
    const struct stack_frame *frame = &sampler->stack.frames[0];
    return frame->code == options->frame_code && frame->line == (int32_t)options->frame_line;
}

static const char *prepare(struct sampler *sampler, const struct sampler_options *options)
{
    struct frame_offsets offsets;
    pthread_condattr_t attributes;
    if (!own_memory_is_readable())
        return "the system does not let a process read its own memory by process_vm_readv";
    if (!frame_offsets_find(&offsets, options->version, options->runtime))
        return "the frames of this version of Python are not known";
    functions_init(&sampler->functions, &offsets);
    sample_tree_init(&sampler->tree);
    sampler->reader = (struct stack_reader){&sampler->functions, options->code_type};
    if (!finds_itself(sampler, options))
        return "the frames of this Python are not where its version has them";
    if (!thread_list_init(&sampler->list, &offsets, options->thread))
        return "the threads of this Python are not where its version has them";
    memcpy(sampler->plain, options->plain, sizeof sampler->plain);
    sampler->package = strdup(options->package);
    sampler->cell = options->cell ? strdup(options->cell) : NULL; /* without it the progress names no line */
    sampler->events = options->events;
    sampler->series = options->series;
    if (!sampler->package || pthread_condattr_init(&attributes) != 0)
        return "there is no memory for it";
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* fails for clocks that do not exist */
    (void)pthread_cond_init(&sampler->wake, &attributes);          /* these cannot fail on Linux */
    (void)pthread_mutex_init(&sampler->lock, NULL);
    (void)pthread_condattr_destroy(&attributes);
    return NULL;
}

struct sampler *sampler_create(const struct sampler_options *options, const char **problem)
{
    struct sampler *sampler = calloc(1, sizeof *sampler);
    *problem = sampler ? prepare(sampler, options) : "there is no memory for it";
    if (*problem) {
        sampler_destroy(sampler);
        return NULL;
    }
    sampler->master = options->thread;
    sampler->locks = options->locks;
    sampler->piece_ns = 1000000;
    sampler->random = clock_now_ns() | 1;
    resident_memory_open(&sampler->memory);
    return sampler;
}

/* What runs below the cell now, and goes on doing so until the sampling stops, is the kernel's. */
static void note_base(struct sampler *sampler)
{
    struct stack_base *base = &sampler->base;
    base->count = 0;
    if (!stack_read(&sampler->reader, sampler->master, NULL, &sampler->stack))
        return;
    for (uint32_t i = 0; i < sampler->stack.count && base->count < STACK_BASE_MAX; i++) {
        const struct stack_frame *frame = &sampler->stack.frames[i];
        const char *file = sampler->functions.items[frame->function].file;
        if (strncmp(file, sampler->package, strlen(sampler->package)) != 0)
            continue;
        base->frames[base->count].address = frame->address;
        base->frames[base->count++].code = frame->code;
    }
}

/* Signals are for the threads that were there before. */
static int create_thread(struct sampler *sampler)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* fails for bad arguments only */
    int result = quiet_thread_create(&sampler->thread, run, sampler);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int run_thread(struct sampler *sampler)
{
    sampler->stopping = sampler->is_paused = false;
    int result = create_thread(sampler);
    sampler->running = result == 0;
    return result;
}

int sampler_start(struct sampler *sampler)
{
    if (sampler->running)
        return 0;
    own_memory_begin();
    note_base(sampler);
    thread_list_note_bystanders(&sampler->list, sampler->master);
    sampler->started_ns = clock_now_ns();
    for (uint32_t i = 0; i < sampler->thread_count; i++)
        if (!sampler->threads[i].has_ended)
            watched_thread_go_on(&sampler->threads[i], sampler->started_ns);
    sampler->process = getpid();
    return run_thread(sampler);
}

void sampler_pause(struct sampler *sampler)
{
    if (!sampler->running)
        return;
    sampler_stop(sampler);
    sampler->is_paused = true;
}

int sampler_go_on(struct sampler *sampler)
{
    if (!sampler->is_paused || sampler->process != getpid())
        return 0;
    sampler->started_ns = sampler->stopped_ns;
    return run_thread(sampler);
}

void sampler_stop(struct sampler *sampler)
{
    sampler->is_paused = false;
    if (!sampler->running)
        return;
    sampler->running = false;
    if (sampler->process != getpid())
        return; /* of a process that was forked: the thread is the parent's */
    pthread_mutex_lock(&sampler->lock);
    sampler->stopping = true;
    pthread_cond_signal(&sampler->wake);
    pthread_mutex_unlock(&sampler->lock);
    quiet_thread_join(sampler->thread);
    sampler->stopped_ns = clock_now_ns();
    sampler->sampled_ns += sampler->stopped_ns - sampler->started_ns;
}

void sampler_note_statement(struct sampler *sampler)
{
    functions_next_statement(&sampler->functions);
}

void sampler_note_coroutine(struct sampler *sampler)
{
    uint64_t frame, instruction;
    if (stack_position(&sampler->functions.offsets, sampler->master, &frame, &instruction))
        atomic_store(&sampler->coroutine, frame);
}

void sampler_destroy(struct sampler *sampler)
{
    if (!sampler)
        return;
    sampler_stop(sampler);
    for (uint32_t i = 0; i < sampler->thread_count; i++)
        if (!sampler->threads[i].has_ended)
            watched_thread_end(&sampler->threads[i]);
    resident_memory_close(&sampler->memory);
    functions_finish(&sampler->functions);
    sample_tree_finish(&sampler->tree);
    thread_list_finish(&sampler->list);
    hottest_line_finish(&sampler->hottest);
    free(sampler->cell);
    free(sampler->package);
    free(sampler);
}

struct sampling sampler_result(const struct sampler *sampler)
{
    return (struct sampling){
        .functions = &sampler->functions,
        .tree = &sampler->tree,
        .thread_count = sampler->thread_count,
        .sampled_ns = sampler->sampled_ns,
        .samples = sampler->samples,
        .cost_ns = sampler->cost_ns,
        .piece_ns = sampler->piece_ns,
        .threads_missed = sampler->threads_missed,
        .stacks_cut = sampler->stacks_cut,
        .memory_first = sampler->memory.first,
        .memory_last = sampler->memory.last,
        .memory_peak = sampler->memory.peak,
    };
}

const struct sampled_thread *sampler_thread(const struct sampler *sampler, uint32_t number)
{
    return &sampler->threads[number].found;
}
