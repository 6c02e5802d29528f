/* SPDX-License-Identifier: BSD-3-Clause
 *
 * backlog.hpp - how much was sent that some client has not taken yet.
 *
 * ZeroMQ counts messages, not bytes, and drops what goes beyond its limit. So its queues have none, and the
 * bytes in them are counted here: the last frame of each message tells when the slowest client's connection
 * has let go of it. What to do about a large number is the caller's business.
 */
#ifndef SHIM_XEUS_BACKLOG_HPP
#define SHIM_XEUS_BACKLOG_HPP

#include <atomic>
#include <cstdint>

#include <zmq.hpp>
#include <zmq_addon.hpp>

namespace spk {

/* To outlive the context of the sockets through which it sends: its messages are let go of until then. */
class backlog {
  public:
    /** Send without waiting. A message that nobody takes is no failure. */
    void send(zmq::socket_t &socket, zmq::multipart_t &wire);

    /** The same for a status message, which is counted apart. */
    void send_status(zmq::socket_t &socket, zmq::multipart_t &wire);

    /** The bytes that some client has still to take, without the status messages. */
    uint64_t waiting() const noexcept;

    /** The bytes of the status messages. */
    uint64_t status_waiting() const noexcept;

  private:
    using counter = std::atomic<uint64_t>; /* ZeroMQ's thread takes off it */
    struct counted;
    static void release(void *data, void *hint) noexcept;
    static uint64_t bytes_of(const zmq::multipart_t &wire);
    static void send_counted(zmq::socket_t &socket, zmq::multipart_t &wire, uint64_t bytes, counter &in);

    counter m_waiting{0};
    counter m_status{0};
};

} // namespace spk

#endif
