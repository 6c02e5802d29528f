/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_promotion.c - a guarded cell as the library sees it: the worker parks a copy, ends, and the copy goes
 * on in its place; or it cannot, and the session is lost as without it.
 */
#include "host.h"

/* The processes of the session's keeper, in order of age; their number. worker: one that is known. */
static int children_of_keeper(int worker, int pids[8])
{
    char path[64];
    int keeper = 0, count = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", worker);
    FILE *file = fopen(path, "re");
    CHECK(file && fscanf(file, "%*d (%*[^)]) %*c %d", &keeper) == 1);
    fclose(file);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", keeper, keeper);
    file = fopen(path, "re");
    CHECK(file != NULL);
    while (count < 8 && fscanf(file, "%d", &pids[count]) == 1)
        count++;
    fclose(file);
    return count;
}

static int worker_of(struct host *host, uint64_t request)
{
    char wanted[64];
    CHECK(host_execute(host, request, "kept") == 0);
    snprintf(wanted, sizeof wanted, "reply %llu ", (unsigned long long)request);
    host_until(host, wanted);
    return host_number(host, " in ");
}

/* --- it goes on ------------------------------------------------------------------------------------ */

/* The cells behind it are run, in the session as it was before the cell. */
static void restored(const char *how, const char *why)
{
    struct host *host = host_create(NULL);
    char code[64];
    snprintf(code, sizeof code, "guard keep after %s", how);
    CHECK(host_execute(host, 1, "keep before print x") == 0 && host_execute(host, 2, code) == 0);
    CHECK(host_execute(host, 3, "kept") == 0 && host_execute(host, 4, "exit") == 0);
    CHECK(kernel->complete(host->session, 5, text_of("{}"), NULL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 1 0", "error 2 {", "SessionRestored", "\nreply 2 1 {", "SessionRestored",
                  "status READY", "out 3 kept before in ", "reply 3 0 ", "error 4 {",
                  "ended with exit code 3", "reply 4 1", "SessionDied", "reply 5 2", "status DIED");
    host_expect(host, strstr(host->log, why) != NULL, why);
    host_expect(host, host_count(host, "1 thread, 2 pipes and network connections") > 0, "not what it lacks");
    host_expect(host, host_count(host, "not understood") == (strstr(why, "not understood") ? 4 : 0),
                "of the second end it was not said why");
    host_expect(host, host_count(host, "\nreply ") == 5 && host_count(host, "status FAILED") == 0,
                "not as often as that");
    CHECK(host_execute(host, 6, "kept") == 0);
    host_until(host, "reply 6 0");
    HOST_IN_ORDER(host, "status DIED", "status STARTING", "status READY", "out 6 kept  in ");
    host_shut_down(host);
}

/* What the cell wrote before its end is shown. */
static void last_words(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "guard last") == 0);
    host_until(host, "reply 1 1");
    HOST_IN_ORDER(host, "out 1 last words", "\xEF\xBF\xBD\n", "error 1 {", "SessionRestored", "reply 1 1");
    host_shut_down(host);
}

/* A spare of a spare of a spare. */
static void again_and_again(void)
{
    struct host *host = host_create(NULL);
    int descriptors = 0;
    for (uint64_t i = 1; i < 12; i += 2) {
        char wanted[64];
        CHECK(host_execute(host, i, "guard crash") == 0 && host_execute(host, i + 1, "keep a print on") == 0);
        snprintf(wanted, sizeof wanted, "reply %d 0", (int)i + 1);
        host_until(host, wanted);
        CHECK(!descriptors || test_descriptors() == descriptors);
        descriptors = test_descriptors();
    }
    host_expect(host, host_count(host, "status DIED") == 0 && host_count(host, "\nreply ") == 12,
                "it did not go on");
    int pids[8], worker = worker_of(host, 20);
    CHECK(children_of_keeper(worker, pids) == 1 && pids[0] == worker);
    host_shut_down(host);
}

/* With the reply the spare is let go, and ends. */
static void not_needed(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1), descriptors = test_descriptors();
    CHECK(host_execute(host, 2, "guard wait") == 0);
    host_until(host, "out 2 waiting");
    CHECK(test_descriptors() == descriptors + 3 && children_of_keeper(worker, pids) == 2);
    int spare = pids[0] == worker ? pids[1] : pids[0];
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 2 1");
    HOST_IN_ORDER(host, "reply 2 1", "KeyboardInterrupt");
    CHECK(test_descriptors() == descriptors);
    test_until_reaped(spare);
    CHECK(host_execute(host, 3, "guard print fine") == 0 && host_execute(host, 4, "exit") == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "out 3 fine", "reply 3 0", "reply 4 1", "SessionDied");
    host_shut_down(host);
}

