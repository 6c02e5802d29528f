/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_session.c - what the header promises about requests, and about the worker's life: each request has
 * exactly one reply, in order, whatever becomes of the worker.
 */
#include "host.h"

static int valid_utf8(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int more = *at < 0x80 ? 0 : *at < 0xC2 ? -1 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : *at < 0xF5 ? 3 : -1;
        if (more < 0)
            return 0;
        for (at++; more; more--, at++)
            if ((*at & 0xC0) != 0x80)
                return 0;
    }
    return 1;
}

/* --- requests -------------------------------------------------------------------------------------- */

static void in_order(void)
{
    struct host *host = host_create(NULL);
    struct spk_text content = text_of("{\"code\":\"x\"}"), empty = {NULL, 0};
    struct spk_text buffers[] = {{"raw", 3}, {NULL, 0}};
    CHECK(kernel->kernel_info(host->session, 1, NULL) == 0);
    CHECK(host_execute(host, 2, "print one") == 0);
    CHECK(kernel->complete(host->session, 3, content, NULL) == 0);
    CHECK(kernel->inspect(host->session, 4, content, NULL) == 0);
    CHECK(kernel->is_complete(host->session, 5, content, NULL) == 0);
    CHECK(kernel->history(host->session, 6, content, NULL) == 0);
    CHECK(kernel->comm_open(host->session, 7, content, empty, buffers, 2, NULL) == 0);
    CHECK(kernel->comm_message(host->session, 8, content, empty, NULL, 0, NULL) == 0);
    CHECK(kernel->comm_close(host->session, 9, content, empty, NULL, 0, NULL) == 0);
    CHECK(kernel->comm_info(host->session, 10, content, NULL) == 0);
    CHECK(host_execute(host, UINT64_MAX, "both") == 0);
    CHECK(kernel->kernel_info(host->session, 12, NULL) == 0);
    CHECK(host->len == 1); /* nothing is told but from dispatch */
    host_until(host, "reply 12 0");
    HOST_IN_ORDER(host, "status STARTING", "reply 1 0 {", "\"banner\":\"fake\"",
                  "out 2 one\nreply 2 0 {\"status\":\"ok\"}\n", "reply 3 0 {\"status\":\"ok\",\"kind\":3}",
                  "reply 4 0 {\"status\":\"ok\",\"kind\":4}", "reply 5 0 {\"status\":\"ok\",\"kind\":5}",
                  "reply 6 0 {\"status\":\"ok\",\"kind\":6}", "reply 7 0 {\"status\":\"ok\",\"kind\":8}",
                  "reply 8 0 {\"status\":\"ok\",\"kind\":9}", "reply 9 0 {\"status\":\"ok\",\"kind\":10}",
                  "reply 10 0 {\"status\":\"ok\",\"kind\":7}", "out1", "err1", "out2",
                  "reply 18446744073709551615 0", "reply 12 0");
    host_expect(host, host_count(host, "\nreply ") == 12 && host_count(host, "status READY") == 1,
                "not as often as that");
    host_shut_down(host);
}

static void everything_shown(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 5, "show") == 0);
    host_until(host, "reply 5");
    HOST_IN_ORDER(host,
                  "\ndisplay 5 {\"data\":1}\nupdate 5 {\"data\":2}\nclear wait 5 \nresult 5 {\"data\":3}\n"
                  "error 5 {\"ename\":\"E\"}\ncomm 2 5 {\"comm_id\":\"a\"}\ncomm 0 5 {\"comm_id\":\"b\"}\n"
                  "comm 0 5 {\"comm_id\":\"c\"}\nlog 2 a warning\nreply 5 0");
    host_forget(host);
    CHECK(host_execute(host, 6, "%%execute_with_scorep\\nf()") == 0);
    host_until(host, "reply 6 0");
    HOST_IN_ORDER(host, "display 6 {", "7 events", "reply 6 0 {\"status\":\"ok\"}");
    host_shut_down(host);
}

