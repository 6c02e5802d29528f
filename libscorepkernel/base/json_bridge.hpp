/* SPDX-License-Identifier: BSD-3-Clause
 *
 * json_bridge.hpp - what stands behind a struct json: for the C++ side of the shim alone.
 *
 * struct json is never defined: a pointer to one is a pointer to a nlohmann value by another name, so that a
 * value crosses between C and C++ without a copy.
 */
#ifndef BASE_JSON_BRIDGE_HPP
#define BASE_JSON_BRIDGE_HPP

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json_bridge.h"
#include "base/json_long_strings.hpp"

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

/* nlohmann's destructor needs memory for a value that has members, and a destructor that throws ends the
   process. So a value is emptied first where memory may have run out, from the inside out; its depth is
   bounded. */
inline void dismantle(nlohmann::json &value) noexcept
{
    if (value.is_array()) {
        auto &items = value.get_ref<nlohmann::json::array_t &>();
        for (nlohmann::json &item : items)
            dismantle(item);
        items.clear();
    } else if (value.is_object()) {
        auto &members = value.get_ref<nlohmann::json::object_t &>();
        for (auto &member : members)
            dismantle(member.second);
        members.clear();
    }
}

/* Builds a value as its text is read. The depth is limited because printing a value recurses; reading does
 * not. What lies in more than kept objects and arrays is read and not built. taken: strings in whose places
 * the text has empty ones. */
class builder final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit builder(nlohmann::json &root, std::size_t kept, const std::vector<long_string> &taken)
        : root_(root), kept_(kept), next_(taken.begin()), end_(taken.end())
    {
    }

    bool null() override
    {
        return put(nullptr);
    }
    bool boolean(bool value) override
    {
        return put(value);
    }
    bool number_integer(number_integer_t value) override
    {
        return put(value);
    }
    bool number_unsigned(number_unsigned_t value) override
    {
        return put(value);
    }
    bool number_float(number_float_t value, const string_t &) override
    {
        return put(value);
    }
    bool string(string_t &value) override
    {
        return fetch(value) && put(std::move(value));
    }
    bool binary(binary_t &) override
    {
        return false;
    }
    bool start_object(std::size_t) override
    {
        return open(nlohmann::json::value_t::object);
    }
    bool start_array(std::size_t) override
    {
        return open(nlohmann::json::value_t::array);
    }
    bool end_object() override
    {
        return close();
    }
    bool end_array() override
    {
        return close();
    }
    bool parse_error(std::size_t, const std::string &, const nlohmann::json::exception &) override
    {
        return false;
    }

    bool key(string_t &name) override
    {
        if (!fetch(name))
            return false;
        if (open_.size() <= kept_)
            member_ = &(*open_.back())[name];
        return true;
    }

  private:
    /* Where the next value goes. */
    nlohmann::json &place()
    {
        if (open_.empty())
            return root_;
        if (open_.size() > kept_)
            return rest_;
        if (open_.back()->is_object()) {
            dismantle(*member_); /* of a name that came twice, the last one counts */
            return *member_;
        }
        open_.back()->push_back(nullptr);
        return open_.back()->back();
    }

    /* A string has come, or the place of one that was taken out. */
    bool fetch(string_t &value)
    {
        if (next_ == end_ || strings_++ != next_->number)
            return true;
        return read_long_string(*next_++, value);
    }

    template <typename Value> bool put(Value &&value)
    {
        place() = std::forward<Value>(value);
        return true;
    }

    bool open(nlohmann::json::value_t kind)
    {
        if (open_.size() >= JSON_MAX_DEPTH)
            throw std::length_error("JSON text is nested too deep");
        nlohmann::json &value = place();
        value = kind;
        open_.push_back(&value); /* stays where it is: nothing is put into its parent meanwhile */
        return true;
    }

    bool close()
    {
        open_.pop_back();
        return true;
    }

    nlohmann::json &root_;
    nlohmann::json rest_; /* in the place of what is not kept */
    const std::size_t kept_;
    std::vector<long_string>::const_iterator next_, end_;
    std::size_t strings_ = 0; /* so many have come */
    nlohmann::json *member_ = nullptr;
    std::vector<nlohmann::json *> open_;
};

/* Throws on what is no JSON, too long or too deep. The parser takes a NUL for the end and would pass over
   what follows. */
inline nlohmann::json parse(const char *text, std::size_t len, std::size_t kept = JSON_MAX_DEPTH)
{
    if (len > JSON_MAX_LEN)
        throw std::length_error("JSON text is too long");
    if (len && std::memchr(text, '\0', len))
        throw std::invalid_argument("JSON text holds a NUL");
    nlohmann::json root;
    std::vector<long_string> taken;
    std::string rest;
    if (len >= long_string_len) {
        rest = take_long_strings(text, len, taken);
        text = rest.data();
        len = rest.size();
    }
    try {
        builder handler(root, kept, taken);
        if (!nlohmann::json::sax_parse(text, text + len, &handler))
            throw std::invalid_argument("not JSON");
    } catch (...) {
        dismantle(root);
        throw;
    }
    return root;
}

} // namespace spk

#endif
