/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fake_standby.h - the part of fake_worker.h that has to do with other processes: parked copies, and runners.
 */
#ifndef FAKE_BESIDE_H
#define FAKE_BESIDE_H

#include "fake_wire.h"

static void fake_execute(const char *code);
static void fake_serve(void);

/* Make a copy that waits for WORKER_SETUP, and is nobody's child. Its number, and in the frame's descriptors
 * its socket and pipes; in the copy, 0. */
static int fake_copy(void)
{
    int pair[2], out[2], err[2], pid = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
        pipe2(err, O_CLOEXEC) != 0)
        _exit(9);
    pid_t between = fork();
    if (between == 0) {
        if (fork() != 0)
            _exit(0);
        setpgid(0, 0); /* before anybody knows: what the original's group is sent is not for it */
        pid = (int)getpid();
        fake_write(pair[1], &pid, sizeof pid);
        dup2(out[1], 1);
        dup2(err[1], 2);
        dup2(pair[1], WORKER_FD);
        for (int fd = WORKER_FD + 1; fd < 64; fd++)
            close(fd);
        while (!fake_next()) /* until the end of its socket ends it */
            fake.interrupted = 0;
        if (!fake_set_up())
            _exit(6);
        return 0;
    }
    waitpid(between, NULL, 0);
    if (read(pair[0], &pid, sizeof pid) != (ssize_t)sizeof pid)
        _exit(9);
    close(pair[1]);
    close(out[1]);
    close(err[1]);
    memcpy(fake.fds, (int[]){pair[0], out[0], err[0]}, sizeof(int[3]));
    fake.fd_count = 3;
    return pid;
}

/* Park a copy, and say so. In the copy it does not return: that serves as the session. */
static void fake_guard(void)
{
    char number[16];
    int pid = fake_copy();
    if (pid) {
        snprintf(number, sizeof number, "#%d", pid);
        FAKE_SEND(WORKER_STANDBY, number, "{\"threads\":1,\"children\":0,\"connections\":2}");
        return;
    }
    fake.request = 0;
    FAKE_SEND(WORKER_READY, "");
    fake_serve();
    _exit(0);
}

/* Wait for what the launched cell gave, and print it. */
static void fake_return(uint64_t request)
{
    char text[1024];
    uint32_t lens[5];
    do {
        if (!fake_next()) {
            fake.request = request;
            fake_reply_interrupted();
            return;
        }
        fake.ending |= fake.type == WORKER_SHUTDOWN;
    } while (fake.type != WORKER_RETURN || fake.request != request);
    const char *parts[5];
    for (unsigned i = 0; i < 5; i++)
        parts[i] = fake_part(i, &lens[i]);
    snprintf(text, sizeof text, "how %d, content %.*s, measurement %.*s, changes %.*s, variables ",
             lens[0] == 4 ? parts[0][0] : -1, (int)lens[1], parts[1], (int)lens[2], parts[2], (int)lens[3],
             parts[3]);
    fake_print(1, text);
    fake_print(1, fake_file_text());
    snprintf(text, sizeof text, ", ending %d", lens[4] == 4 ? parts[4][0] : -1);
    fake_print(1, text);
    FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\",\"returned\":1}");
}

/* Ask for a runner that does at its start what that says; a '+' in it: also ahead. */
static void fake_plan(uint64_t request, const char *start)
{
    char plan[2 * PATH_MAX], self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        _exit(9);
    snprintf(
        plan, sizeof plan,
        "{\"key\":\"%s\",\"argv\":[\"%s\",\"-r\",\"%s\",\"%llu\"],\"environment\":[\"PATH=/usr/bin:/bin\","
        "\"ASAN_OPTIONS=detect_leaks=0\",\"FAKE_RUNNER=yes\"],\"ahead\":%d}",
        start, self, start, (unsigned long long)request, strchr(start, '+') != NULL);
    fake.request = request;
    FAKE_SEND(WORKER_LAUNCH, plan, "", "{\"options\":1}");
}