/* What is no request is answered all the same. */
static void bad_requests(void)
{
    struct host *host = host_create(NULL);
    struct spk_text empty = {NULL, 0};
    CHECK(kernel->execute(host->session, 1, text_of("no JSON"), empty, 1, NULL) == 0);
    CHECK(kernel->execute(host->session, 2, empty, empty, 1, NULL) == 0);
    CHECK(kernel->execute(host->session, 3, text_of("{\"code\":5}"), empty, 1, NULL) == 0);
    CHECK(host_execute(host, 4, "%%execute_with_scorep --no-such-option") == 0);
    CHECK(host_execute(host, 5, "print fine") == 0);
    host_until(host, "reply 5 0");
    HOST_IN_ORDER(host, "error 1 {", "\nreply 1 1 {", "error 2 ", "\nreply 2 1 {", "error 3 ",
                  "\nreply 3 1 {", "ScorePDirectiveError", "\nreply 4 1 {", "\"execution_count\":4",
                  "out 5 fine\nreply 5 0");
    host_shut_down(host);
}

/* --- interrupt and input --------------------------------------------------------------------------- */

static void interrupts(void)
{
    struct host *host = host_create(NULL);
    CHECK(kernel->interrupt(host->session) == 0); /* nothing runs: without effect */
    CHECK(host_execute(host, 1, "wait") == 0 && host_execute(host, 2, "print next") == 0);
    host_until(host, "out 1 waiting");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 2 0");
    HOST_IN_ORDER(host, "reply 1 1 {\"status\":\"error\",\"ename\":\"KeyboardInterrupt\"}", "out 2 next");
    CHECK(kernel->interrupt(host->session) == 0);
    CHECK(host_execute(host, 3, "print again") == 0);
    host_until(host, "reply 3 0");
    host_shut_down(host);
}

/* A cell that has not begun, since Python is slow or hangs, can be interrupted, too. */
static void interrupted_before_ready(void)
{
    struct host *host = host_create("silent");
    CHECK(host_execute(host, 1, "print x") == 0);
    host_until(host, "status STARTING");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 1 1");
    HOST_IN_ORDER(host, "error 1 {", "KeyboardInterrupt", "reply 1 1");
    CHECK(kernel->shutdown(host->session, 0) == 0);
    host_until(host, "status ENDED");
    host_destroy(host);
}

static void input(void)
{
    struct host *host = host_create(NULL);
    struct spk_error error = {.size = sizeof error};
    CHECK(kernel->input_reply(host->session, 1, text_of("early"), &error) == -ENOENT &&
          error.code == -ENOENT);
    CHECK(kernel->input_reply(host->session, 0, text_of("nobody's"), NULL) == -ENOENT);
    CHECK(host_execute(host, 1, "wait") == 0);
    host_until(host, "out 1 waiting");
    /* A cell that runs, but has not asked. */
    CHECK(kernel->input_reply(host->session, 1, text_of("unasked"), NULL) == -ENOENT);
    CHECK(kernel->interrupt(host->session) == 0);
    CHECK(host_execute(host, 2, "input") == 0);
    host_until(host, "input secret 2 name? ");
    CHECK(kernel->input_reply(host->session, 3, text_of("other"), NULL) == -ENOENT);
    CHECK(kernel->input_reply(host->session, 2, text_of("Ada"), NULL) == 0);
    CHECK(kernel->input_reply(host->session, 2, text_of("twice"), NULL) == -ENOENT);
    host_until(host, "reply 2 0");
    CHECK(strstr(host->log, "\"got\":\"Ada\""));
    CHECK(kernel->input_reply(host->session, 2, text_of("late"), NULL) == -ENOENT);
    CHECK(host_count(host, "withdrawn") == 0);
    host_forget(host);
    CHECK(host_execute(host, 4, "input") == 0);
    host_until(host, "input secret 4");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 4 1");
    CHECK(strstr(host->log, "KeyboardInterrupt"));
    HOST_IN_ORDER(host, "input secret 4", "withdrawn 4", "reply 4 1");
    CHECK(kernel->input_reply(host->session, 4, text_of("late"), NULL) == -ENOENT);
    host_shut_down(host);
}

