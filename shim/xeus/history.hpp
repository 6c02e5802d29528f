/* SPDX-License-Identifier: BSD-3-Clause
 *
 * history.hpp - the signatures of the newest messages: one that comes again is a message that somebody
 * recorded and sends a second time, as no two messages of a client are the same.
 */
#ifndef SHIM_XEUS_HISTORY_HPP
#define SHIM_XEUS_HISTORY_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace spk {

class history {
  public:
    /** Whether that one is new; it is known from then on, and the oldest is forgotten in its place. */
    bool add(std::string_view signature)
    {
        digest found{};
        std::memcpy(found.data(), signature.data(), std::min(signature.size(), found.size()));
        if (m_known.count(found))
            return false;
        if (m_order.size() < kept) {
            m_order.push_back(found);
        } else {
            m_known.erase(m_order[m_next]);
            m_order[m_next] = found;
            m_next = (m_next + 1) % kept;
        }
        m_known.insert(found);
        return true;
    }

  private:
    static constexpr std::size_t kept = std::size_t{1} << 16; /* as many as ipykernel */

    /* The beginning of a signature in hexadecimal, 128 bits of it, tells signatures apart. */
    using digest = std::array<char, 32>;
    struct hash {
        std::size_t operator()(const digest &of) const noexcept
        {
            return std::hash<std::string_view>()({of.data(), of.size()});
        }
    };

    std::unordered_set<digest, hash> m_known;
    std::vector<digest> m_order; /* a ring, once it is full */
    std::size_t m_next = 0;
};

} // namespace spk

#endif
