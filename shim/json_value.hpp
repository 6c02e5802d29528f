/* SPDX-License-Identifier: BSD-3-Clause
 *
 * json_value.hpp - what stands behind a struct json: for the C++ side of the shim alone.
 *
 * struct json is never defined: a pointer to one is a pointer to a nlohmann value by another name, so that a
 * value crosses between C and C++ without a copy.
 */
#ifndef JSON_VALUE_HPP
#define JSON_VALUE_HPP

#include <cstring>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "json_bridge.h"

namespace spk {

inline nlohmann::json *unwrap(struct json *value)
{
    return reinterpret_cast<nlohmann::json *>(value);
}

inline const nlohmann::json *unwrap(const struct json *value)
{
    return reinterpret_cast<const nlohmann::json *>(value);
}

inline struct json *wrap(nlohmann::json *value)
{
    return reinterpret_cast<struct json *>(value);
}

inline const struct json *wrap(const nlohmann::json *value)
{
    return reinterpret_cast<const struct json *>(value);
}

/* Throws on what is no JSON, too long or too deep. The parser takes a NUL for the end and would pass over
   what follows. The depth matters because printing a value recurses: the parser itself does not. */
inline nlohmann::json parse(const char *text, std::size_t len)
{
    if (len > JSON_MAX_LEN)
        throw std::length_error("JSON text is too long");
    if (len && std::memchr(text, '\0', len))
        throw std::invalid_argument("JSON text holds a NUL");
    auto check = [](int depth, nlohmann::json::parse_event_t event, nlohmann::json &) {
        bool opens = event == nlohmann::json::parse_event_t::object_start ||
                     event == nlohmann::json::parse_event_t::array_start;
        if (opens && depth >= JSON_MAX_DEPTH)
            throw std::length_error("JSON text is nested too deep");
        return true;
    };
    return nlohmann::json::parse(text, text + len, check);
}

} // namespace spk

#endif