/* --- the worker's death ---------------------------------------------------------------------------- */

static void dies(const char *how, const char *why)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "print before") == 0 && host_execute(host, 2, how) == 0);
    CHECK(host_execute(host, 3, "print never") == 0 &&
          kernel->complete(host->session, 4, text_of("{}"), NULL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 1 0", "error 2 {", "\nreply 2 1 {", "SessionDied", "reply 3 2 ", "reply 4 2 ",
                  "status DIED");
    host_expect(host, strstr(host->log, why) != NULL, why);
    CHECK(host_execute(host, 5, "print after") == 0);
    host_until(host, "reply 5 0");
    HOST_IN_ORDER(host, "status DIED", "status STARTING", "status READY", "out 5 after");
    host_expect(host, host_count(host, "\nreply ") == 5, "not as often as that");
    host_shut_down(host);
}

/* A cell that closes what is not its own runs on, and can be interrupted; then the session is lost. */
static void cut_off(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "mute") == 0 && host_execute(host, 2, "print never") == 0);
    host_until(host, "out 1 mute");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 1 1 {", "ended with exit code 4", "reply 2 2 ", "status DIED");
    CHECK(host_execute(host, 3, "print after") == 0);
    host_until(host, "reply 3 0");
    host_shut_down(host);
}

/* One that closes it and goes on is ended after a moment. */
static void cut_off_for_good(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "mute") == 0 && host_execute(host, 2, "print never") == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "out 1 mute", "reply 1 1 {", "its connection to the kernel had been closed",
                  "reply 2 2 ", "status DIED");
    CHECK(host_execute(host, 3, "print after") == 0);
    host_until(host, "reply 3 0");
    host_shut_down(host);
}

/* What it wrote before it died is shown, down to half a character, and before its end is. */
static void last_words(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "last") == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "out 1 last words", "\xEF\xBF\xBD\n", "error 1 {", "reply 1 1", "status DIED");
    host_shut_down(host);
}

/* Wait until a process has ended; its parent need not have noticed. */
static void until_ended(int pid)
{
    char path[64], state = 'R';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    while (state != 'Z') {
        FILE *file = fopen(path, "re");
        if (!file)
            return;
        CHECK(fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
        fclose(file);
        poll(NULL, 0, 1);
    }
}

/* It has died, and nobody has been told yet: the cells that come in between learn what happened, too. */
static void dies_unseen(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "wait") == 0);
    host_until(host, " of ");
    int pid = host_number(host, "out 1 waiting "), keeper = host_number(host, " of ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 1");
    CHECK(test_exists(keeper) && kill(keeper, SIGSTOP) == 0);
    CHECK(test_exists(pid) && kill(pid, SIGKILL) == 0);
    until_ended(pid);
    for (uint64_t i = 2; i < 6; i++)
        CHECK(host_execute(host, i, "print lost") == 0);
    for (int i = 0; i < 5; i++)
        CHECK(kernel->dispatch(host->session, NULL) == 0);
    CHECK(kill(keeper, SIGCONT) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 2 1", "SessionDied", "reply 3 2", "reply 4 2", "reply 5 2", "status DIED");
    CHECK(kernel->shutdown(host->session, 5000) == 0);
    host_until(host, "status ENDED");
    host_expect(host, host_count(host, "\nreply ") == 5, "not one reply to each");
    host_destroy(host);
}

static void begin_another(struct host *host, uint64_t request)
{
    if (request < 100)
        CHECK(host_execute(host, request + 100, "print again") == 0);
}

/* It dies and leaves something unread, which resets the connection: the end is told as it was. */
/* A worker that has not begun a request has so long for it after an interrupt. */
static void takes_nothing(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "deaf") == 0 && host_execute(host, 2, "print never") == 0);
    host_until(host, "status READY");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "error 1 {", "took neither the request nor, for 10 seconds, the interrupt", "reply 1 1",
                  "SessionDied", "reply 2 2", "status DIED");
    CHECK(host_execute(host, 3, "print next") == 0);
    host_until(host, "reply 3 0");
    host_shut_down(host);
}

