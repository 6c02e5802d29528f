/* SPDX-License-Identifier: BSD-3-Clause
 *
 * backlog.cpp - how much was sent that some client has not taken yet. Keeps no message: ZeroMQ does.
 */
#include "shim/xeus/backlog.hpp"

#include <memory>
#include <utility>

namespace spk {
namespace {

/* What a message takes beside the bytes of its frames: ZeroMQ's records of them. */
constexpr uint64_t overhead = 512;

} // namespace

/* The last frame of a message, and what the whole message counts. */
struct backlog::counted {
    counter &in;
    uint64_t bytes;
    zmq::message_t frame;
};

void backlog::release(void *, void *hint) noexcept
{
    const std::unique_ptr<counted> last(static_cast<counted *>(hint));
    last->in -= last->bytes;
}

uint64_t backlog::bytes_of(const zmq::multipart_t &wire)
{
    uint64_t bytes = overhead;
    for (const zmq::message_t &frame : wire)
        bytes += frame.size();
    return bytes;
}

void backlog::send_counted(zmq::socket_t &socket, zmq::multipart_t &wire, uint64_t bytes, counter &in)
{
    auto last = std::make_unique<counted>(counted{in, bytes, wire.remove()});
    zmq::message_t told(last->frame.data(), last->frame.size(), release, last.get());
    in += bytes;
    (void)last.release(); /* it ends with the frame that tells */
    wire.add(std::move(told));
    (void)wire.send(socket, ZMQ_DONTWAIT);
}

void backlog::send(zmq::socket_t &socket, zmq::multipart_t &wire)
{
    send_counted(socket, wire, bytes_of(wire), m_waiting);
}

void backlog::send_status(zmq::socket_t &socket, zmq::multipart_t &wire)
{
    send_counted(socket, wire, bytes_of(wire), m_status);
}

uint64_t backlog::waiting() const noexcept
{
    return m_waiting;
}

uint64_t backlog::status_waiting() const noexcept
{
    return m_status;
}

} // namespace spk
