/* SPDX-License-Identifier: BSD-3-Clause
 *
 * json_long_strings.hpp - the long strings of a JSON text, taken out before it is parsed: nlohmann's parser
 * looks at each byte by itself, which takes a second for a cell that holds 50 MB of data. Each leaves an
 * empty string behind, so that all else, and what is wrong with it, is the parser's business. Pure.
 */
#ifndef BASE_JSON_LONG_STRINGS_HPP
#define BASE_JSON_LONG_STRINGS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace spk {

/* Of a string that is taken out, in bytes. */
constexpr std::size_t long_string_len = std::size_t{64} << 10;

/* Borrowed from the text: what stands between the quotes. number: how many strings stand before it, names
 * included. */
struct long_string {
    std::size_t number;
    const char *text;
    std::size_t len;
};

/* The quote that ends a string which begins here; nullptr: it does not end. */
inline const char *end_of_string(const char *begin, const char *end)
{
    for (const char *at = begin; at < end; at++) {
        at = static_cast<const char *>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
        if (!at)
            return nullptr;
        const char *slash = at;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        if ((at - slash) % 2 == 0)
            return at;
    }
    return nullptr;
}

/* Take the long strings out; what is left is returned. */
inline std::string take_long_strings(const char *text, std::size_t len, std::vector<long_string> &taken)
{
    const char *const end = text + len;
    const char *kept = text, *at = text;
    std::string rest;
    for (std::size_t number = 0; at < end; number++) {
        at = static_cast<const char *>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
        const char *close = at ? end_of_string(at + 1, end) : nullptr;
        if (!close)
            break;
        const auto string_len = static_cast<std::size_t>(close - at - 1);
        if (string_len >= long_string_len) {
            rest.append(kept, at + 1);
            taken.push_back({number, at + 1, string_len});
            kept = close;
        }
        at = close + 1;
    }
    return rest.append(kept, end);
}

/* --- what stands between the quotes ----------------------------------------------------------------- */

/* How many bytes stand for themselves where text begins. */
inline std::size_t plain_len(const char *text, std::size_t len)
{
    constexpr std::uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    std::size_t at = 0;
    for (std::uint64_t word; at + sizeof word <= len; at += sizeof word) {
        std::memcpy(&word, text + at, sizeof word);
        const std::uint64_t slashes = word ^ (ones * '\\');
        if (((word | ((word - ones * 0x20) & ~word) | ((slashes - ones) & ~slashes)) & highs) != 0)
            break;
    }
    while (at < len && text[at] != '\\' && static_cast<signed char>(text[at]) >= 0x20)
        at++;
    return at;
}

/* Whether the second byte of a character is one that its first byte allows: none is written longer than need
 * be, and none is half of a pair or beyond the last. */
inline bool is_second(unsigned first, unsigned second)
{
    if (first == 0xE0 || first == 0xF0)
        return second >= (first == 0xE0 ? 0xA0U : 0x90U);
    if (first == 0xED || first == 0xF4)
        return second <= (first == 0xED ? 0x9FU : 0x8FU);
    return true;
}

/* How many bytes the character takes that text begins with, beyond ASCII; 0: it is no UTF-8. */
inline std::size_t character_len(const char *text, std::size_t len)
{
    const auto byte = [&](std::size_t at) { return at < len ? static_cast<unsigned char>(text[at]) : 0U; };
    const unsigned first = byte(0);
    if (first < 0xC2 || first > 0xF4 || !is_second(first, byte(1)))
        return 0;
    const std::size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (std::size_t at = 1; at < wanted; at++)
        if ((byte(at) & 0xC0U) != 0x80U)
            return 0;
    return wanted;
}

/* The number behind \u; -1: there is none. */
inline long escaped_unit(const char *text, std::size_t len)
{
    long unit = 0;
    if (len < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (std::size_t at = 2; at < 6; at++) {
        const char digit = text[at];
        const int lower = digit | 0x20;
        if (digit >= '0' && digit <= '9')
            unit = unit * 16 + (digit - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return unit;
}

/* Writes at out, and moves it on, as all below. */
inline void put_character(char *&out, long code)
{
    const auto put = [&](long bits) { *out++ = static_cast<char>(bits); };
    if (code < 0x80) {
        put(code);
        return;
    }
    if (code < 0x800) {
        put(0xC0 | (code >> 6));
    } else {
        if (code < 0x10000) {
            put(0xE0 | (code >> 12));
        } else {
            put(0xF0 | (code >> 18));
            put(0x80 | ((code >> 12) & 0x3F));
        }
        put(0x80 | ((code >> 6) & 0x3F));
    }
    put(0x80 | (code & 0x3F));
}

/* What the escape \u stands for that text begins with. How many bytes it takes; 0: it is none. */
inline std::size_t take_unit(char *&out, const char *text, std::size_t len)
{
    const long unit = escaped_unit(text, len);
    if (unit < 0xD800 || unit > 0xDFFF) {
        if (unit >= 0)
            put_character(out, unit);
        return unit >= 0 ? 6 : 0;
    }
    const long low = unit < 0xDC00 ? escaped_unit(text + 6, len - 6) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return 0; /* half a pair */
    put_character(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
    return 12;
}

/* The same of any escape. */
inline std::size_t take_escape(char *&out, const char *text, std::size_t len)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (len < 2)
        return 0;
    if (text[1] == 'u')
        return take_unit(out, text, len);
    const char *found = text[1] ? std::strchr(names, text[1]) : nullptr;
    if (!found)
        return 0;
    *out++ = meanings[found - names];
    return 2;
}

/* The same of what is no escape. */
inline std::size_t take_plain(char *&out, const char *text, std::size_t len)
{
    const auto first = static_cast<unsigned char>(*text);
    const std::size_t used = first < 0x80 ? plain_len(text, len) : character_len(text, len);
    std::memcpy(out, text, used); /* none of a control character */
    out += used;
    return used;
}

/* Append the value of a string: never longer than what stands for it. False: it is none. */
inline bool read_long_string(const long_string &from, std::string &value)
{
    const std::size_t before = value.size();
    value.resize(before + from.len);
    char *out = &value[before];
    for (std::size_t at = 0, used; at < from.len; at += used) {
        const char *text = from.text + at;
        used = *text == '\\' ? take_escape(out, text, from.len - at) : take_plain(out, text, from.len - at);
        if (!used)
            return false;
    }
    value.resize(static_cast<std::size_t>(out - &value[0]));
    return true;
}

} // namespace spk

#endif
