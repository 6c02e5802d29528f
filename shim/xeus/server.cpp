/* SPDX-License-Identifier: BSD-3-Clause
 *
 * server.cpp - the C functions of server.h over the xeus server. Every exception ends here.
 */
#include "shim/xeus/server.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/json_bridge.hpp"
#include "shim/common/log.h"
#include "shim/xeus/xeus_server.hpp"

namespace nl = nlohmann;

struct server {
    spk::xeus_server xeus;
};

namespace {

template <typename Action> int guarded(Action action) noexcept
{
    try {
        action();
        return 0;
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const zmq::error_t &problem) {
        return problem.num() == EINTR ? 0 : -problem.num();
    } catch (...) {
        return -EIO;
    }
}

using owned_json = std::unique_ptr<nl::json>;

/* NULL content is a value that could not be made; NULL metadata is an empty one. */
nl::json take_content(const owned_json &value)
{
    if (!value)
        throw std::bad_alloc();
    return std::move(*value);
}

nl::json take_metadata(const owned_json &value)
{
    return value ? std::move(*value) : nl::json::object();
}

} // namespace

extern "C" void message_free(struct message *message) noexcept
{
    delete static_cast<spk::owned_message *>(message);
}

extern "C" void origin_free(struct origin *origin) noexcept
{
    delete origin;
}

extern "C" const char *origin_id(const struct origin *origin) noexcept
{
    return origin ? origin->id.c_str() : "";
}

extern "C" struct spk_text origin_header(const struct origin *origin) noexcept
{
    if (!origin)
        return {"", 0};
    return {origin->header_text.data(), origin->header_text.size()};
}

extern "C" struct server *server_create(const struct connection *connection, server_handler *handler,
                                        void *ctx, struct spk_error *error) noexcept
{
    try {
        return new server{{*connection, handler, ctx}};
    } catch (const std::out_of_range &) {
        log_set(error, -EINVAL,
                "The signature scheme \"%s\" in the connection file is not known. Use hmac-sha256, Jupyter's "
                "default.",
                connection->scheme);
    } catch (const std::exception &problem) {
        log_set(error, -EIO, "%s", problem.what());
    } catch (...) {
        log_set(error, -EIO, "The Jupyter channels could not be opened.");
    }
    return nullptr;
}

extern "C" void server_destroy(struct server *server) noexcept
{
    delete server;
}

extern "C" int server_poll(struct server *server, int with_shell, struct pollfd *others, size_t count,
                           int timeout_ms) noexcept
{
    /* So that a wait that a signal ended leaves no old answer behind. */
    for (size_t i = 0; i < count; i++)
        others[i].revents = 0;
    return guarded([&] { server->xeus.poll(with_shell != 0, others, count, timeout_ms); });
}

extern "C" void server_drain_shell(struct server *server) noexcept
{
    /* What could not be drained now is served later: nothing is lost. */
    (void)guarded([&] { server->xeus.drain_shell(); });
}

extern "C" int server_reply(struct server *server, enum server_channel channel, const struct origin *origin,
                            const char *type, struct json *content, struct json *metadata) noexcept
{
    owned_json what(spk::unwrap(content));
    owned_json about(spk::unwrap(metadata));
    if (!origin)
        return -EINVAL;
    return guarded(
        [&] { server->xeus.reply(channel, *origin, type, take_content(what), take_metadata(about)); });
}

extern "C" int server_ask(struct server *server, const struct origin *origin, struct json *content,
                          char id[SERVER_ID_MAX]) noexcept
{
    owned_json what(spk::unwrap(content));
    if (!origin)
        return -EINVAL;
    return guarded([&] {
        const std::string sent = server->xeus.ask(*origin, take_content(what));
        std::strncpy(id, sent.c_str(), SERVER_ID_MAX - 1);
        id[SERVER_ID_MAX - 1] = '\0';
    });
}

extern "C" int server_publish(struct server *server, const struct origin *origin, const char *type,
                              struct json *content, struct json *metadata, const struct spk_text *buffers,
                              size_t count) noexcept
{
    owned_json what(spk::unwrap(content));
    owned_json about(spk::unwrap(metadata));
    return guarded([&] {
        xeus::buffer_sequence copies;
        for (size_t i = 0; i < count; i++)
            copies.emplace_back(buffers[i].data, buffers[i].data + buffers[i].len);
        server->xeus.publish_under(origin, type, take_content(what), take_metadata(about), std::move(copies));
    });
}

extern "C" int server_publish_status(struct server *server, enum server_channel channel,
                                     const struct origin *origin, const char *state) noexcept
{
    return guarded([&] { server->xeus.publish_status(channel, origin, state); });
}

extern "C" uint64_t server_waiting(const struct server *server) noexcept
{
    return server->xeus.waiting();
}