/* The interrupt that a promoted session gets is for its own cell. */
static void interrupted_afterwards(void)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "guard exit") == 0 && host_execute(host, 2, "wait") == 0);
    CHECK(host_execute(host, 3, "print next") == 0);
    host_until(host, "out 2 waiting");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 3 0");
    HOST_IN_ORDER(host, "SessionRestored", "reply 2 1", "KeyboardInterrupt", "out 3 next", "reply 3 0");
    host_shut_down(host);
}

/* The question died with the cell that asked it. */
static void question_forgotten(void)
{
    struct host *host = host_create(NULL);
    int worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard input") == 0);
    host_until(host, "input secret 2");
    CHECK(kill(worker, SIGKILL) == 0);
    host_until(host, "reply 2 1");
    HOST_IN_ORDER(host, "SessionRestored", "SIGKILL", "reply 2 1");
    CHECK(host_execute(host, 3, "kept") == 0);
    host_until(host, "reply 3 0");
    CHECK(kernel->input_reply(host->session, 2, text_of("late"), NULL) == -ENOENT);
    host_shut_down(host);
}

/* --- it cannot ------------------------------------------------------------------------------------- */

/* A spare that has ended is none. */
static void spare_first(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1), descriptors = test_descriptors();
    CHECK(host_execute(host, 2, "guard wait") == 0);
    host_until(host, "out 2 waiting");
    CHECK(children_of_keeper(worker, pids) == 2);
    int spare = pids[0] == worker ? pids[1] : pids[0];
    CHECK(kill(spare, SIGKILL) == 0);
    test_until_reaped(spare);
    while (test_descriptors() != descriptors)
        host_serve(host, 1);
    HOST_IN_ORDER(host, "err 2 Warning: the copy of the session that guards this cell was killed by SIGKILL",
                  "The cell goes on unguarded: should it end its process, the variables are lost.\n");
    CHECK(kill(worker, SIGKILL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "SessionDied", "SIGKILL", "reply 2 1", "status DIED");
    host_expect(host, host_count(host, "err 2 ") == 1, "it was not said once");
    CHECK(!strstr(host->log, "SessionRestored"));
    host_shut_down(host);
}

/* Both have ended before anybody was told: the end of the worker is told first, or that of the spare. */
static void both_unseen(int worker_first)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard wait") == 0 && host_execute(host, 3, "print never") == 0);
    host_until(host, "out 2 waiting");
    CHECK(children_of_keeper(worker, pids) == 2);
    int spare = pids[0] == worker ? pids[1] : pids[0], first = worker_first ? worker : spare;
    CHECK(kill(first, SIGKILL) == 0);
    test_until_reaped(first);
    CHECK(kill(first == worker ? spare : worker, SIGKILL) == 0);
    test_until_reaped(first == worker ? spare : worker);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "error 2 {", "SessionDied", "reply 2 1", "reply 3 2", "status DIED");
    CHECK(host_execute(host, 4, "print after") == 0);
    host_until(host, "reply 4 0");
    host_expect(host, host_count(host, "\nreply ") == 4 && host_count(host, "status FAILED") == 0,
                "not as often as that");
    host_shut_down(host);
}

