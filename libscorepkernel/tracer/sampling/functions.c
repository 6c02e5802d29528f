/* SPDX-License-Identifier: BSD-3-Clause
 *
 * functions: see functions.h. */
#include "tracer/sampling/functions.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8_cut.h"
#include "tracer/sampling/own_memory.h"

/* What CPython's strings and bytes objects begin with; the same since 3.9. */
#define LENGTH_OFFSET 16u
#define STATE_OFFSET 32u
#define BYTES_HEADER 32u
/* In a string's state: how wide its characters are, and how it is kept. */
#define STATE_KIND(state) (((state) >> 2) & 7u)
#define STATE_IS_COMPACT 32u
#define STATE_IS_ASCII 64u

void functions_init(struct functions *functions, const struct frame_offsets *offsets)
{
    *functions = (struct functions){.offsets = *offsets};
}

void functions_finish(struct functions *functions)
{
    for (uint32_t i = 0; i < functions->count; i++) {
        free(functions->items[i].file);
        free(functions->items[i].name);
        line_map_finish(&functions->items[i].map);
    }
    free(functions->items);
    free(functions->slots);
    *functions = (struct functions){0};
}

/* --- copying -------------------------------------------------------------------------------------------- */

static uint32_t character_at(const uint8_t *characters, uint32_t width, uint32_t at)
{
    uint32_t character = 0;
    memcpy(&character, characters + (size_t)at * width,
           width); /* the machine's byte order is little-endian */
    return character;
}