static void dies_deaf(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "stubborn") == 0);
    host_until(host, "out 1 stubborn");
    int pid = host_number(host, "out 1 stubborn ");
    CHECK(kernel->interrupt(host->session) == 0 && kernel->dispatch(host->session, NULL) == 0);
    CHECK(test_exists(pid) && kill(pid, SIGKILL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "error 1 {", "killed by SIGKILL", "reply 1 1", "SessionDied", "status DIED");
    host_shut_down(host);
}

/* A host that begins its request anew when it was aborted has it run in the new session. */
static void begun_in_reply(void)
{
    struct host *host = host_create(NULL);
    host->on_reply = begin_another;
    CHECK(host_execute(host, 1, "exit") == 0 && host_execute(host, 2, "print two") == 0);
    CHECK(host_execute(host, 3, "print three") == 0);
    host_until(host, "reply 103");
    HOST_IN_ORDER(host, "reply 1 1", "reply 2 2", "reply 3 2", "status DIED", "reply 101 0", "reply 102 0",
                  "reply 103 0");
    host_shut_down(host);
}

static void cannot_start(const char *how, const char *why)
{
    struct host *host = host_create(how);
    CHECK(host_execute(host, 1, "print x") == 0 && kernel->kernel_info(host->session, 2, NULL) == 0);
    host_until(host, "reply 2");
    host_until(host, "status FAILED");
    HOST_IN_ORDER(host, "error 1 {", "NoSession", "reply 1 1", "reply 2 0");
    host_expect(host, strstr(host->log, why) != NULL, why);
    host_expect(host, valid_utf8(host->log), "not UTF-8");
    /* The next request tries again. */
    host_forget(host);
    CHECK(host_execute(host, 3, "print x") == 0);
    host_until(host, "reply 3 1");
    HOST_IN_ORDER(host, "status STARTING", "status FAILED");
    host_shut_down(host);
}

/* A host that asks nothing learns, too, that there is no Python. */
static void no_python(void)
{
    struct host seen = {0}, *host = &seen;
    struct spk_host table = host_table(host);
    struct spk_options options = {.size = sizeof options, .python = "/no/such/python"};
    host_note(host, "", text_of(""));
    CHECK(kernel->create(&table, &options, &host->session, NULL) == 0);
    host_until(host, "status FAILED");
    HOST_IN_ORDER(host, "status STARTING", "status FAILED", "/no/such/python");
    CHECK(host_execute(host, 1, "print x") == 0);
    host_until(host, "reply 1 1");
    CHECK(kernel->destroy(host->session) == 0);
    free(host->log);
    options.python = NULL;
    options.directory = "/no/such/directory";
    struct spk_error error = {.size = sizeof error};
    CHECK(kernel->create(&table, &options, &host->session, &error) == -ENOENT && *error.text);
}

/* --- the end --------------------------------------------------------------------------------------- */

static void shutdown_in_order(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "wait") == 0 && host_execute(host, 2, "print never") == 0);
    host_until(host, "out 1 waiting");
    int pid = host_number(host, "out 1 waiting ");
    CHECK(test_exists(pid) && kernel->shutdown(host->session, 5000) == 0);
    host_until(host, "status ENDED");
    CHECK(!test_exists(pid));
    host_expect(host, host_count(host, "\nreply ") == 2, "not as often as that");
    HOST_IN_ORDER(host, "reply 1 1 {", "KeyboardInterrupt", "reply 2 2 {", "\"status\":\"aborted\"",
                  "status ENDED");
    struct spk_error error = {.size = sizeof error};
    CHECK(kernel->kernel_info(host->session, 3, &error) == -ESHUTDOWN && error.code == -ESHUTDOWN);
    CHECK(kernel->input_reply(host->session, 1, text_of("x"), NULL) == -ENOENT);
    CHECK(kernel->interrupt(host->session) == 0 && kernel->shutdown(host->session, 0) == 0);
    host_serve(host, 0);
    host_expect(host, host_count(host, "status ENDED") == 1, "not as often as that");
    host_destroy(host);
}

