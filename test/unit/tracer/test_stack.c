/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_stack.c - stacks as they are read from outside: whole, torn, deep, cut off at the kernel's own frames, and
 * with addresses that lead nowhere.
 */
#include "tracer/sampling/stack.h"

#include "made_python.h"
#include "tracer/sampling/own_memory.h"
#include "test.h"

static struct functions functions;
static struct stack stack; /* too large for this function's own stack */
static struct made_code outer, inner;
static struct made_frame low, high;
static struct made_thread thread;

static const struct stack_reader reader = {&functions, MADE_CODE_TYPE};

static void begin(void)
{
    struct frame_offsets offsets;
    CHECK(own_memory_is_readable() && frame_offsets_find(&offsets, MADE_VERSION, NULL));
    functions_finish(&functions);
    functions_init(&functions, &offsets);
    made_code(&outer, "<cell>", "<module>", 3);
    made_code(&inner, "/lib/x.py", "helper", 40);
    made_frame(&low, &outer, 5, NULL);
    made_frame(&high, &inner, 0, &low);
    made_thread(&thread, &high);
}

static const struct function *function_at(uint32_t at)
{
    return &functions.items[stack.frames[at].function];
}

static void whole(void)
{
    begin();
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(stack.count == 2 && !stack.is_cut && !stack.is_torn);
    CHECK(strcmp(function_at(0)->name, "helper") == 0 && strcmp(function_at(0)->file, "/lib/x.py") == 0);
    CHECK(stack.frames[0].line == 40 && stack.frames[1].line == 4);
    CHECK(functions_is_module_level(function_at(1)) && !functions_is_module_level(function_at(0)));
    uint64_t frame, instruction;
    CHECK(stack_position(&functions.offsets, made_address(thread.state), &frame, &instruction));
    CHECK(frame == made_address(&high) && instruction == stack.frames[0].instruction);
}

/* The same function again has the same number; another statement's code in the same place has another. */
static void numbers(void)
{
    begin();
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    uint32_t module = stack.frames[1].function, helper = stack.frames[0].function;
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(stack.frames[1].function == module && stack.frames[0].function == helper);
    functions_next_statement(&functions);
    made_code(&outer, "<cell>", "<module>", 9);
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(stack.frames[1].function != module && stack.frames[1].line == 10);
    CHECK(stack.frames[0].function == helper);
}

static void down_to_the_base(void)
{
    begin();
    struct stack_base base = {.count = 1};
    base.frames[0].address = made_address(&low);
    base.frames[0].code = made_address(outer.object);
    CHECK(stack_read(&reader, made_address(thread.state), &base, &stack));
    CHECK(stack.count == 1 && !stack.is_torn);
    base.frames[0].code = made_address(inner.object); /* another function's frame lies there now */
    CHECK(stack_read(&reader, made_address(thread.state), &base, &stack));
    CHECK(stack.count == 2 && stack.is_torn);
}

static void generators(void)
{
    begin();
    high.bytes[69] = FRAME_OWNER_GENERATOR;
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack) && !stack.is_torn);
    made_put(high.bytes, 48, 0); /* suspended meanwhile */
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(stack.count == 1 && stack.is_torn);
    stack_add_suspended(&reader, made_address(&low), &stack);
    CHECK(stack.count == 1); /* it is no coroutine's */
    low.bytes[69] = FRAME_OWNER_GENERATOR;
    stack_add_suspended(&reader, made_address(&low), &stack);
    CHECK(stack.count == 2 && stack.frames[1].line == 4);
    stack_add_suspended(&reader, made_address(&low), &stack);
    CHECK(stack.count == 2); /* it is there */
    high.bytes[69] = FRAME_OWNER_C_STACK;
    CHECK(!stack_read(&reader, made_address(thread.state), NULL, &stack));
}

static void deep(void)
{
    begin();
    made_put(low.bytes, 48, made_address(&low)); /* a circle */
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(stack.count == STACK_DEPTH_MAX && stack.is_cut && stack.is_torn);
}

/* Of a stack that is too deep, the innermost frames are kept and the outermost, in their order. */
static void deeper(void)
{
    static struct made_frame frames[3 * STACK_DEPTH_MAX];
    static const uint32_t depths[] = {STACK_DEPTH_MAX, STACK_DEPTH_MAX + 1, STACK_DEPTH_MAX + STACK_OUTERMOST,
                                      2 * STACK_DEPTH_MAX + 77, 3 * STACK_DEPTH_MAX};
    begin();
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        for (uint32_t at = 0; at < depths[i]; at++)
            made_frame(&frames[at], at % 2 ? &outer : &inner, 0, at + 1 < depths[i] ? &frames[at + 1] : NULL);
        made_thread(&thread, &frames[0]);
        CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
        CHECK(stack.count == STACK_DEPTH_MAX && !stack.is_torn && stack.is_cut == (depths[i] > STACK_DEPTH_MAX));
        CHECK(stack.frames[0].address == made_address(&frames[0]));
        for (uint32_t at = 0; at < STACK_DEPTH_MAX - STACK_OUTERMOST; at++)
            CHECK(stack.frames[at].address == made_address(&frames[at]));
        for (uint32_t at = 0; at < STACK_OUTERMOST; at++)
            CHECK(stack.frames[STACK_DEPTH_MAX - 1 - at].address == made_address(&frames[depths[i] - 1 - at]));
    }
}

/* No address is believed. */
static void nowhere(void)
{
    static const uint64_t bad[] = {0, 1, 8, 4096, UINT64_MAX, UINT64_MAX - 64, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin();
        CHECK(!stack_read(&reader, bad[i], NULL, &stack) && stack.count == 0);
        made_put(thread.holder, 8, bad[i]);
        CHECK(!stack_read(&reader, made_address(thread.state), NULL, &stack));
        begin();
        made_put(low.bytes, 48, bad[i]);
        CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack) && stack.count == 2);
        made_put(high.bytes, 32, bad[i]);
        (void)stack_read(&reader, made_address(thread.state), NULL, &stack);
        begin();
        made_put(inner.object, 112, bad[i]);
        made_put(inner.object, 136, bad[i]);
        CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
        CHECK(function_at(0)->file[0] == '\0' && stack.frames[0].line == 0);
        stack_add_suspended(&reader, bad[i], &stack);
    }
}

/* Characters of every width, none that is cut, and no more than there is room for. */
static void texts(void)
{
    begin();
    inner.name.bytes[32] = 2 << 2 | 32; /* two bytes for each character */
    static const uint16_t wide[] = {0xE9, 0x20AC, 0xD800, 'x'};
    made_put(inner.name.bytes, 16, 4);
    memcpy(inner.name.bytes + 72, wide, sizeof wide);
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(strcmp(function_at(0)->name, "\xC3\xA9\xE2\x82\xAC\xEF\xBF\xBDx") == 0);
    begin();
    made_put(inner.name.bytes, 16, UINT64_MAX);
    CHECK(stack_read(&reader, made_address(thread.state), NULL, &stack));
    CHECK(strlen(function_at(0)->name) < FUNCTIONS_TEXT_MAX);
}

int main(void)
{
    test_limit(60);
    whole();
    numbers();
    down_to_the_base();
    generators();
    deep();
    deeper();
    nowhere();
    texts();
    functions_finish(&functions);
    return 0;
}
