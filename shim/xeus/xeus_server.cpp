/* SPDX-License-Identifier: BSD-3-Clause
 *
 * xeus_server.cpp - a xeus server that never blocks: sockets, wire format, signatures.
 *
 * Incoming frames are taken apart here and not by xeus' deserializer, which parses before it verifies, reads
 * past a signature that is too short, and takes frames that are not there. What goes out is xeus'
 * serializer's.
 *
 * A ROUTER socket drops what it cannot deliver, and a PUB socket what nobody wants: so sending never waits.
 */
#include "shim/xeus/xeus_server.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <unistd.h>
#include <xeus/xguid.hpp>
#include <xeus/xmiddleware.hpp>
#include <xeus/xzmq_serializer.hpp>

#include "base/json_bridge.hpp"
#include "shim/common/environment.h"
#include "shim/common/log.h"
#include "shim/common/timestamp.h"

namespace nl = nlohmann;

namespace spk {
namespace {

/* One frame. Requests and their buffers are at most 64 MiB in all for the library; this is only to keep a
   stranger who found the port from filling the memory. */
constexpr int64_t frame_max = int64_t{512} << 20;
/* What the library takes. */
constexpr std::size_t content_max = std::size_t{64} << 20;
constexpr int messages_at_once = 64;
/* How much of status messages may wait before those of control are dropped. */
constexpr uint64_t status_max = uint64_t{64} << 20;
/* How long the first requests wait for somebody who listens to their outputs. */
constexpr auto listener_patience = std::chrono::milliseconds(1000);
/* How many frames follow the delimiter: signature, header, parent header, metadata, content. */
constexpr std::size_t fixed_frames = 5;
constexpr auto replace = nl::json::error_handler_t::replace;

xeus::xraw_buffer raw(const zmq::message_t &frame)
{
    return {frame.data<unsigned char>(), frame.size()};
}

nl::json parse_frame(const zmq::message_t &frame)
{
    return parse(frame.data<char>(), frame.size());
}

/* The header or another object of the envelope; some clients send null for an empty one. */
nl::json parse_object(const zmq::message_t &frame)
{
    nl::json value = parse_frame(frame);
    if (value.is_null())
        return nl::json::object();
    if (!value.is_object())
        throw std::invalid_argument("its header or metadata is not an object");
    return value;
}

std::string member(const nl::json &object, const char *name)
{
    auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string user_name()
{
    const char *name = environment_variable("USER");
    return name ? name : "user";
}

spk_text text_of(const std::string &text)
{
    return {text.data(), text.size()};
}

short poll_events(const zmq::pollitem_t &item)
{
    return static_cast<short>(((item.revents & ZMQ_POLLIN) ? POLLIN : 0) |
                              ((item.revents & ZMQ_POLLERR) ? POLLERR : 0));
}

const char *name_of(const nl::json &header, const char *name)
{
    auto found = header.find(name);
    return found != header.end() && found->is_string() ? found->get_ref<const std::string &>().c_str() : "";
}

} // namespace

} // namespace spk

/* Without what a string keeps in reserve. */
static std::string exact(std::string text)
{
    text.shrink_to_fit();
    return text;
}

origin::origin(const nl::json &from, xeus::xmessage::guid_list to)
    : id(spk::member(from, "msg_id")),
      header_text(exact(from.dump(-1, ' ', false, nl::json::error_handler_t::replace))), route(std::move(to))
{
}

nl::json origin::header() const
{
    return nl::json::parse(header_text);
}

namespace spk {

/* Without the spaces, or the byte order mark, that the parser passes over, so that an object begins with a
   brace. */
spk_text without_beginning(const zmq::message_t &frame)
{
    static const char passed_over[] = " \t\n\r\xEF\xBB\xBF";
    const char *text = frame.data<char>();
    std::size_t at = 0;
    while (at < frame.size() && text[at] && std::strchr(passed_over, text[at]))
        at++;
    return {text + at, frame.size() - at};
}

owned_message::owned_message(xeus::xmessage &&from, zmq::message_t &&text, const char *why)
    : message(), m_source(std::move(from)), m_content(std::move(text)),
      m_metadata(m_source.metadata().dump(-1, ' ', false, replace))
{
    for (const auto &buffer : m_source.buffers())
        m_buffers.push_back({buffer.data(), buffer.size()});
    type = name_of(m_source.header(), "msg_type");
    parent_id = name_of(m_source.parent_header(), "msg_id");
    content = wrap(&m_source.content());
    wrong = why;
    content_text = without_beginning(m_content);
    metadata_text = text_of(m_metadata);
    buffers = m_buffers.data();
    buffer_count = m_buffers.size();
    origin = new ::origin{m_source.header(), m_source.identities()};
}

owned_message::~owned_message()
{
    delete origin;
}

xeus_server::xeus_server(const connection &where, server_handler *handler, void *ctx)
    : m_where(where), m_session(xeus::new_xguid()), m_user(user_name()),
      m_auth(xeus::make_xauthentication(where.scheme, where.key)),
      m_signature_len(m_auth->sign({nullptr, 0}, {nullptr, 0}, {nullptr, 0}, {nullptr, 0}).size()),
      m_shell(m_context, zmq::socket_type::router), m_control(m_context, zmq::socket_type::router),
      m_stdin(m_context, zmq::socket_type::router), m_iopub(m_context, zmq::socket_type::xpub)
{
    bind(m_shell, PORT_SHELL);
    bind(m_control, PORT_CONTROL);
    bind(m_stdin, PORT_STDIN);
    bind(m_iopub, PORT_IOPUB);
    listen_with(handler, ctx);
    start_heartbeat();
}

xeus_server::~xeus_server()
{
    m_shell.close();
    m_control.close();
    m_stdin.close();
    m_iopub.close();
    /* Ends the proxy in the heartbeat's thread; what the sockets above still hold lingers until it has left.
     */
    m_context.shutdown();
    if (m_heartbeat.joinable())
        m_heartbeat.join();
    if (std::strcmp(m_where.transport, "ipc") == 0)
        for (int port : m_where.ports)
            (void)unlink((std::string(m_where.ip) + "-" + std::to_string(port)).c_str());
}

void xeus_server::bind(zmq::socket_t &socket, connection_port port)
{
    const std::string end_point =
        xeus::get_end_point(m_where.transport, m_where.ip, std::to_string(m_where.ports[port]));
    /* No limit to what waits: at a limit ZeroMQ drops messages without a word. What waits is counted
       (backlog.hpp), and the host sees to it that it does not become too much (flow.h). */
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.set(zmq::sockopt::maxmsgsize, frame_max);
    /* A client that connects again under its old identity takes over from its dead connection. */
    if (port == PORT_SHELL || port == PORT_CONTROL || port == PORT_STDIN)
        socket.set(zmq::sockopt::router_handover, true);
    try {
        xeus::init_socket(socket, end_point);
    } catch (const zmq::error_t &problem) {
        throw std::runtime_error("The kernel cannot listen on " + end_point + " (" +
                                 connection_port_name(port) + "): " + problem.what() +
                                 ". Start the kernel again, so that Jupyter chooses other ports.");
    }
}

void xeus_server::listen_with(server_handler *handler, void *ctx)
{
    auto to = [=](server_channel channel) {
        return [=](xeus::xmessage message) {
            handler(
                ctx, channel,
                std::make_unique<owned_message>(std::move(message), std::move(m_content), m_wrong).release());
        };
    };
    register_shell_listener(to(SERVER_SHELL));
    register_control_listener(to(SERVER_CONTROL));
    register_stdin_listener(to(SERVER_STDIN));
}

void xeus_server::start_heartbeat()
{
    zmq::socket_t echo(m_context, zmq::socket_type::router);
    bind(echo, PORT_HB);
    m_heartbeat =
        std::thread([](zmq::socket_t socket) { (void)zmq_proxy(socket.handle(), socket.handle(), nullptr); },
                    std::move(echo));
}

nl::json xeus_server::header(const char *type) const
{
    nl::json made = xeus::make_header(type, m_user, m_session);
    std::array<char, TIMESTAMP_MAX> date{};
    timestamp_now(date.data());
    made["date"] = date.data();
    return made;
}

/* A content that is no JSON (JavaScript writes half a surrogate pair as it is) must not leave its request
   without an answer: it is passed on with what is wrong. Its members' members are not looked at here, only
   read: a value of all of them takes far more memory and time than their text. */
nl::json xeus_server::take_content(zmq::message_t &&frame)
{
    m_content = std::move(frame);
    m_wrong = nullptr;
    if (m_content.size() > content_max) {
        m_wrong =
            "Nothing was run: the request is larger than 64 MiB. Let the cell read large data from a file.";
        return {};
    }
    try {
        return parse(m_content.data<char>(), m_content.size(), 1);
    } catch (const std::exception &) {
        m_wrong = "Nothing was run: the request's content is not valid JSON.";
        return {};
    }
}

/* Throws what is wrong with a message that is not whole, not rightly signed, not new, or not JSON. */
xeus::xmessage xeus_server::decode(zmq::multipart_t &wire)
{
    static const zmq::message_t delimiter("<IDS|MSG>", 9);
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != delimiter)
        at++;
    if (at + fixed_frames >= wire.size())
        throw std::invalid_argument("parts of it are missing");
    const zmq::message_t *frames = nullptr;
    std::array<zmq::message_t, fixed_frames> fixed;
    xeus::xmessage::guid_list route;
    for (std::size_t i = 0; i < at; i++)
        route.push_back(wire.popstr());
    wire.pop();
    for (auto &frame : fixed)
        frame = wire.pop();
    frames = fixed.data();
    /* Without a key nothing is signed, and what stands there does not matter, as in jupyter_client. */
    if ((m_signature_len && frames[0].size() != m_signature_len) ||
        !m_auth->verify(raw(frames[0]), raw(frames[1]), raw(frames[2]), raw(frames[3]), raw(frames[4])))
        throw std::invalid_argument("its signature does not match the connection file's key");
    if (m_signature_len && !m_known.add({frames[0].data<char>(), frames[0].size()}))
        throw std::invalid_argument("it has come before, and no message is obeyed twice");
    xeus::xmessage_base_data data{parse_object(frames[1]),
                                  parse_object(frames[2]),
                                  parse_object(frames[3]),
                                  take_content(std::move(fixed[4])),
                                  {}};
    if (member(data.m_header, "msg_type").empty())
        throw std::invalid_argument("its header has no msg_type");
    while (!wire.empty()) {
        const zmq::message_t buffer = wire.pop();
        data.m_buffers.emplace_back(buffer.data<char>(), buffer.data<char>() + buffer.size());
    }
    return {route, std::move(data)};
}

/* One message, if there is one. What is wrong with a message costs only that message. */
bool xeus_server::receive(zmq::socket_t &socket, const char *name, const listener &deliver)
{
    zmq::multipart_t wire;
    if (!wire.recv(socket, ZMQ_DONTWAIT))
        return false;
    try {
        deliver(decode(wire));
    } catch (const std::exception &problem) {
        log_print("A message on the %s channel was dropped: %s.", name, problem.what());
    }
    return true;
}

/* What waits, but not for ever: other channels have their turn. */
void xeus_server::receive_some(zmq::socket_t &socket, const char *name, const listener &deliver)
{
    for (int n = 0; n < messages_at_once && receive(socket, name, deliver); n++) {
    }
}

/* Takes note of who begins and who ceases to listen on iopub; the messages are of no other use. */
void xeus_server::note_listeners()
{
    zmq::message_t subscription;
    while (m_iopub.recv(subscription, zmq::recv_flags::dontwait))
        m_heard = m_heard || (subscription.size() > 0 && *subscription.data<unsigned char>() == 1);
}

/* What is published before the client's subscription has arrived is lost, and we can be faster than it: a
   client that waits for its cell to become idle would wait for ever. So the first requests stay in their
   socket until somebody listens, but not for long: a client may want replies alone. */
bool xeus_server::hold_shell(int &timeout_ms)
{
    if (m_heard)
        return false;
    const auto now = std::chrono::steady_clock::now();
    if (m_held_until == decltype(m_held_until){}) {
        zmq::pollitem_t waiting{m_shell.handle(), 0, ZMQ_POLLIN, 0};
        if (zmq::poll(&waiting, 1, std::chrono::milliseconds(0)) == 0)
            return false;
        m_held_until = now + listener_patience;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(m_held_until - now).count();
    m_heard = left <= 0;
    if (!m_heard && (timeout_ms < 0 || left < timeout_ms))
        timeout_ms = static_cast<int>(left);
    return !m_heard;
}

void xeus_server::poll(bool with_shell, pollfd *others, std::size_t count, int timeout_ms)
{
    with_shell = with_shell && !hold_shell(timeout_ms);
    std::vector<zmq::pollitem_t> items{{m_control.handle(), 0, ZMQ_POLLIN, 0},
                                       {m_stdin.handle(), 0, ZMQ_POLLIN, 0},
                                       {m_iopub.handle(), 0, ZMQ_POLLIN, 0}};
    for (std::size_t i = 0; i < count; i++)
        items.push_back({nullptr, others[i].fd, ZMQ_POLLIN, 0});
    if (with_shell)
        items.push_back({m_shell.handle(), 0, ZMQ_POLLIN, 0});
    zmq::poll(items, std::chrono::milliseconds(timeout_ms));
    for (std::size_t i = 0; i < count; i++)
        others[i].revents = poll_events(items[3 + i]);
    if (items[2].revents & ZMQ_POLLIN)
        note_listeners();
    if (items[0].revents & ZMQ_POLLIN)
        receive_some(m_control, "control",
                     [this](xeus::xmessage message) { notify_control_listener(std::move(message)); });
    if (items[1].revents & ZMQ_POLLIN)
        receive_some(m_stdin, "stdin",
                     [this](xeus::xmessage message) { notify_stdin_listener(std::move(message)); });
    if (with_shell && m_heard && (items.back().revents & ZMQ_POLLIN))
        receive(m_shell, "shell",
                [this](xeus::xmessage message) { notify_shell_listener(std::move(message)); });
}

void xeus_server::drain_shell()
{
    abort_queue([this](xeus::xmessage message) { notify_shell_listener(std::move(message)); }, 0);
}

void xeus_server::reply(server_channel channel, const origin &to, const char *type, nl::json content,
                        nl::json metadata)
{
    xeus::xmessage message(to.route, header(type), to.header(), std::move(metadata), std::move(content), {});
    if (channel == SERVER_CONTROL)
        send_control(std::move(message));
    else
        send_shell(std::move(message));
}

std::string xeus_server::ask(const origin &whom, nl::json content)
{
    while (receive(m_stdin, "stdin",
                   [this](xeus::xmessage message) { notify_stdin_listener(std::move(message)); }))
        continue;
    nl::json question = header("input_request");
    std::string id = member(question, "msg_id");
    send_stdin({whom.route, std::move(question), whom.header(), nl::json::object(), std::move(content), {}});
    return id;
}

xeus::xpub_message xeus_server::under(const origin *parent, const char *type, nl::json content,
                                      nl::json metadata, xeus::buffer_sequence buffers) const
{
    return {"kernel." + m_session + "." + type,
            header(type),
            parent ? parent->header() : nl::json::object(),
            std::move(metadata),
            std::move(content),
            std::move(buffers)};
}

void xeus_server::publish_under(const origin *parent, const char *type, nl::json content, nl::json metadata,
                                xeus::buffer_sequence buffers)
{
    publish(under(parent, type, std::move(content), std::move(metadata), std::move(buffers)),
            xeus::channel::SHELL);
}

/* A cell's end is awaited on iopub, but that of a request on control is known by its reply: so those may be
   dropped, when a client that sends them without end reads none of what is published about them. */
void xeus_server::publish_status(server_channel channel, const origin *parent, const char *state)
{
    if (channel == SERVER_CONTROL && !lets_through(state))
        return;
    zmq::multipart_t wire = xeus::xzmq_serializer::serialize_iopub(
        under(parent, "status", {{"execution_state", state}}, nl::json::object(), {}), *m_auth, replace);
    m_backlog.send_status(m_iopub, wire);
}

/* Busy and idle come both, or neither. */
bool xeus_server::lets_through(const char *state)
{
    const bool begins = std::strcmp(state, "busy") == 0;
    const bool dropped_before = m_status_dropped;
    if (begins)
        m_status_dropped = m_backlog.status_waiting() > status_max;
    if (begins && m_status_dropped && !dropped_before)
        log_print(
            "The status messages of requests on control are dropped until all clients read again: 64 MiB "
            "of them wait. Outputs, replies and the status of cells are not dropped.");
    return !m_status_dropped;
}

void xeus_server::send(zmq::socket_t &socket, xeus::xmessage &&message)
{
    zmq::multipart_t wire = xeus::xzmq_serializer::serialize(std::move(message), *m_auth, replace);
    m_backlog.send(socket, wire); /* a client that has gone misses nothing */
}

void xeus_server::send_shell_impl(xeus::xmessage message)
{
    send(m_shell, std::move(message));
}

void xeus_server::send_control_impl(xeus::xmessage message)
{
    send(m_control, std::move(message));
}

void xeus_server::send_stdin_impl(xeus::xmessage message)
{
    send(m_stdin, std::move(message));
}

void xeus_server::publish_impl(xeus::xpub_message message, xeus::channel)
{
    zmq::multipart_t wire = xeus::xzmq_serializer::serialize_iopub(std::move(message), *m_auth, replace);
    m_backlog.send(m_iopub, wire);
}

void xeus_server::abort_queue_impl(const listener &l, long)
{
    while (receive(m_shell, "shell", l)) {
    }
}

/* The rest of xserver's contract serves xeus' own kernel, which is not used: the loop is the caller's. */

xeus::xcontrol_messenger &xeus_server::get_control_messenger_impl()
{
    return *this;
}

nl::json xeus_server::send_to_shell_impl(const nl::json &message)
{
    return notify_internal_listener(message);
}

void xeus_server::start_impl(xeus::xpub_message message)
{
    publish(std::move(message), xeus::channel::SHELL);
}

void xeus_server::stop_impl() {}

void xeus_server::update_config_impl(xeus::xconfiguration &config) const
{
    config.m_shell_port = std::to_string(m_where.ports[PORT_SHELL]);
    config.m_control_port = std::to_string(m_where.ports[PORT_CONTROL]);
    config.m_stdin_port = std::to_string(m_where.ports[PORT_STDIN]);
    config.m_iopub_port = std::to_string(m_where.ports[PORT_IOPUB]);
    config.m_hb_port = std::to_string(m_where.ports[PORT_HB]);
}

} // namespace spk