/* What goes with a cell that is measured as ranks, and when it is not let through. */
static void ranks(void)
{
    struct host *host = host_create(NULL);
    static const char *const codes[] = {
        "%%execute_with_scorep\\noptions",
        "%%execute_with_scorep --ranks 4 --gather a,b --gather \xC3\xBC\\noptions",
        "%%execute_with_scorep --gather a\\noptions",
        "%%scorep_launcher\\nmpirun --hostfile 'my  hosts'\\n",
        "%%execute_with_scorep --gather a\\noptions",
        "%%execute_with_scorep --repeat 2\\noptions",
        "%%enable_multicellmode",
        "%%scorep_launcher -",
        "%%execute_with_scorep --gather a\\noptions",
        "%%finalize_multicellmode --gather a",
        "%%finalize_multicellmode --ranks=65536 --options",
        "%scorep_marked",
        "%%finalize_multicellmode --ranks=65536 --gather=options",
    };
    uint64_t request = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK(host_execute(host, ++request, codes[i]) == 0);
    host_until(host, "reply 13");
    HOST_IN_ORDER(host, "out 1 {", "\"repeat\":1,\"text\":\"%%execute_with_scorep\"}}", "reply 1 0",
                  "out 2 {", "\"gather\":[\"a\",\"b\",\"\xC3\xBC\"]", "\"ranks\":4,", "reply 2 0",
                  "--gather has no ranks to gather from", "%%scorep_launcher. Nothing was run.", "reply 3 1",
                  "out 4 Measured cells are started as ranks by: mpirun --hostfile 'my  hosts'\n", "out 5 {",
                  "\"gather\":[\"a\"],\"launcher\":\"mpirun --hostfile 'my  hosts'\"", "reply 5 0",
                  "which cannot have --repeat 2", "`%%scorep_launcher -` takes", "reply 6 1", "reply 7 0",
                  "out 8 No launcher is set", "out 9 Marked as cell 1", "--gather has no ranks", "reply 10 1",
                  "%%finalize_multicellmode has no option", "reply 11 1", "out 12 Marked, to be run",
                  "\n  1  options\n", "reply 12 0", "out 13 {", "\"gather\":[\"options\"]",
                  "\"ranks\":65536,", "reply 13 0");
    host_shut_down(host);
}

static void shutdown_by_force(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "stubborn") == 0);
    host_until(host, "out 1 stubborn");
    int pid = host_number(host, "out 1 stubborn ");
    CHECK(kernel->shutdown(host->session, 100) == 0);
    host_until(host, "status ENDED");
    HOST_IN_ORDER(host, "reply 1 2", "status ENDED");
    CHECK(!test_exists(pid));
    host_destroy(host);
}

/* It is run if the session is ready that early, and is given up if not. */
static void shutdown_at_once(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "print x") == 0 && kernel->shutdown(host->session, 5000) == 0);
    host_until(host, "status ENDED");
    host_expect(host, host_count(host, "\nreply 1 ") == 1, "not as often as that");
    host_destroy(host);
}

static void destroyed_while_running(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "stubborn") == 0 && host_execute(host, 2, "print x") == 0);
    host_until(host, "out 1 stubborn");
    int pid = host_number(host, "out 1 stubborn ");
    host_destroy(host);
    CHECK(!test_exists(pid));
    host_destroy(host_create(NULL));
    host_destroy(host_create("silent"));
    CHECK(kernel->destroy(NULL) == 0);
}

/* After shutdown the host may go: the worker has its grace time all the same, and not more. */
static void destroyed_while_ending(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "stubborn") == 0);
    host_until(host, "out 1 stubborn");
    int pid = host_number(host, "out 1 stubborn ");
    CHECK(kernel->shutdown(host->session, 300) == 0 && kernel->dispatch(host->session, NULL) == 0);
    host_destroy(host);
    CHECK(test_exists(pid));
    test_until_reaped(pid);
}

