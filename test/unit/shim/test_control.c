/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_control.c - requests on control, by a library that refuses: each is answered once, under busy and idle, and
 * its origin is freed once.
 */
#include "shim/host/control.h"

#include "fake_server.h"

static int refusal, interrupted;
static const char *reason;

static int kernel_info(struct spk_session *session, uint64_t request, struct spk_error *error)
{
    (void)session;
    CHECK(request > 0);
    snprintf(error->text, sizeof error->text, "%s", reason);
    return refusal;
}

static int interrupt(struct spk_session *session)
{
    (void)session;
    interrupted++;
    return refusal;
}

static int shutdown_session(struct spk_session *session, uint32_t grace_ms)
{
    (void)session;
    CHECK(grace_ms > 0);
    return refusal;
}

static const struct spk_plugin plugin = {.size = sizeof plugin,
                                         .abi = SPK_ABI,
                                         .version = "1",
                                         .kernel_info = kernel_info,
                                         .interrupt = interrupt,
                                         .shutdown = shutdown_session};

static struct host host;

/* A host that gets these. */
static void serve(const struct fake_message *script)
{
    struct connection nowhere = {.ip = ""};
    struct spk_error error = {.size = sizeof error};
    host = (struct host){.plugin = &plugin, .connection = &nowhere};
    fake_server_script(script);
    CHECK(requests_init(&host.requests) == 0);
    host.server = server_create(&nowhere, NULL, NULL, &error);
    for (size_t i = 0; script[i].type; i++) {
        struct fake_kept *kept = &fake_server.kept[i];
        snprintf(kept->origin.id, sizeof kept->origin.id, "request-%zu", i);
        kept->live = kept->origin.live = 1;
        kept->content = json_parse(script[i].content, strlen(script[i].content));
        kept->message = (struct message){
            .type = script[i].type, .parent_id = "", .content = kept->content, .origin = &kept->origin};
        control_receive(&host, &kept->message);
    }
    requests_finish(&host.requests);
    free(host.kernel_info);
    fake_server_over();
}

static void answered(const char *reply, const char *text)
{
    CHECK(fake_server_sent("control ") == 1 && fake_server_sent(reply) == 1);
    CHECK(fake_server_sent("iopub status request-0 {\"execution_state\":\"busy\"}") == 1);
    CHECK(fake_server_sent("iopub status request-0 {\"execution_state\":\"idle\"}") == 1);
    if (!strstr(fake_server.sent, text)) {
        fprintf(stderr, "sent \"%s\", not \"%s\"\n", fake_server.sent, text);
        exit(1);
    }
}

/* The client gets an answer that it can work with, and the reason as the kernel's banner. */
static void info_refused(void)
{
    static const struct fake_message asks[] = {{SERVER_CONTROL, "kernel_info_request", "{}"}, {0}};
    refusal = -ESHUTDOWN;
    reason = "the session is ending";
    serve(asks);
    answered("control kernel_info_reply request-0 ", "\"banner\":\"the session is ending\"");
    CHECK(strstr(fake_server.sent, "\"status\":\"ok\"") && strstr(fake_server.sent, "\"name\":\"python\""));
    reason = "";
    serve(asks);
    answered("control kernel_info_reply request-0 ", "\"banner\":\"Cannot send after transport endpoint shutdown\"");
}

static void others(void)
{
    static const struct fake_message interrupts[] = {{SERVER_CONTROL, "interrupt_request", "{}"}, {0}};
    static const struct fake_message ends[] = {{SERVER_CONTROL, "shutdown_request", "{\"restart\":true}"}, {0}};
    static const struct fake_message debugs[] = {{SERVER_CONTROL, "debug_request", "[]"}, {0}};
    static const struct fake_message strange[] = {{SERVER_CONTROL, "dance_request", "null"}, {0}};
    serve(interrupts);
    answered("control interrupt_reply request-0 ", "\"status\":\"error\"");
    CHECK(interrupted == 1);
    serve(ends);
    answered("control shutdown_reply request-0 ", "\"restart\":true");
    CHECK(host.ending && host.ended);
    serve(debugs);
    answered("control debug_reply request-0 ", "\"status\":\"error\"");
    serve(strange);
    answered("control dance_reply request-0 ", "NotImplementedError");
    CHECK(fake_server_sent("iopub status request-0 ") == 2);
}

int main(void)
{
    test_limit(60);
    info_refused();
    others();
    return 0;
}
