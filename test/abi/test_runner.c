/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_runner.c - a launched cell as the library sees it: the worker has it launched, the runner gets the
 * variables and the cell and is heard, and what it gives goes back to the worker, whatever becomes of it.
 */
#include "host.h"

/* Run a cell to its end, with what was told before forgotten. */
static void run(struct host *host, uint64_t request, const char *code)
{
    char wanted[64];
    host_forget(host);
    CHECK(host_execute(host, request, code) == 0);
    snprintf(wanted, sizeof wanted, "\nreply %llu ", (unsigned long long)request);
    host_until(host, wanted);
}

/* Until the library holds no more descriptors than that: what was let go has been closed. */
static void until_descriptors(struct host *host, int wanted)
{
    while (test_descriptors() != wanted) /* the limit of the test ends this */
        host_serve(host, 1);
}

/* The session is as if nothing had been launched. */
static void goes_on(struct host *host, int descriptors)
{
    run(host, 1000, "print fine");
    HOST_IN_ORDER(host, "out 1000 fine", "reply 1000 0");
    until_descriptors(host, descriptors);
}

static struct host *create(int *descriptors)
{
    struct host *host = host_create(NULL);
    run(host, 999, "print x");
    *descriptors = test_descriptors();
    return host;
}

/* --- there and back -------------------------------------------------------------------------------- */

static void launched(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "launch ready nostate");
    HOST_IN_ORDER(host, "out 1 ", "took the variables with {\"options\":1} runner ", "started for 1",
                  "how 0, content {\"status\":\"ok\"}, measurement {\"events\":9}, changes , variables none",
                  "reply 1 0 {\"status\":\"ok\",\"returned\":1}");
    test_until_reaped(host_number(host, "runner "));
    run(host, 2, "launch ready print hello");
    HOST_IN_ORDER(
        host, "runner ", "hello",
        "how 0, content {\"status\":\"ok\"}, measurement , changes {\"changes\":1}, variables the changed "
        "variables",
        "reply 2 0");
    run(host, 3, "launch ready twice"); /* the last one counts */
    HOST_IN_ORDER(host, "changes {\"changes\":2}, variables changed again", "reply 3 0");
    run(host, 4, "launch ready nonsense");
    HOST_IN_ORDER(host, "how 1, content {\"status\":\"error\",\"ename\":\"SyntaxError\"}", "reply 4 0");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* Its output is the cell's. */
static void output(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "launch ready show");
    HOST_IN_ORDER(host, "runner ",
                  "\ndisplay 1 {\"data\":1}\nupdate 1 {\"data\":2}\nclear wait 1 \nresult 1 {\"data\":3}\n"
                  "error 1 {\"ename\":\"E\"}\ncomm 2 1 {\"comm_id\":\"a\"}\ncomm 0 1 {\"comm_id\":\"b\"}\n"
                  "comm 0 1 {\"comm_id\":\"c\"}\nlog 2 a warning\nout 1 how 0",
                  "reply 1 0");
    run(host, 2, "launch ready both");
    HOST_IN_ORDER(host, "out1", "err1", "out2", "reply 2 0");
    /* In the measurement's place it is not shown: that is the worker's to do. */
    run(host, 3, "launch ready nostate");
    host_expect(host, host_count(host, "display 3") == 0, "shown");
    goes_on(host, descriptors);
    host_shut_down(host);
}

