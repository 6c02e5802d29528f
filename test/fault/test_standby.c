/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_standby.c - sessions with more than one process, and in each run something fails: each request has one
 * reply, and at the end nothing is left.
 */
// wrap: malloc calloc realloc free strdup strndup getcwd realpath __realpath_chk socketpair pipe2 fcntl
// wrap: open dladdr epoll_create1 epoll_ctl epoll_wait eventfd timerfd_create timerfd_settime getrandom
// wrap: clone mmap read write sendmsg recvmsg access stat
#include "lived.h"

/* A guarded cell that ends its process. */
static void live_guarded(void)
{
    struct spk_session *session = create();
    if (!session)
        return;
    memset(begun, 0, sizeof begun);
    execute(session, 1, "keep this guard keep that exit");
    execute(session, 2, "kept");
    SERVE(session, answered(1, 2));
    int restored = strstr(told.text, "SessionRestored") != NULL;
    if (!fault_hit() && (!restored || told.died || told.failed || !strstr(told.text, "kept this in ")))
        give_up("it went wrong though nothing failed");
    /* Either it went on, or the session was lost; not something in between. */
    if (restored && strstr(told.text, "kept ") && !strstr(told.text, "kept this in ") && !told.died)
        give_up("it was restored, and is not what it was");
    end(session);
}

/* Cells that run in other processes. */
static void live_launched(void)
{
    struct spk_session *session = create();
    if (!session)
        return;
    memset(begun, 0, sizeof begun);
    execute(session, 1, "launch ready twice");
    execute(session, 2, "fork print forked");
    SERVE(session, answered(1, 2));
    execute(session, 3, "%%marshalling_settings PROCESS=launch MARSHALLER=stays");
    execute(session, 4, "launch ready+ exit");
    execute(session, 5, "print hello");
    SERVE(session, answered(1, 5));
    if (strstr(told.text, "MARSHALLER=") && !strstr(told.text, "PROCESS=launch MODE=memory MARSHALLER=cloudpickle"))
        give_up("the settings are not those that the worker let pass");
    if (!fault_hit() && (!strstr(told.text, "variables changed again") || !strstr(told.text, "forked") ||
                         !strstr(told.text, "started for 0") || told.died || told.failed ||
                         !strstr(told.text, "measurement ended with exit code 3")))
        give_up("it went wrong though nothing failed");
    end(session);
}

int main(int argc, char **argv)
{
    int result = prepare(argc, argv);
    if (result >= 0)
        return result;
    fault_each(live_guarded, 0);
    fault_each(live_launched, 0);
    return 0;
}