static size_t put_utf8(char *to, uint32_t character)
{
    if (character < 0x80) {
        to[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        to[0] = (char)(0xC0 | character >> 6);
        to[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character >= 0x110000 || (character >= 0xD800 && character < 0xE000))
        character = 0xFFFD; /* no character; Python keeps undecodable bytes as such */
    if (character < 0x10000) {
        to[0] = (char)(0xE0 | character >> 12);
        to[1] = (char)(0x80 | (character >> 6 & 0x3F));
        to[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | character >> 18);
    to[1] = (char)(0x80 | (character >> 12 & 0x3F));
    to[2] = (char)(0x80 | (character >> 6 & 0x3F));
    to[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}

/* A string of Python's as UTF-8, cut at FUNCTIONS_TEXT_MAX; "" for what is none. NULL without memory. */
static char *copy_text(uint64_t address, const struct frame_offsets *offsets)
{
    uint8_t header[STATE_OFFSET + 4], characters[FUNCTIONS_TEXT_MAX * 4];
    char text[FUNCTIONS_TEXT_MAX];
    uint64_t length;
    uint32_t state;
    if (!own_memory_read(header, address, sizeof header))
        return strdup("");
    memcpy(&length, header + LENGTH_OFFSET, sizeof length);
    memcpy(&state, header + STATE_OFFSET, sizeof state);
    uint32_t width = STATE_KIND(state);
    uint32_t start = state & STATE_IS_ASCII ? offsets->ascii_header : offsets->unicode_header;
    uint32_t count = length < FUNCTIONS_TEXT_MAX ? (uint32_t)length : FUNCTIONS_TEXT_MAX;
    if (!(state & STATE_IS_COMPACT) || (width != 1 && width != 2 && width != 4) ||
        !own_memory_read(characters, address + start, (size_t)count * width))
        return strdup("");
    size_t len = 0;
    for (uint32_t i = 0; i < count && len + 5 <= sizeof text; i++) {
        uint32_t character = character_at(characters, width, i);
        if (character == 0)
            break;
        len += put_utf8(text + len, character);
    }
    text[len] = '\0';
    return strdup(text);
}

/* The table of a code object's lines; one that cannot be read, or understood, leaves the map empty. */
static void copy_lines(struct function *function, const struct frame_offsets *offsets, uint64_t address)
{
    uint64_t len;
    if (!own_memory_read(&len, address + LENGTH_OFFSET, sizeof len) || len > LINE_MAP_TABLE_MAX)
        return;
    uint8_t *table = malloc(len ? len : 1);
    if (table && own_memory_read(table, address + BYTES_HEADER, len))
        (void)line_map_make(&function->map, offsets->line_format, table, len, (int32_t)function->first_line);
    free(table);
}

/* With the classes around it, if the code object has them: libraries give functions that they make names of
 * their own, and then what surrounds them says nothing. */
static char *copy_name(const struct function *function, const struct frame_offsets *offsets)
{
    uint64_t address = 0;
    char *name = copy_text(function->name_address, offsets);
    if (!name || !offsets->code.qualified ||
        !own_memory_read(&address, function->code + offsets->code.qualified, sizeof address))
        return name;
    char *qualified = copy_text(address, offsets);
    const char *dot = qualified ? strrchr(qualified, '.') : NULL;
    if (dot && strcmp(dot + 1, name) == 0) {
        free(name);
        return qualified;
    }
    free(qualified);
    return name;
}

/* false: without memory. */
static bool describe(struct function *function, const struct frame_offsets *offsets)
{
    uint64_t lines = 0;
    int32_t first_line = 0;
    function->file = copy_text(function->file_address, offsets);
    function->name = copy_name(function, offsets);
    if (own_memory_read(&first_line, function->code + offsets->code.first_line, sizeof first_line))
        function->first_line = first_line > 0 ? (uint32_t)first_line : 0;
    if (own_memory_read(&lines, function->code + offsets->code.lines, sizeof lines))
        copy_lines(function, offsets, lines);
    function->instructions = function->code + offsets->code.instructions;
    if (!function->file || !function->name)
        return false;
    if (!functions_is_module_level(function))
        function->statement = 0;
    return true;
}

/* --- finding -------------------------------------------------------------------------------------------- */

static uint32_t hash(uint64_t address)
{
    return (uint32_t)((address >> 4) * 0x9E3779B97F4A7C15u >> 32);
}

static bool grow_slots(struct functions *functions)
{
    uint32_t slot_count = functions->slot_count ? functions->slot_count * 2 : 1024;
    uint32_t *slots = malloc(slot_count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xFF, slot_count * sizeof *slots); /* FUNCTION_NONE */
    for (uint32_t i = 0; i < functions->count; i++) {
        uint32_t at = hash(functions->items[i].code) & (slot_count - 1);
        while (slots[at] != FUNCTION_NONE)
            at = (at + 1) & (slot_count - 1);
        slots[at] = i;
    }
    free(functions->slots);
    functions->slots = slots;
    functions->slot_count = slot_count;
    return true;
}

static bool grow_items(struct functions *functions)
{
    uint32_t capacity = functions->capacity ? functions->capacity * 2 : 256;
    struct function *items = realloc(functions->items, capacity * sizeof *items);
    if (!items)
        return false;
    functions->items = items;
    functions->capacity = capacity;
    return true;
}

static uint32_t add(struct functions *functions, struct function function)
{
    if (functions->count == FUNCTIONS_MAX ||
        (functions->count * 2 >= functions->slot_count && !grow_slots(functions)) ||
        (functions->count == functions->capacity && !grow_items(functions)))
        return FUNCTION_NONE;
    if (!describe(&function, &functions->offsets)) {
        free(function.file);
        free(function.name);
        line_map_finish(&function.map);
        return FUNCTION_NONE;
    }
    uint32_t at = hash(function.code) & (functions->slot_count - 1);
    while (functions->slots[at] != FUNCTION_NONE)
        at = (at + 1) & (functions->slot_count - 1);
    functions->slots[at] = functions->count;
    functions->items[functions->count] = function;
    return functions->count++;
}

uint32_t functions_find(struct functions *functions, uint64_t code, struct function_names names)
{
    uint32_t statement = 1 + atomic_load(&functions->statement);
    if (functions->slot_count) {
        uint32_t at = hash(code) & (functions->slot_count - 1);
        for (; functions->slots[at] != FUNCTION_NONE; at = (at + 1) & (functions->slot_count - 1)) {
            const struct function *known = &functions->items[functions->slots[at]];
            if (known->code == code && known->file_address == names.file &&
                known->name_address == names.name && (known->statement == 0 || known->statement == statement))
                return functions->slots[at];
        }
    }
    return add(functions, (struct function){.code = code,
                                            .file_address = names.file,
                                            .name_address = names.name,
                                            .statement = statement});
}

bool functions_is_module_level(const struct function *function)
{
    static const char cell[] = "<cell line: "; /* as some IPythons name it */
    return strcmp(function->name, "<module>") == 0 || strncmp(function->name, cell, sizeof cell - 1) == 0;
}

void functions_next_statement(struct functions *functions)
{
    atomic_fetch_add(&functions->statement, 1);
}

int32_t functions_line(const struct function *function, const struct frame_offsets *offsets,
                       uint64_t instruction)
{
    if (offsets->instruction_unit) {
        int32_t number = (int32_t)(uint32_t)instruction; /* -1: the function has not begun */
        return number < 0 ? (int32_t)function->first_line
                          : line_map_at(&function->map, (uint64_t)number * offsets->instruction_unit);
    }
    if (instruction < function->instructions) /* which is one before the first: it has not begun */
        return (int32_t)function->first_line;
    return line_map_at(&function->map, instruction - function->instructions);
}