static void input(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "launch ready input") == 0);
    host_until(host, "input secret 1 name? ");
    CHECK(kernel->input_reply(host->session, 2, text_of("other"), NULL) == -ENOENT);
    CHECK(kernel->input_reply(host->session, 1, text_of("Ada"), NULL) == 0);
    CHECK(kernel->input_reply(host->session, 1, text_of("twice"), NULL) == -ENOENT);
    host_until(host, "\nreply 1 0");
    HOST_IN_ORDER(host, "how 0, content {\"status\":\"ok\",\"got\":\"Ada\"}", "reply 1 0");
    /* Interrupted at the question. */
    CHECK(host_execute(host, 2, "launch ready input") == 0);
    host_until(host, "input secret 2 name? ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 2 ");
    HOST_IN_ORDER(host, "how 1, content {\"status\":\"error\",\"ename\":\"KeyboardInterrupt\"}");
    CHECK(kernel->input_reply(host->session, 2, text_of("late"), NULL) == -ENOENT);
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* The question died with the runner that asked it, though the cell has not been answered yet. */
static void question_forgotten(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "launch ready input") == 0);
    host_until(host, "input secret 1 name? ");
    int pid = host_number(host, "runner ");
    CHECK(test_exists(pid) && kill(pid, SIGKILL) == 0);
    host_until(host, "\nreply 1 ");
    HOST_IN_ORDER(host, "how 1, content , measurement was killed by SIGKILL", "reply 1 0");
    CHECK(kernel->input_reply(host->session, 1, text_of("late"), NULL) == -ENOENT);
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* A forked copy of the worker is the runner: it has the variables, and gets none. */
static void forked(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "keep this print x");
    run(host, 2, "fork kept");
    HOST_IN_ORDER(
        host, "took none runner ", "started for a copy", "kept this in ",
        "how 0, content {\"status\":\"ok\"}, measurement , changes {\"changes\":1}, variables the changed "
        "variables",
        "reply 2 0");
    test_until_reaped(host_number(host, "runner "));
    run(host, 3, "fork keep that exit");
    HOST_IN_ORDER(host,
                  "how 1, content , measurement ended with exit code 3, changes {\"changes\":1}, variables "
                  "none, ending 2",
                  "reply 3 0");
    run(host, 4, "fork unready");
    HOST_IN_ORDER(host, "how 2, content , measurement ended with exit code 7, changes , variables none",
                  "reply 4 0");
    run(host, 5, "kept");
    HOST_IN_ORDER(host, "kept this in ");
    run(host, 6, "fork crash");
    HOST_IN_ORDER(host, "measurement ", "SIGSEGV", "reply 6 0");
    CHECK(host_execute(host, 7, "fork wait") == 0);
    host_until(host, "waiting");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 7");
    HOST_IN_ORDER(host, "how 1, content {\"status\":\"error\",\"ename\":\"KeyboardInterrupt\"}");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* --- started ahead --------------------------------------------------------------------------------- */

static void ahead(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "plan ready+"); /* nobody wants that */
    goes_on(host, descriptors);
    run(host, 1, "%%marshalling_settings PROCESS=launch");
    run(host, 1, "plan ready+");
    run(host, 2, "launch ready+ print one");
    HOST_IN_ORDER(host, "took the variables", "runner ", "started for 0", "one", "reply 2 0");
    int first = host_number(host, "runner ");
    test_until_reaped(first);
    /* With its end the next one was started, for no cell in particular, by the plan that came last. */
    run(host, 3, "launch ready+ exit");
    HOST_IN_ORDER(host, "started for 2", "how 1, content , measurement ended with exit code 3", "reply 3 0");
    /* After one that ended by itself, the next one is started when it is needed. */
    run(host, 4, "launch ready+ print two");
    HOST_IN_ORDER(host, "started for ", "two", "reply 4 0");
    /* Another key: the one that waits is of no use, and ends. */
    run(host, 5, "launch other+ print three");
    HOST_IN_ORDER(host, "started for 5", "three", "reply 5 0");
    run(host, 6, "launch other+ print four");
    HOST_IN_ORDER(host, "started for 5", "four", "reply 6 0");
    run(host, 7, "plan third+");
    run(host, 8, "plan third+"); /* it is there already */
    run(host, 9, "launch third+ print five");
    HOST_IN_ORDER(host, "started for 0", "five", "reply 9 0");
    /* One without that wish: none is started behind it. */
    run(host, 10, "launch plain print six");
    goes_on(host, descriptors);
    run(host, 11, "plan plain");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* The settings say so: the worker is asked for its plan. */