/* Cells marked to be written are kept when the worker dies of writing them, whatever is answered then. */
static void marked_outlive_their_writer(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "%%start_writefile") == 0 && host_execute(host, 2, "print kept") == 0);
    CHECK(host_execute(host, 3, "%%end_writefile") == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "out 2 Marked as cell 1: print kept", "SessionDied", "reply 3 1");
    CHECK(kernel->complete(host->session, 4, text_of("{\"code\":\"\"}"), NULL) == 0);
    host_until(host, "reply 4 0");
    CHECK(host_execute(host, 5, "%scorep_marked") == 0);
    host_until(host, "reply 5 ");
    HOST_IN_ORDER(host, "out 5 Marked", "1  print kept", "reply 5 0");
    host_shut_down(host);
}

/* --- settings that the worker is asked about --------------------------------------------------------- */

/* They are in force once it has let them pass; what it has not stays as it was. */
static void settings_asked_about(void)
{
    struct host *host = host_create(NULL);
    static const char *const codes[] = {
        "%%marshalling_settings PROCESS=session MARSHALLER=dill",
        "%%serializer_settings\\nSERIALIZER=pickle\\nMODE=disk",
        "%%marshalling_settings PROCESS=forked MARSHALLER=stays MODE=memory",
        "%%marshalling_settings MODE=tape MARSHALLER=modestays",
        "%%marshalling_settings PROCESS=auto MARSHALLER=refused",
        "%%marshalling_settings PROCESS=auto MARSHALLER=nonsense",
        "%%marshalling_settings",
        "%%scorep_python_binding_arguments --user",
        "%%execute_with_scorep\\noptions",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK(host_execute(host, i + 1, codes[i]) == 0);
    host_until(host, "reply 9");
    HOST_IN_ORDER(host, "out 1 PROCESS=session MODE=memory MARSHALLER=dill\n", "reply 1 0",
                  "out 2 PROCESS=session MODE=disk MARSHALLER=pickle\n", "reply 2 0", "err 3 a warning",
                  "out 3 PROCESS=forked MODE=memory MARSHALLER=pickle\n", "reply 3 0",
                  "out 4 PROCESS=forked MODE=memory MARSHALLER=modestays\n", "reply 4 0", "reply 5 1",
                  "error 6 {", "could not be read. Nothing was changed.", "reply 6 1",
                  "out 7 PROCESS=forked MODE=memory MARSHALLER=modestays\n", "reply 7 0",
                  "out 8 Score-P's Python bindings get: --user\n", "reply 8 0", "out 9 {",
                  "\"arguments\":\"--user\",\"disk\":false,", "\"marshaller\":\"modestays\"", "reply 9 0");
    host_expect(host, host_count(host, "\nreply ") == 9 && host_count(host, "PROCESS=auto") == 0 &&
                          host_count(host, "display") == 0,
                "not as often as that");
    host_shut_down(host);
}

/* The worker ends, or is interrupted, before it has answered: nothing has changed, and no cell is lost. */
static void settings_unanswered(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "%%marshalling_settings MODE=disk MARSHALLER=dill") == 0);
    CHECK(host_execute(host, 2, "%%enable_multicellmode") == 0);
    CHECK(host_execute(host, 3, "print kept") == 0);
    CHECK(host_execute(host, 4, "%%marshalling_settings MODE=memory MARSHALLER=waits") == 0);
    host_until(host, "out 4 waiting");
    CHECK(kernel->interrupt(host->session) == 0);
    CHECK(host_execute(host, 5, "%%marshalling_settings") == 0);
    CHECK(host_execute(host, 6, "%%marshalling_settings MODE=memory MARSHALLER=dies") == 0);
    CHECK(host_execute(host, 7, "print never") == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 4 1 {", "KeyboardInterrupt", "out 5 PROCESS=auto MODE=disk MARSHALLER=dill\n",
                  "reply 5 0", "error 6 {", "The settings that this cell asked for are not in force.",
                  "reply 6 1", "reply 7 2", "status DIED");
    CHECK(host_execute(host, 8, "%%marshalling_settings") == 0);
    CHECK(host_execute(host, 9, "%scorep_marked") == 0);
    CHECK(host_execute(host, 10, "%%abort_multicellmode") == 0);
    CHECK(host_execute(host, 11, "exit") == 0);
    host_until(host, "reply 11");
    HOST_IN_ORDER(host, "out 8 PROCESS=auto MODE=disk MARSHALLER=dill\n", "reply 8 0", "out 9 Marked",
                  "\n  1  print kept\n", "reply 9 0", "1 marked cell is forgotten", "reply 10 0", "error 11 {");
    host_expect(host, host_count(host, "\nreply ") == 11 && host_count(host, "not in force") == 4,
                "not as often as that");
    host_shut_down(host);
}

