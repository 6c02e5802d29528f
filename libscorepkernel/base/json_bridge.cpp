/* SPDX-License-Identifier: BSD-3-Clause
 *
 * json_bridge.cpp - nlohmann-json for C. Nothing is decided here; every exception ends here.
 *
 * A value that is given away is a nlohmann value on the heap; a child that is set or appended is moved into
 * its parent and its shell deleted.
 */
#include "base/json_bridge.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/json_bridge.hpp"

using tree = nlohmann::json;
using spk::unwrap;
using spk::wrap;

namespace {

struct release {
    void operator()(tree *value) const noexcept
    {
        if (value)
            spk::dismantle(*value);
        delete value;
    }
};

using owned_tree = std::unique_ptr<tree, release>;

/* Run make, which returns a json; NULL when it throws. */
template <typename Make> struct json *made(Make make) noexcept
{
    try {
        owned_tree value(new tree());
        *value = make();
        return wrap(value.release());
    } catch (...) {
        return nullptr;
    }
}

template <typename Value> int set(struct json *object, const char *name, Value make) noexcept
{
    try {
        if (!object || !name || !unwrap(object)->is_object())
            return -EINVAL;
        (*unwrap(object))[name] = make();
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}

template <typename Value> int append(struct json *array, Value make) noexcept
{
    try {
        if (!array || !unwrap(array)->is_array())
            return -EINVAL;
        unwrap(array)->push_back(make());
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}

std::string string_of(const char *text, size_t len)
{
    return len ? std::string(text, len) : std::string();
}

} // namespace

extern "C" struct json *json_parse(const char *text, size_t len)
{
    if (!text)
        return nullptr;
    return made([&] { return spk::parse(text, len); });
}

extern "C" struct json *json_object(void)
{
    return made([] { return tree::object(); });
}

extern "C" struct json *json_array(void)
{
    return made([] { return tree::array(); });
}

extern "C" void json_free(struct json *value)
{
    release()(unwrap(value));
}

extern "C" const struct json *json_get(const struct json *value, const char *name)
{
    try {
        if (!value || !name || !unwrap(value)->is_object())
            return nullptr;
        auto found = unwrap(value)->find(name);
        return found == unwrap(value)->end() ? nullptr : wrap(&*found);
    } catch (...) {
        return nullptr;
    }
}

extern "C" const struct json *json_at(const struct json *value, size_t index)
{
    if (!value || !unwrap(value)->is_array() || index >= unwrap(value)->size())
        return nullptr;
    return wrap(&(*unwrap(value))[index]);
}

extern "C" size_t json_count(const struct json *value)
{
    return value && unwrap(value)->is_structured() ? unwrap(value)->size() : 0;
}

extern "C" int64_t json_integer(const struct json *value, int64_t fallback)
{
    if (!value || !unwrap(value)->is_number_integer())
        return fallback;
    const tree &number = *unwrap(value);
    constexpr auto max = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (number.is_number_unsigned() && number.get<uint64_t>() > max)
        return fallback;
    return number.get<int64_t>();
}

extern "C" double json_number(const struct json *value, double fallback)
{
    return value && unwrap(value)->is_number() ? unwrap(value)->get<double>() : fallback;
}

extern "C" int json_boolean(const struct json *value, int fallback)
{
    return value && unwrap(value)->is_boolean() ? unwrap(value)->get<bool>() : fallback;
}

extern "C" const char *json_text(const struct json *value, size_t *len)
{
    if (!value || !unwrap(value)->is_string())
        return nullptr;
    const std::string &text = unwrap(value)->get_ref<const std::string &>();
    if (len)
        *len = text.size();
    return text.c_str();
}

extern "C" int json_set_text(struct json *object, const char *name, const char *text, size_t len)
{
    if (!text && len)
        return -EINVAL;
    return set(object, name, [&] { return string_of(text, len); });
}

extern "C" int json_set_string(struct json *object, const char *name, const char *text)
{
    return json_set_text(object, name, text, text ? strlen(text) : 0);
}

extern "C" int json_set_integer(struct json *object, const char *name, int64_t value)
{
    return set(object, name, [=] { return value; });
}

extern "C" int json_set_boolean(struct json *object, const char *name, int value)
{
    return set(object, name, [=] { return value != 0; });
}

extern "C" void json_remove(struct json *object, const char *name)
{
    if (object && unwrap(object)->is_object())
        unwrap(object)->erase(name);
}

extern "C" int json_set(struct json *object, const char *name, struct json *child)
{
    owned_tree owned(unwrap(child));
    if (!owned)
        return -ENOMEM;
    try {
        if (!object || !name || !unwrap(object)->is_object())
            return -EINVAL;
        (*unwrap(object))[name].swap(*owned); /* what was there goes as what is owned does */
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}

extern "C" int json_append(struct json *array, struct json *child)
{
    owned_tree owned(unwrap(child));
    if (!owned)
        return -ENOMEM;
    int result = append(array, [] { return nullptr; });
    if (result == 0)
        unwrap(array)->back().swap(*owned);
    return result;
}

extern "C" int json_append_text(struct json *array, const char *text, size_t len)
{
    if (!text && len)
        return -EINVAL;
    return append(array, [&] { return string_of(text, len); });
}

extern "C" char *json_print(const struct json *value, size_t *len)
{
    try {
        if (!value)
            return nullptr;
        const std::string text = unwrap(value)->dump(-1, ' ', false, tree::error_handler_t::replace);
        auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
        if (!copy)
            return nullptr;
        std::memcpy(copy, text.c_str(), text.size() + 1);
        if (len)
            *len = text.size();
        return copy;
    } catch (...) {
        return nullptr;
    }
}