static void by_settings(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "%%marshalling_settings PROCESS=launch MODE=disk");
    HOST_IN_ORDER(host, "out 1 PROCESS=launch MODE=disk MARSHALLER=cloudpickle", "reply 1 0 {");
    run(host, 2, "launch ready+ print one");
    HOST_IN_ORDER(host, "started for 0", "one", "reply 2 0");
    /* Taken back: the one that was started after it ends. */
    run(host, 3, "%%marshalling_settings PROCESS=session");
    HOST_IN_ORDER(host, "out 3 PROCESS=session MODE=disk", "reply 3 0 {");
    goes_on(host, descriptors);
    run(host, 4, "%%marshalling_settings\\nPROCESS=no");
    HOST_IN_ORDER(host, "error 4 {", "ScorePDirectiveError", "PROCESS cannot be", "reply 4 1 {");
    run(host, 5, "%%scorep_python_binding_arguments\\n--mpp=mpi\\n --user");
    HOST_IN_ORDER(host, "out 5 Score-P's Python bindings get: --mpp=mpi --user", "reply 5 0 {");
    goes_on(host, descriptors);
    /* Ranks are started by their launcher: none waits for a cell, until it is taken back. */
    run(host, 6, "%%marshalling_settings PROCESS=launch");
    until_descriptors(host, descriptors + 4);
    run(host, 7, "%%scorep_launcher mpirun");
    HOST_IN_ORDER(host, "out 7 Measured cells are started as ranks by: mpirun", "reply 7 0 {");
    until_descriptors(host, descriptors);
    run(host, 8, "%%scorep_launcher -");
    until_descriptors(host, descriptors + 4);
    run(host, 9, "%%marshalling_settings PROCESS=auto");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* One that waits and is killed is replaced when there is need. */
static void killed_while_waiting(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "%%marshalling_settings PROCESS=launch");
    run(host, 1, "launch ready+ print one");
    test_until_reaped(host_number(host, "runner "));
    until_descriptors(host, descriptors + 4); /* the next one's socket, pipes and timer */
    run(host, 2, "plan dies+");
    until_descriptors(host, descriptors);
    run(host, 3, "plan rubbish+");
    until_descriptors(host, descriptors);
    run(host, 4, "plan fails+");
    until_descriptors(host, descriptors);
    run(host, 5, "launch ready+ print two");
    HOST_IN_ORDER(host, "started for 5", "two", "reply 5 0");
    host_shut_down(host);
}

/* --- ends ------------------------------------------------------------------------------------------ */

static void dies_at_start(const char *start, const char *why)
{
    int descriptors;
    char code[64];
    struct host *host = create(&descriptors);
    snprintf(code, sizeof code, "launch %s print x", start);
    for (uint64_t request = 1; request < 3; request++) {
        run(host, request, code);
        HOST_IN_ORDER(host, "how 2, content , measurement ", why, "changes , variables none", "reply ");
    }
    host_expect(host, host_count(host, "status DIED") == 0, "the session has nothing to do with it");
    goes_on(host, descriptors);
    host_shut_down(host);
}

static void dies_in_cell(const char *cell, const char *why)
{
    int descriptors;
    char code[64];
    struct host *host = create(&descriptors);
    snprintf(code, sizeof code, "launch ready %s", cell);
    for (uint64_t request = 1; request < 3; request++) {
        run(host, request, code);
        HOST_IN_ORDER(host, "how 1, content , measurement ", why, "variables none", "reply ");
    }
    host_expect(host, host_count(host, "status DIED") == 0, "the session has nothing to do with it");
    goes_on(host, descriptors);
    host_shut_down(host);
}

static void last_words(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "launch ready last");
    HOST_IN_ORDER(host, "last words", "\xEF\xBF\xBD", "measurement ended with exit code 3");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* A runner that answers before it is asked, and has ended when it is heard: the host's own standard input,
 * which has a number that was somebody's once, is none of its business. */
