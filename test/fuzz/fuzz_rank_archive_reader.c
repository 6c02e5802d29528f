/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz_rank_archive_reader.c - any bytes as the archive of a rank, whose anchor file comes first, after its length: definitions that
 * hang together, or a flaw.
 */
#include "tracer/otf2/rank_archive_reader.h"

#include "fuzz.h"

#include <errno.h>

static const uint8_t *bytes_begin, *bytes_end;

/* A text of the definitions, which end with it at the latest. */
static void is_text(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    MUST(text && at >= bytes_begin && at < bytes_end && memchr(at, 0, (size_t)(bytes_end - at)));
}

static void look(const struct rank_archive_definitions *definitions)
{
    MUST((uint64_t)definitions->text_count + definitions->location_count + definitions->region_count +
             definitions->parameter_count <=
         definitions->count);
    MUST(definitions->location_count > 0 && definitions->value_count <= definitions->text_count);
    MUST(definitions->begin_ns + definitions->length_ns <= UINT64_MAX / 2);
    for (uint32_t i = 0; i < definitions->text_count; i++)
        is_text(definitions->texts[i]);
    for (uint32_t i = 0; i < definitions->location_count; i++)
        is_text(definitions->locations[i].name);
    for (uint32_t i = 0; i < definitions->region_count; i++) {
        is_text(definitions->regions[i].name);
        is_text(definitions->regions[i].file);
    }
    for (uint32_t i = 0; i < definitions->parameter_count; i++)
        is_text(definitions->parameters[i].name);
}

/* The headers of the chunks of events, and their end. */
static void events(const uint8_t *data, size_t size)
{
    uint64_t last = 0;
    for (; size >= RANK_ARCHIVE_CHUNK_HEADER_LEN; data += RANK_ARCHIVE_CHUNK_HEADER_LEN, size -= RANK_ARCHIVE_CHUNK_HEADER_LEN) {
        uint64_t before = last;
        if (!rank_archive_chunk_events(data, &last))
            MUST(last == before);
        else
            MUST(last >= before);
    }
    if (size >= RANK_ARCHIVE_EVENT_END_LEN)
        (void)rank_archive_events_end(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct rank_archive_definitions definitions;
    size_t anchor_len = input_byte(&input);
    anchor_len = anchor_len < input.size ? anchor_len : input.size;
    bytes_begin = input.data + anchor_len;
    bytes_end = input.data + input.size;
    events(bytes_begin, (size_t)(bytes_end - bytes_begin));
    int result = rank_archive_definitions_read(&definitions, input.data, anchor_len, bytes_begin,
                                       (size_t)(bytes_end - bytes_begin));
    MUST(result == 0 || (result == -EBADMSG && definitions.flaw && *definitions.flaw));
    if (result == 0)
        look(&definitions);
    rank_archive_definitions_finish(&definitions);
    MUST(!definitions.texts && !definitions.text_count);
    return 0;
}
