/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_session.c - a whole session, and in each run something fails: create says so, or the session copes;
 * each request that was begun has one reply, and at the end nothing is left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "lived.h"

/* An answer that could not be sent may be given again. */
static void answer_input(struct spk_session *session, uint64_t request)
{
    struct spk_text line = {"line", 4};
    int result = -1;
    execute(session, request, "input");
    SERVE(session, told.asked || answered((int)request, (int)request));
    for (int tries = 0; result != 0 && tries < 2 && !answered((int)request, (int)request); tries++) {
        result = kernel->input_reply(session, request, line, NULL);
        if (result != 0 && (!fault_hit() || result == -ENOENT))
            give_up("the answer was refused");
    }
}

static void live(void)
{
    struct spk_session *session = create();
    if (!session)
        return;
    memset(begun, 0, sizeof begun);
    begun[1] = kernel->kernel_info(session, 1, NULL) == 0;
    execute(session, 2, "print hello");
    execute(session, 3, "%%execute_with_scorep\\nf()");
    execute(session, 4, "%%scorep_env");
    execute(session, 5, "both");
    SERVE(session, answered(1, 5));
    begun[6] = kernel->complete(session, 6, (struct spk_text){"{}", 2}, NULL) == 0;
    answer_input(session, 7);
    SERVE(session, answered(1, 7));
    execute(session, 8, "exit");
    SERVE(session, answered(1, 8));
    if (!fault_hit() && (!strstr(told.text, "out 2 hello\n") || told.died != 1 || told.failed))
        give_up("it went wrong though nothing failed");
    end(session);
}

/* At once, while everything runs. */
static void create_and_destroy(void)
{
    struct spk_session *session = create();
    if (session)
        CHECK(kernel->destroy(session) == 0 && !told.len);
}

int main(int argc, char **argv)
{
    int result = prepare(argc, argv);
    if (result >= 0)
        return result;
    fault_each(create_and_destroy, 1);
    fault_each(live, 0);
    return 0;
}