static void early(void)
{
    int descriptors, pair[2];
    struct host *host = create(&descriptors);
    CHECK(pipe(pair) == 0 && dup2(pair[0], 0) == 0 && write(pair[1], "typed", 5) == 5);
    descriptors = test_descriptors();
    for (uint64_t request = 1; request < 4; request++) {
        char wanted[64];
        host_forget(host);
        CHECK(host_execute(host, request, "launch early print x") == 0);
        /* Once it is started it is given time, so that all is there to be found at once. */
        while (test_descriptors() < descriptors + 4) {
            poll(NULL, 0, 1);
            CHECK(kernel->dispatch(host->session, NULL) == 0);
        }
        poll(NULL, 0, 100);
        snprintf(wanted, sizeof wanted, "\nreply %d ", (int)request);
        host_until(host, wanted);
        HOST_IN_ORDER(host, "how 0, content {\"status\":\"early\"}", wanted);
    }
    goes_on(host, descriptors);
    host_shut_down(host);
    char typed[8];
    CHECK(read(0, typed, sizeof typed) == 5 && !memcmp(typed, "typed", 5));
    close(pair[0]);
    close(pair[1]);
}

/* What is no launch is answered, and leaves nothing behind. */
static void malformed(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    char code[32];
    for (int how = 0; how <= 10; how++) {
        snprintf(code, sizeof code, "badlaunch %d", how);
        run(host, 1 + (uint64_t)how, code);
        HOST_IN_ORDER(host, "how 2, content , measurement ", "changes , variables none", "reply ");
        host_expect(host,
                    host_count(host, how == 6 || how == 7   ? "exit code 0"
                                     : how == 8 || how == 9 ? "executing the program"
                                                            : "understood") ||
                        how == 10,
                    "it does not say why");
        until_descriptors(host, descriptors);
    }
    for (int how = 11; how <= 12; how++) {
        snprintf(code, sizeof code, "badlaunch %d", how);
        run(host, 1 + (uint64_t)how, code);
        until_descriptors(host, descriptors);
    }
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* The worker ends while its cell runs elsewhere: the runner goes with it. */
static void worker_dies(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "wait") == 0);
    host_until(host, " of ");
    int worker = host_number(host, "waiting ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 1 ");
    CHECK(host_execute(host, 2, "launch ready+ stubborn") == 0 && host_execute(host, 3, "print never") == 0);
    host_until(host, "stubborn ");
    int runner = host_number(host, "runner ");
    CHECK(kill(worker, SIGKILL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "error 2 {", "SessionDied", "reply 2 1", "reply 3 2", "status DIED");
    test_until_reaped(runner);
    host_until(host, "status READY");
    goes_on(host, descriptors);
    host_shut_down(host);
}

/* --- interrupt ------------------------------------------------------------------------------------- */

static void interrupted_at_start(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "launch silent print x") == 0 && host_execute(host, 2, "print next") == 0);
    host_until(host, "starting ");
    int runner = host_number(host, "starting ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 2 0");
    HOST_IN_ORDER(host, "how 2, content , measurement , changes , variables none, ending 1", "reply 1 0",
                  "out 2 next");
    test_until_reaped(runner);
    goes_on(host, descriptors);
    host_shut_down(host);
}

static void interrupted_in_cell(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "launch ready wait") == 0 && host_execute(host, 2, "print next") == 0);
    host_until(host, "waiting ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 2 0");
    HOST_IN_ORDER(
        host,
        "how 1, content {\"status\":\"error\",\"ename\":\"KeyboardInterrupt\"}, measurement , changes "
        "{\"changes\":1}, variables the changed variables",
        "reply 1 0", "out 2 next");
    /* One that has closed its connection is interrupted by the signal alone. */
    CHECK(host_execute(host, 3, "launch ready mute") == 0);
    host_until(host, "mute ");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "\nreply 3 ");
    HOST_IN_ORDER(host, "how 1, content , measurement ended with exit code 4");
    /* Nothing runs in the runner that waits: it is not interrupted. */
    run(host, 4, "launch ready+ print one");
    run(host, 5, "print between");
    CHECK(kernel->interrupt(host->session) == 0);
    run(host, 6, "launch ready+ print two");
    HOST_IN_ORDER(host, "started for 4", "two", "how 0", "reply 6 0");
    host_shut_down(host);
}