/* A launched cell whose WORKER_LAUNCH is not as it must be, in some way. */
static void fake_launch_badly(int how)
{
    static const char *const plans[] = {
        "no JSON",
        "{}",
        "{\"key\":5,\"argv\":[\"/bin/true\"],\"environment\":[\"A=b\"]}",
        "{\"key\":\"k\",\"argv\":[],\"environment\":[\"A=b\"]}",
        "{\"key\":\"k\",\"argv\":[\"/bin/true\",5],\"environment\":[\"A=b\"]}",
        "{\"key\":\"k\",\"argv\":\"/bin/true\",\"environment\":[\"A=b\"]}",
        "{\"key\":\"k\",\"argv\":[\"/bin/true\"],\"environment\":{}}",
        "{\"key\":\"k\",\"argv\":[\"/bin/true\"]}",
        "{\"key\":\"k\",\"argv\":[\"/no/such\"],\"environment\":[\"A=b\"]}"};
    const int count = (int)(sizeof plans / sizeof *plans);
    uint64_t request = fake.request;
    char none[16];
    snprintf(none, sizeof none, "#%d", (int)getpid());
    for (fake.fd_count = 0; fake.fd_count < (how == count ? 8 : 1); fake.fd_count++)
        fake.fds[fake.fd_count] = fake_file("variables");
    if (how < count)
        FAKE_SEND(WORKER_LAUNCH, plans[how], "", "{}");
    else if (how == count) /* too many descriptors */
        FAKE_SEND(WORKER_LAUNCH, plans[count - 1], "", "{}");
    else if (how == count + 1) /* a copy without its descriptors */
        FAKE_SEND(WORKER_LAUNCH, "{}", none, "{}");
    else if (how == count + 2) /* for no request, and with a descriptor */
        fake.request = 0, FAKE_SEND(WORKER_LAUNCH, plans[0], "", "{}"), fake.request = request;
    else if (how == count + 3) /* parts are missing, so that there is no answer */
        FAKE_SEND(WORKER_LAUNCH, plans[0], "");
    if (how < count + 2)
        fake_return(request);
    else
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
}

/* A WORKER_STANDBY that is not as it must be, in some way. */
static void fake_guard_badly(int how)
{
    char number[16];
    snprintf(number, sizeof number, "#%d", how == 3 ? 0 : how == 4 ? (int)getpid() : how == 5 ? INT_MAX : 1);
    for (fake.fd_count = 0; fake.fd_count < (how == 0 ? 0 : how == 1 ? 2 : how == 2 ? 8 : 3); fake.fd_count++)
        fake.fds[fake.fd_count] = fake_file("no socket");
    if (how == 6)
        FAKE_SEND(WORKER_STANDBY, number);
    else if (how == 7)
        FAKE_SEND(WORKER_STANDBY, "abc", "no JSON");
    else if (how == 8)
        fake_send(WORKER_STANDBY, fake.request, (const char *[]){NULL});
    else
        FAKE_SEND(WORKER_STANDBY, number, "no JSON");
}

/* A spare whose socket and pipes are good, but which is not there; "exit" as fast as can be. */
static void fake_guard_nobody(void)
{
    int pid = fake_copy();
    char number[16];
    while (!pid)
        (void)fake_next(); /* until the end of its socket ends it */
    snprintf(number, sizeof number, "#%d", INT_MAX);
    FAKE_SEND(WORKER_STANDBY, number, "{}");
}

/* Run one cell, whose code begins with so many words that are not for us. */
static void fake_run(int words)
{
    char code[4096], text[512];
    snprintf(text, sizeof text, "took none ");
    for (;;) {
        fake.interrupted = 0;
        if (!fake_next())
            continue;
        if (fake.type == WORKER_SHUTDOWN)
            return;
        uint32_t len;
        const char *options = fake_part(0, &len);
        if (fake.type == WORKER_TAKE_STATE)
            snprintf(text, sizeof text, "took %s with %.*s ", fake_file_text(), (int)len, options);
        if (fake.type != WORKER_EXECUTE)
            continue;
        options = fake_part(2, &len);
        if (!strstr(options, "options"))
            _exit(6);
        const char *found = strstr(fake.payload + 4, "\"code\":\"");
        snprintf(code, sizeof code, "%.4000s", found ? found + 8 : "");
        found = code;
        for (int i = 0; i < words; i++)
            found += strcspn(found, " \"") + 1;
        fake_mark(MARK_PARENT, fake.request, 0);
        fake_print(1, text);
        snprintf(text, sizeof text, "runner %d started for %s ", (int)getpid(), fake.started_for);
        fake_print(1, text);
        if (strncmp(found, "nostate", 7) != 0) {
            fake.fds[fake.fd_count++] = fake_file("the changed variables");
            FAKE_SEND(WORKER_STATE, "{\"changes\":1}");
        }
        if (!strncmp(found, "twice", 5)) {
            fake.fds[fake.fd_count++] = fake_file("changed again");
            FAKE_SEND(WORKER_STATE, "{\"changes\":2}");
        }
        if (!strncmp(found, "nostate", 7) || !strncmp(found, "twice", 5))
            FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}", "{\"events\":9}");
        else
            fake_execute(found);
    }
}