/* The spare ends when it has taken over, and before it is ready. */
static void both_in_turn(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard wait") == 0 && host_execute(host, 3, "print never") == 0);
    host_until(host, "out 2 waiting");
    CHECK(children_of_keeper(worker, pids) == 2);
    int spare = pids[0] == worker ? pids[1] : pids[0];
    CHECK(kill(spare, SIGSTOP) == 0 && kill(worker, SIGKILL) == 0);
    host_until(host, "reply 2 1");
    HOST_IN_ORDER(host, "SessionRestored", "reply 2 1");
    CHECK(kernel->interrupt(host->session) == 0 && kill(spare, SIGKILL) == 0);
    host_until(host, "status DIED");
    /* The cell that waited was not begun: it is given up, or was interrupted. */
    HOST_IN_ORDER(host, "SessionRestored", "reply 3 ",
                  "status DIED The Python session was killed by SIGKILL");
    CHECK(host_execute(host, 4, "print after") == 0);
    host_until(host, "reply 4 0");
    host_expect(host, host_count(host, "\nreply ") == 4, "not as often as that");
    host_shut_down(host);
}

/* A spare that is not what it says: the cell runs on without, which is said, and nothing of it stays. */
static void rubbish(void)
{
    struct host *host = host_create(NULL);
    char code[64], wanted[128];
    (void)worker_of(host, 1);
    int descriptors = test_descriptors();
    for (int how = 0; how <= 8; how++) {
        uint64_t request = 10 + 2 * (uint64_t)how;
        snprintf(code, sizeof code, "badguard %d print on", how);
        CHECK(host_execute(host, request, code) == 0);
        snprintf(wanted, sizeof wanted, "reply %d 0", (int)request);
        host_until(host, wanted);
        CHECK(test_descriptors() == descriptors);
        snprintf(code, sizeof code, "badguard %d wait", how);
        CHECK(host_execute(host, request + 1, code) == 0);
        snprintf(wanted, sizeof wanted, "out %d waiting", (int)request + 1);
        host_until(host, wanted);
        while (test_descriptors() != descriptors) /* the keeper says that there is no such process */
            host_serve(host, 1);
        snprintf(wanted, sizeof wanted,
                 "err %d Warning: the copy of the session that guards this cell cannot ", (int)request + 1);
        host_expect(host, host_count(host, wanted) == 1, "it was not said once that the cell is unguarded");
        CHECK(kernel->interrupt(host->session) == 0);
        snprintf(wanted, sizeof wanted, "reply %d 1", (int)request + 1);
        host_until(host, wanted);
    }
    for (int how = 0; how <= 8; how++) {
        snprintf(code, sizeof code, "badguard %d exit", how);
        host_forget(host);
        CHECK(host_execute(host, 100, code) == 0);
        host_until(host, "status DIED");
        HOST_IN_ORDER(host, "error 100 {", "reply 100 1", "status DIED");
        host_until(host, "status READY");
        host_expect(host, host_count(host, "\nreply 100") == 1 && host_count(host, "status FAILED") == 0,
                    "not as often as that");
        CHECK(test_descriptors() == descriptors);
    }
    host_shut_down(host);
}

/* It has taken over, and then it turns out that nobody would know of its end: the library learns of the spare
 * and of the worker's end at the same time. */
static void cannot_be_adopted(void)
{
    struct host *host = host_create(NULL);
    int worker = worker_of(host, 1), descriptors = test_descriptors();
    for (int i = 0; i < 3; i++) {
        host_forget(host);
        CHECK(host_execute(host, 2, "nobody exit") == 0 && host_execute(host, 3, "print never") == 0);
        CHECK(kernel->dispatch(host->session, NULL) == 0); /* sends the cell */
        test_until_reaped(worker);
        host_until(host, "status DIED");
        HOST_IN_ORDER(host, "error 2 {", "SessionRestored", "reply 2 1", "reply 3 2", "status DIED");
        host_until(host, "status READY");
        host_expect(host, host_count(host, "\nreply ") == 2 && host_count(host, "status FAILED") == 0,
                    "not as often as that");
        CHECK(test_descriptors() == descriptors);
        host_forget(host);
        worker = worker_of(host, 4);
    }
    host_shut_down(host);
}