/* A worker that has answered already, and hands an interrupt on all the same. */
static void abandoned(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "abandon ready print never");
    HOST_IN_ORDER(host, "reply 1 0");
    goes_on(host, descriptors);
    host_expect(host, host_count(host, "never") == 0, "run");
    host_shut_down(host);
}

/* --- the end of the session ------------------------------------------------------------------------ */

static void shut_down_in_cell(const char *code, const char *seen, const char *number, int answered)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, code) == 0 && host_execute(host, 2, "print never") == 0);
    host_until(host, seen);
    int runner = host_number(host, number);
    CHECK(test_exists(runner) && kernel->shutdown(host->session, answered ? 20000 : 200) == 0);
    host_until(host, "status ENDED");
    CHECK(!test_exists(runner));
    HOST_IN_ORDER(host, answered ? "\nreply 1 0" : "\nreply 1 2", "\nreply 2 2", "status ENDED");
    host_expect(host, host_count(host, "\nreply ") == 3 && host_count(host, "status DIED") == 0,
                "not as often as that");
    host_destroy(host);
}

static void shut_down_while_waiting(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    run(host, 1, "launch ready+ print one");
    until_descriptors(host, descriptors + 4);
    CHECK(kernel->shutdown(host->session, 20000) == 0);
    host_until(host, "status ENDED");
    host_destroy(host);
}

static void destroyed(const char *code, const char *seen, const char *number)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, code) == 0);
    host_until(host, seen);
    int runner = host_number(host, number);
    CHECK(test_exists(runner));
    host_destroy(host);
    CHECK(!test_exists(runner));
}

/* After shutdown the host may go: a launched cell has the grace time as any other has. */
static void destroyed_while_ending(void)
{
    int descriptors;
    struct host *host = create(&descriptors);
    CHECK(host_execute(host, 1, "launch ready stubborn") == 0);
    host_until(host, "stubborn ");
    int runner = host_number(host, "runner ");
    CHECK(kernel->shutdown(host->session, 500) == 0 && kernel->dispatch(host->session, NULL) == 0);
    host_destroy(host);
    poll(NULL, 0, 50); /* when it is killed at once, that takes no longer */
    CHECK(test_exists(runner));
    test_until_reaped(runner);
}

int main(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(120);
    host_load();
    int descriptors = test_descriptors();
    launched();
    output();
    input();
    question_forgotten();
    forked();
    ahead();
    by_settings();
    killed_while_waiting();
    dies_at_start("dies", "ended with exit code 5");
    dies_at_start("unheard", "ended with exit code 5");
    dies_at_start("fails", "needs Score-P");
    dies_at_start("rubbish", "was not understood");
    dies_in_cell("exit", "ended with exit code 3");
    dies_in_cell("crash", "SIGSEGV");
    dies_in_cell("garbage", "was not understood");
    dies_in_cell("half", "was not understood");
    last_words();
    early();
    malformed();
    worker_dies();
    abandoned();
    interrupted_at_start();
    interrupted_in_cell();
    shut_down_in_cell("launch ready wait", "waiting ", "waiting ", 1);
    shut_down_in_cell("launch silent print x", "starting ", "starting ", 1);
    shut_down_in_cell("launch ready stubborn", "stubborn ", "stubborn ", 0);
    shut_down_in_cell("fork stubborn", "stubborn ", "stubborn ", 0);
    shut_down_while_waiting();
    destroyed("launch ready stubborn", "stubborn ", "stubborn ");
    destroyed("launch silent print x", "starting ", "starting ");
    destroyed("fork stubborn", "stubborn ", "stubborn ");
    destroyed_while_ending();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