/* A copy runs the cell. */
static void fake_fork(const char *code)
{
    char number[16];
    uint64_t request = fake.request;
    int pid = fake_copy();
    if (pid) {
        snprintf(number, sizeof number, "#%d", pid);
        FAKE_SEND(WORKER_LAUNCH, "{}", number, "{\"options\":1}");
        fake_return(request);
        return;
    }
    if (!strncmp(code, "unready", 7))
        _exit(7);
    fake.request = 0;
    fake.started_for = "a copy";
    FAKE_SEND(WORKER_READY, "");
    fake_run(1);
    _exit(0);
}

/* What has to do with other processes. 0: it is another cell. */
static int fake_execute_beside(const char *code)
{
    char text[128];
    uint64_t request = fake.request;
    if (!strncmp(code, "guard ", 6)) {
        fake_guard();
        fake_execute(code + 6);
    } else if (!strncmp(code, "badguard ", 9)) {
        fake_guard_badly(atoi(code + 9));
        fake_execute(code + 11);
    } else if (!strncmp(code, "nobody ", 7)) {
        fake_guard_nobody();
        fake_execute(code + 7);
    } else if (!strncmp(code, "keep ", 5)) {
        snprintf(fake.kept, sizeof fake.kept, "%.*s", (int)strcspn(code + 5, " \""), code + 5);
        fake_execute(code + 5 + strlen(fake.kept) + 1);
    } else if (!strncmp(code, "kept", 4)) {
        snprintf(text, sizeof text, "kept %s in %d ", fake.kept, (int)getpid());
        fake_print(1, text);
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "launch ", 7)) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(code + 7, " \""), code + 7);
        fake.fds[fake.fd_count++] = fake_file("the variables");
        fake_plan(request, text);
        fake_return(request);
    } else if (!strncmp(code, "abandon ", 8)) { /* as "launch", but it answers at once, and then says more */
        snprintf(text, sizeof text, "%.*s", (int)strcspn(code + 8, " \""), code + 8);
        fake.fds[fake.fd_count++] = fake_file("the variables");
        fake_plan(request, text);
        fake.request = request;
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
        FAKE_SEND(WORKER_NOT_FOR_ME, "");
    } else if (!strncmp(code, "badlaunch ", 10)) {
        fake_launch_badly(atoi(code + 10));
    } else if (!strncmp(code, "plan ", 5)) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(code + 5, " \""), code + 5);
        fake_plan(0, text);
        fake.request = request;
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"ok\"}");
    } else if (!strncmp(code, "fork ", 5)) {
        fake_fork(code + 5);
    } else {
        return 0;
    }
    return 1;
}

/* What the test's program is when it is started as a runner. start: what it does then. */
static inline int fake_runner(const char *start, const char *request)
{
    char text[64];
    fake_prepare();
    fake.started_for = request;
    if (!getenv("FAKE_RUNNER") || !strncmp(start, "unheard", 7))
        return 5;
    fake_next();
    if (!fake_set_up())
        return 6;
    fake.request = strtoull(request, NULL, 10);
    snprintf(text, sizeof text, "starting %d ", (int)getpid());
    if (!strncmp(start, "silent", 6)) {
        fake_mark(MARK_PARENT, fake.request, 0);
        fake_print(1, text);
        fake_hang();
    }
    if (!strncmp(start, "dies", 4)) {
        fake_print(2, "no such library");
        return 5;
    }
    if (!strncmp(start, "fails", 5)) {
        FAKE_SEND(WORKER_FAILED, "needs Score-P");
        return 1;
    }
    if (!strncmp(start, "rubbish", 7)) {
        memset(fake.payload, 0xff, 64);
        fake_write(WORKER_FD, fake.payload, 64);
        fake_hang();
    }
    if (!strncmp(start, "early", 5)) { /* an answer before the question */
        FAKE_SEND(WORKER_REPLY, "#0", "{\"status\":\"early\"}");
        return 0;
    }
    FAKE_SEND(WORKER_HELLO, "{}");
    FAKE_SEND(WORKER_READY, "");
    fake_run(2);
    return 0;
}

#endif
