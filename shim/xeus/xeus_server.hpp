/* SPDX-License-Identifier: BSD-3-Clause
 *
 * xeus_server.hpp - a xeus server that never blocks.
 *
 * The servers that xeus brings along keep control deaf while a cell runs, or wait inside input(), and none
 * polls a descriptor that is not its own. This one derives from the same public base, xserver, and takes
 * xeus' serializer, signatures, headers and messages, but owns the sockets and leaves the loop to its caller.
 *
 * Written for xeus 2.4. What another xeus names differently is named here and in xeus_server.cpp alone.
 */
#ifndef SHIM_XEUS_XEUS_SERVER_HPP
#define SHIM_XEUS_XEUS_SERVER_HPP

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include <poll.h>

#include <xeus/xauthentication.hpp>
#include <xeus/xserver.hpp>
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include "shim/xeus/backlog.hpp"
#include "shim/xeus/connection.h"
#include "shim/xeus/history.hpp"
#include "shim/xeus/message.h"

/* The C side's handle on a request's origin. Kept long after the request, and many of them: so the header is
   kept as text, a fraction of what it takes as a value. */
struct origin {
    origin(const nlohmann::json &header, xeus::xmessage::guid_list route);
    nlohmann::json header() const;

    std::string id;
    std::string header_text;
    xeus::xmessage::guid_list route;
};

namespace spk {

/* A message as C sees it, with what it points to. */
struct owned_message : message {
    owned_message(xeus::xmessage &&from, zmq::message_t &&text, const char *wrong);
    owned_message(const owned_message &) = delete;
    owned_message &operator=(const owned_message &) = delete;
    ~owned_message();

  private:
    xeus::xmessage m_source;
    zmq::message_t m_content;
    std::string m_metadata;
    std::vector<spk_text> m_buffers;
};

class xeus_server final : public xeus::xserver, private xeus::xcontrol_messenger {
  public:
    xeus_server(const connection &where, server_handler *handler, void *ctx);
    ~xeus_server() override;

    void poll(bool with_shell, pollfd *others, std::size_t count, int timeout_ms);
    void drain_shell();
    void reply(server_channel channel, const origin &to, const char *type, nlohmann::json content,
               nlohmann::json metadata);
    uint64_t waiting() const noexcept
    {
        return m_backlog.waiting();
    }
    std::string ask(const origin &whom, nlohmann::json content);
    void publish_under(const origin *parent, const char *type, nlohmann::json content,
                       nlohmann::json metadata, xeus::buffer_sequence buffers);
    void publish_status(server_channel channel, const origin *parent, const char *state);

  private:
    xeus::xcontrol_messenger &get_control_messenger_impl() override;
    nlohmann::json send_to_shell_impl(const nlohmann::json &message) override;
    void send_shell_impl(xeus::xmessage message) override;
    void send_control_impl(xeus::xmessage message) override;
    void send_stdin_impl(xeus::xmessage message) override;
    void publish_impl(xeus::xpub_message message, xeus::channel c) override;
    void start_impl(xeus::xpub_message message) override;
    void abort_queue_impl(const listener &l, long polling_interval) override;
    void stop_impl() override;
    void update_config_impl(xeus::xconfiguration &config) const override;

    void bind(zmq::socket_t &socket, connection_port port);
    void listen_with(server_handler *handler, void *ctx);
    void start_heartbeat();
    void note_listeners();
    bool hold_shell(int &timeout_ms);
    bool lets_through(const char *state);
    nlohmann::json header(const char *type) const;
    xeus::xpub_message under(const origin *parent, const char *type, nlohmann::json content,
                             nlohmann::json metadata, xeus::buffer_sequence buffers) const;
    xeus::xmessage decode(zmq::multipart_t &wire);
    nlohmann::json take_content(zmq::message_t &&frame);
    bool receive(zmq::socket_t &socket, const char *name, const listener &deliver);
    void receive_some(zmq::socket_t &socket, const char *name, const listener &deliver);
    void send(zmq::socket_t &socket, xeus::xmessage &&message);

    const connection m_where;
    const std::string m_session;
    const std::string m_user;
    std::unique_ptr<xeus::xauthentication> m_auth;
    std::size_t m_signature_len;
    bool m_status_dropped = false; /* of the request on control that is served, and the log says so */
    backlog m_backlog;             /* before the context, so that it outlives it */
    zmq::context_t m_context;
    zmq::socket_t m_shell;
    zmq::socket_t m_control;
    zmq::socket_t m_stdin;
    zmq::socket_t m_iopub;
    std::thread m_heartbeat;
    history m_known;               /* what was received */
    zmq::message_t m_content;      /* of the message that is being delivered, as it came */
    const char *m_wrong = nullptr; /* with that; NULL: nothing */
    bool m_heard = false;          /* somebody listens on iopub, or has had the time to */
    std::chrono::steady_clock::time_point m_held_until{}; /* set when the first request waits for that */
};

} // namespace spk

#endif
