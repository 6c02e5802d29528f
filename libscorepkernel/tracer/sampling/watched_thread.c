/* SPDX-License-Identifier: BSD-3-Clause
 *
 * watched_thread: see watched_thread.h. */
#include "tracer/sampling/watched_thread.h"

#include <string.h>

#include "tracer/record/clock.h"

/* Python code is at another instruction after some microseconds; what stands still for so long is native. */
#define STANDSTILL_LOOKS 6 /* as some Pythons do not note each instruction */
#define STANDSTILL_STEP_NS 2000u
#define MOVES_OF_PYTHON 2
#define STANDSTILL_NS 4000u /* that the thread itself has run meanwhile */
/* So long, and so often, a thread gets its processor back. */
#define MOMENT_NS 15000
#define MOMENTS 3
/* As much of a thread's own time between two looks says something, too. */
#define STANDSTILL_RAN_NS 100000u
/* What the clocks of two sources differ by is no waiting. */
#define NOTHING_NS 20000u

static void look_at_clocks(struct watched_thread *thread, uint64_t now_ns)
{
    uint64_t ran_ns = thread->ran_ns;
    thread->has_ended = !activity_ran(&thread->activity, &ran_ns);
    thread->ran_since = ran_ns - thread->ran_ns;
    thread->ran_ns = ran_ns;
    thread->seen_ns = thread->now_ns;
    thread->now_ns = now_ns;
}

void watched_thread_begin(struct watched_thread *thread, const struct listed_thread *listed, bool is_master,
                          uint32_t root, uint64_t now_ns)
{
    *thread =
        (struct watched_thread){.state = listed->state, .node = root, .node_before = root, .is_new = true};
    thread->node_waited = SAMPLE_NODE_NONE;
    thread->found =
        (struct sampled_thread){.native_id = listed->native_id, .is_master = is_master, .root = root};
    activity_open(&thread->activity, listed->native_id);
    watched_thread_go_on(thread, now_ns);
}

void watched_thread_end(struct watched_thread *thread)
{
    activity_close(&thread->activity);
    thread->has_ended = true;
}

void watched_thread_succeed(struct watched_thread *thread, const struct listed_thread *listed,
                            uint64_t now_ns)
{
    struct sampled_thread found = thread->found;
    watched_thread_begin(thread, listed, found.is_master, found.root, now_ns);
    found.native_id = listed->native_id;
    thread->found = found;
    if (thread->has_ended)
        activity_close(&thread->activity);
}

void watched_thread_go_on(struct watched_thread *thread, uint64_t now_ns)
{
    look_at_clocks(thread, now_ns);
    thread->ready_ns = activity_ready(&thread->activity);
    thread->owed_ns = 0;
    thread->seen_ns = now_ns;
    thread->ran_since = 0;
    thread->is_new = true;
    thread->waits_as = DOING_KINDS;
}

bool watched_thread_look(struct watched_thread *thread, uint64_t now_ns)
{
    if (thread->has_ended)
        return false;
    look_at_clocks(thread, now_ns);
    bool may_have_moved = thread->is_new || thread->ran_since > 0;
    thread->is_new = false;
    if (thread->has_ended)
        activity_close(&thread->activity);
    thread->node_before = thread->node;
    return may_have_moved;
}

void watched_thread_move(struct watched_thread *thread, uint32_t node)
{
    thread->node = node;
}

/* Where a thread is, look by look. */
struct looks {
    const struct watched_thread *thread;
    const struct frame_offsets *offsets;
    uint64_t frame, instruction;
    int moves;
};

/* Looks once more. Whether it has moved so often that it runs Python code: native code that is called again
 * and again moves, too, but seldom. */
static bool has_moved_on(struct looks *looks)
{
    uint64_t frame, instruction;
    if (!stack_position(looks->offsets, looks->thread->state, &frame, &instruction))
        return true;
    looks->moves += frame != looks->frame || instruction != looks->instruction;
    looks->frame = frame;
    looks->instruction = instruction;
    return looks->moves >= MOVES_OF_PYTHON;
}

static bool has_run_for(const struct watched_thread *thread, uint64_t since_ns, uint64_t ns)
{
    uint64_t now_ns;
    return activity_ran(&thread->activity, &now_ns) && now_ns - since_ns > ns;
}

/* What a thread ran that had lost its processor, perhaps to us, and cannot be seen moving: it gets it back
 * for a moment. */
static enum doing what_ran(struct looks *looks, const struct stack *stack, uint64_t since_ns)
{
    static const struct timespec moment = {0, MOMENT_NS};
    for (int i = 0; i < MOMENTS; i++) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL); /* signals are blocked in this thread */
        if (has_moved_on(looks))
            return DOING_PYTHON;
    }
    if (has_run_for(looks->thread, since_ns, STANDSTILL_NS))
        return DOING_NATIVE;
    bool has_moved = stack->frames[0].address != looks->thread->frame ||
                     stack->frames[0].instruction != looks->thread->instruction;
    return has_moved || looks->thread->ran_since < STANDSTILL_RAN_NS ? DOING_RAN : DOING_STOOD;
}

/* What a thread that runs is running: native code, if it is still where its stack was read after some
 * microseconds of processor time of its own, in an operation that may be native. A loop of Python's may spend
 * most of its time in a single one, too. */