/* In write mode, the directives that are the script's go to the worker in order, and the session's settings
 * stay. */
static void directives_of_a_script(void)
{
    struct host *host = host_create(NULL);
    static const char *const codes[] = {
        "%%scorep_python_binding_arguments --of-the-session",
        "%%start_writefile options",
        "%%scorep_python_binding_arguments\\n--of  'the script'",
        "%%scorep_env\\nA='1 2'\\n-B",
        "%%scorep_env\\nA",
        "%%scorep_python_binding_arguments '",
        "%%enable_multicellmode\\n# a comment\\n\\nlost",
        "%%abort_multicellmode\\n\\n# only a comment",
        "code",
        "%%finalize_multicellmode --guard",
        "%%scorep_python_binding_arguments -",
        "%scorep_marked",
        "%%end_writefile options",
        "%%abort_writefile",
        "%%scorep_python_binding_arguments",
    };
    uint64_t request = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK(host_execute(host, ++request, codes[i]) == 0);
    host_until(host, "reply 15");
    HOST_IN_ORDER(
        host, "reply 2 0", "out 3 Marked as cell 1: %%scorep_python_binding_arguments\nIt sets what",
        "out 4 Marked as cell 2: %%scorep_env\nIt changes the script's environment", "no KEY=VALUE",
        "reply 5 1", "a quote is not closed", "reply 6 1",
        "err 7 Note: what stands below %%enable_multicellmode in its cell is not run.",
        "out 7 Marked as cell 3", "The cells after it are instrumented",
        "out 8 Write mode is on, where %%abort_multicellmode", "reply 8 0",
        "out 9 Marked as cell 4: code\nIt is written by %%end_writefile, instrumented.",
        "out 10 Marked as cell 5", "if they begin with %%execute_with_scorep", "out 11 Marked as cell 6",
        "\n  4* code\n", "out 13 {", "\"arguments\":\"--of-the-session\"",
        "\"arguments\":\"--of 'the script'\"", "\"environment\":[[\"A\",\"1 2\"],[\"B\"]]",
        "\"kind\":\"environment\"", "\"kind\":\"enable\"", "\"kind\":\"code\"",
        "\"directive\":\"%%finalize_multicellmode --guard\"", "\"arguments\":\"\"", "\"write\":\" options\"",
        "reply 13 0", "Write mode is not on", "reply 14 1",
        "out 15 Score-P's Python bindings get: --of-the-session", "reply 15 0");
    host_shut_down(host);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(120);
    host_load();
    int descriptors = test_descriptors();
    in_order();
    everything_shown();
    bad_requests();
    interrupts();
    interrupted_before_ready();
    input();
    dies("exit", "ended with exit code 3");
    dies("crash", "SIGSEGV");
    dies("garbage", "was not understood");
    dies("half", "was not understood");
    cut_off();
    cut_off_for_good();
    last_words();
    dies_unseen();
    dies_deaf();
    takes_nothing();
    marked_outlive_their_writer();
    directives_of_a_script();
    begun_in_reply();
    cannot_start("fails", "install IPython");
    cannot_start("dies", "no such module");
    no_python();
    ranks();
    settings_asked_about();
    settings_unanswered();
    shutdown_in_order();
    shutdown_by_force();
    shutdown_at_once();
    destroyed_while_running();
    destroyed_while_ending();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