/* --- the end --------------------------------------------------------------------------------------- */

static void shut_down_while_guarded(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard wait") == 0);
    host_until(host, "out 2 waiting");
    CHECK(children_of_keeper(worker, pids) == 2);
    CHECK(kernel->shutdown(host->session, 20000) == 0);
    host_until(host, "status ENDED");
    HOST_IN_ORDER(host, "reply 2 1", "KeyboardInterrupt", "status ENDED");
    CHECK(!test_exists(pids[0]) && !test_exists(pids[1]));
    host_destroy(host);
    /* One that does not end is killed, and the spare does not take its place. */
    host = host_create(NULL);
    worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard stubborn") == 0);
    host_until(host, "out 2 stubborn");
    CHECK(children_of_keeper(worker, pids) == 2);
    CHECK(kernel->shutdown(host->session, 100) == 0);
    host_until(host, "status ENDED");
    HOST_IN_ORDER(host, "reply 2 2", "status ENDED");
    CHECK(!test_exists(pids[0]) && !test_exists(pids[1]) && !strstr(host->log, "SessionRestored"));
    host_destroy(host);
}

static void destroyed_while_guarded(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard stubborn") == 0);
    host_until(host, "out 2 stubborn");
    CHECK(children_of_keeper(worker, pids) == 2);
    host_destroy(host);
    CHECK(!test_exists(pids[0]) && !test_exists(pids[1]));
    /* Between the worker's end and the spare's beginning. */
    host = host_create(NULL);
    worker = worker_of(host, 1);
    CHECK(host_execute(host, 2, "guard wait") == 0);
    host_until(host, "out 2 waiting");
    CHECK(children_of_keeper(worker, pids) == 2);
    int spare = pids[0] == worker ? pids[1] : pids[0];
    CHECK(kill(spare, SIGSTOP) == 0 && kill(worker, SIGKILL) == 0);
    host_until(host, "reply 2 1");
    host_destroy(host);
    CHECK(!test_exists(spare));
}

/* The helper program is killed while there is a spare: both processes end, and a new session begins. */
static void keeper_killed(void)
{
    struct host *host = host_create(NULL);
    int pids[8], worker = worker_of(host, 1), descriptors = test_descriptors();
    CHECK(host_execute(host, 2, "guard wait") == 0);
    host_until(host, " of ");
    CHECK(children_of_keeper(worker, pids) == 2 && kill(host_number(host, " of "), SIGKILL) == 0);
    host_until(host, "status DIED");
    HOST_IN_ORDER(host, "reply 2 1", "status DIED");
    host_until(host, "status READY");
    test_until_reaped(pids[0]);
    test_until_reaped(pids[1]);
    CHECK(host_execute(host, 3, "print after") == 0);
    host_until(host, "reply 3 0");
    CHECK(test_descriptors() == descriptors);
    host_shut_down(host);
}

int main(int argc, char **argv)
{
    int result = fake_main(argc, argv);
    if (result >= 0)
        return result;
    test_limit(120);
    host_load();
    int descriptors = test_descriptors();
    restored("exit", "ended with exit code 3");
    restored("crash", "SIGSEGV");
    restored("garbage", "was not understood");
    restored("half", "was not understood");
    last_words();
    again_and_again();
    not_needed();
    interrupted_afterwards();
    question_forgotten();
    spare_first();
    both_unseen(1);
    both_unseen(0);
    both_in_turn();
    rubbish();
    cannot_be_adopted();
    shut_down_while_guarded();
    destroyed_while_guarded();
    keeper_killed();
    CHECK(test_descriptors() == descriptors);
    return 0;
}