static enum doing what_runs(const struct watched_thread *thread, const struct looking *looking)
{
    const struct stack_frame *frame = &looking->stack->frames[0];
    uint64_t before_ns = 0;
    if (looking->stack->count == 0 || !activity_ran(&thread->activity, &before_ns))
        return DOING_PYTHON;
    int operation = stack_operation(looking->offsets, frame);
    if (operation >= 0 && looking->plain[operation])
        return DOING_PYTHON;
    struct looks looks = {thread, looking->offsets, frame->address, frame->instruction, 0};
    for (int i = 0; i < STANDSTILL_LOOKS; i++) {
        uint64_t until = clock_now_ns() + STANDSTILL_STEP_NS;
        if (has_moved_on(&looks))
            return DOING_PYTHON;
        while (clock_now_ns() < until) {
        }
    }
    return has_run_for(thread, before_ns, STANDSTILL_NS) ? DOING_NATIVE
                                                         : what_ran(&looks, looking->stack, before_ns);
}

static void put(struct spent *spent, uint32_t node, enum doing doing, uint64_t ns)
{
    if (ns == 0)
        return;
    spent->parts[spent->count].node = node;
    spent->parts[spent->count].doing = doing;
    spent->parts[spent->count++].ns = ns;
}

/* The time for which a thread that does not wait now had no processor, as the system has told since the last
 * look. What was counted as such before it was told of is taken off. */
static uint64_t ready_since(struct watched_thread *thread)
{
    uint64_t ready_ns = activity_ready(&thread->activity);
    uint64_t since = ready_ns > thread->ready_ns ? ready_ns - thread->ready_ns : 0;
    thread->ready_ns = ready_ns;
    uint64_t paid = since < thread->owed_ns ? since : thread->owed_ns;
    thread->owed_ns -= paid;
    return since - paid;
}

/* What a thread did without a processor that it has now, or is ready for, and that the system does not tell:
 * it waited if it was seen waiting at the last look, or here; else a virtual machine, for one, had none. */
static enum doing untold(const struct watched_thread *thread)
{
    if (thread->waits_as != DOING_KINDS)
        return thread->waits_as;
    return thread->node_waited == thread->node ? thread->waited_as : DOING_READY;
}

static void put_interruption(struct watched_thread *thread, uint64_t ns, struct spent *spent)
{
    uint64_t ready_ns = ready_since(thread);
    if (thread->ran_since == 0 && thread->waits_as == DOING_KINDS) {
        thread->owed_ns += ns - (ready_ns < ns ? ready_ns : ns);
        ready_ns = ns; /* it has had none all the time, of which the system tells when it has one */
    }
    ready_ns = ready_ns < ns ? ready_ns : ns;
    put(spent, thread->node, DOING_READY, ready_ns);
    put(spent, thread->node_before, untold(thread), ns - ready_ns);
}

void watched_thread_spent(struct watched_thread *thread, const struct looking *looking, struct spent *spent)
{
    uint64_t wall_ns = thread->now_ns - thread->seen_ns;
    uint64_t ran_ns = thread->ran_since < wall_ns ? thread->ran_since : wall_ns;
    spent->count = 0;
    if (wall_ns - ran_ns < NOTHING_NS)
        ran_ns = wall_ns;
    enum waiting waiting = WAITING_UNKNOWN;
    bool has_waited = ran_ns < wall_ns && !thread->has_ended;
    if (has_waited && thread->ran_since == 0 && thread->waits_as != DOING_KINDS)
        waiting = (enum waiting)(thread->waits_as - DOING_WAITING); /* it is where it was */
    else if (has_waited)
        waiting = activity_waits_for(&thread->activity, looking->locks);
    enum doing runs_as = DOING_RAN;
    if (waiting == WAITING_UNKNOWN && ran_ns > 0 && !thread->has_ended)
        runs_as = what_runs(thread, looking);
    if (thread->ran_since > 0 && looking->stack->count > 0) {
        thread->frame = looking->stack->frames[0].address;
        thread->instruction = looking->stack->frames[0].instruction;
    }
    put(spent, thread->node, runs_as, ran_ns);
    if (waiting != WAITING_UNKNOWN) {
        thread->waits_as = thread->waited_as = DOING_WAITING + waiting;
        thread->node_waited = thread->node;
        put(spent, thread->node, thread->waits_as, wall_ns - ran_ns);
    } else {
        put_interruption(thread, wall_ns - ran_ns, spent);
        thread->waits_as = DOING_KINDS;
    }
}

/* --- the time line ---------------------------------------------------------------------------------------
 */

static enum timeline_part part_of(enum doing doing)
{
    if (doing == DOING_RAN || doing == DOING_STOOD || doing == DOING_READY)
        return TIMELINE_EITHER;
    if (doing == DOING_PYTHON)
        return TIMELINE_PYTHON;
    if (doing == DOING_NATIVE)
        return TIMELINE_NATIVE;
    return doing == DOING_WAITING + WAITING_GIL ? TIMELINE_GIL : TIMELINE_WAITING;
}

void watched_thread_add_to_timeline(struct watched_thread *thread, uint32_t piece, enum doing doing,
                                    uint64_t ns)
{
    if (piece < TIMELINE_LEN)
        thread->found.timeline[piece][part_of(doing)] += ns;
}

void watched_thread_halve_timeline(struct watched_thread *thread)
{
    uint64_t(*timeline)[TIMELINE_PARTS] = thread->found.timeline;
    for (uint32_t i = 0; i < TIMELINE_LEN; i++) {
        for (int part = 0; part < TIMELINE_PARTS; part++) {
            uint64_t ns = timeline[i][part];
            timeline[i][part] = 0;
            timeline[i / 2][part] += ns;
        }
    }
}
