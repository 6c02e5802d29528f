/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_guest.c - a session leaves the process that it lives in as it was: signals, mask, directory, locale,
 * environment, descriptors, children; and nothing is printed.
 */
#include "host.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

struct surroundings {
    struct sigaction actions[NSIG];
    sigset_t mask;
    char directory[4096], locale[256], descriptors[4096], environment[65536];
    mode_t mode;
    struct rlimit files;
};

/* "number target" of each descriptor, but the one that reads the list. */
static void list_descriptors(char *list, size_t size)
{
    DIR *open = opendir("/proc/self/fd");
    size_t at = 0;
    CHECK(open != NULL);
    for (const struct dirent *entry; (entry = readdir(open));) {
        char target[300];
        ssize_t len = readlinkat(dirfd(open), entry->d_name, target, sizeof target - 1);
        if (len < 0 || atoi(entry->d_name) == dirfd(open))
            continue;
        target[len] = 0;
        at += (size_t)snprintf(list + at, size - at, "%s %s\n", entry->d_name, target);
        CHECK(at < size);
    }
    closedir(open);
}

static void look(struct surroundings *at)
{
    memset(at, 0, sizeof *at);
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, NULL,
                        &at->actions[number]); /* fails for those that are the C library's own */
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &at->mask) == 0);
    CHECK(getcwd(at->directory, sizeof at->directory));
    snprintf(at->locale, sizeof at->locale, "%s", setlocale(LC_ALL, NULL));
    size_t len = 0;
    for (char **variable = environ; *variable; variable++)
        len += (size_t)snprintf(at->environment + len, sizeof at->environment - len, "%s\n", *variable);
    CHECK(len < sizeof at->environment);
    list_descriptors(at->descriptors, sizeof at->descriptors);
    at->mode = umask(0);
    umask(at->mode);
    CHECK(getrlimit(RLIMIT_NOFILE, &at->files) == 0);
}

static void compare(const struct surroundings *before, const struct surroundings *after)
{
    for (int number = 1; number < NSIG; number++) {
        CHECK(before->actions[number].sa_handler == after->actions[number].sa_handler);
        CHECK(before->actions[number].sa_flags == after->actions[number].sa_flags);
        CHECK(sigismember(&before->mask, number) == sigismember(&after->mask, number));
    }
    CHECK(!strcmp(before->directory, after->directory) && !strcmp(before->locale, after->locale));
    CHECK(!strcmp(before->environment, after->environment) && before->mode == after->mode);
    CHECK(!memcmp(&before->files, &after->files, sizeof before->files));
    if (strcmp(before->descriptors, after->descriptors) != 0) {
        fprintf(stderr, "descriptors before:\n%safter:\n%s", before->descriptors, after->descriptors);
        exit(1);
    }
}

/* A session that runs, shows, dies, starts anew and ends. */
static void live(int ending)
{
    struct host *host = host_create(NULL);
    CHECK(host_execute(host, 1, "both") == 0 && host_execute(host, 2, "show") == 0 &&
          host_execute(host, 3, "crash") == 0);
    host_until(host, "SessionDied");
    CHECK(host_execute(host, 4, "wait") == 0);
    host_until(host, "out 4 waiting");
    CHECK(kernel->interrupt(host->session) == 0);
    host_until(host, "reply 4 1");
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    if (ending) {
        CHECK(kernel->shutdown(host->session, 5000) == 0);
        host_until(host, "status ENDED");
    }
    host_destroy(host);
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* How many descriptors a program has that this process starts. */
static int inherited(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit $(ls /proc/self/fd | wc -l)", (char *)NULL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) >= 3);
    return WEXITSTATUS(status);
}

/* All descriptors of a session close on exec: a program that the host starts meanwhile has none of them. */
static void close_on_exec(void)
{
    int before = inherited();
    struct host *host = host_create(NULL);
    CHECK(inherited() == before);
    CHECK(host_execute(host, 1, "print x") == 0);
    host_until(host, "reply 1");
    CHECK(inherited() == before);
    host_destroy(host);
}

/* A host whose own descriptors 0, 1, 2 are closed lends their numbers to ours; the session works. */
static void without_standard_descriptors(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int fd = 0; fd < 12; fd++)
            close(fd);
        live(1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What is printed while a session lives and dies. */
static void silent(void)
{
    int out[2];
    CHECK(pipe(out) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(out[0]);
        close(out[1]);
        live(1);
        live(0);
        _exit(0);
    }
    close(out[1]);
    char said[4096];
    ssize_t got = read(out[0], said, sizeof said - 1);
    CHECK(got >= 0);
    said[got] = 0;
    if (got) {
        fprintf(stderr, "printed: %s\n", said);
        exit(1);
    }
    close(out[0]);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    static struct surroundings before, after;
    if (argc > 1 && !strcmp(argv[1], "-c"))
        return fake_worker();
    test_limit(120);
    host_load();
    /* Unusual, so that it shows when somebody "restores" the usual. */
    signal(SIGINT, on_signal);
    signal(SIGCHLD, on_signal);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0 && chdir("/tmp") == 0 &&
          setlocale(LC_ALL, "C.UTF-8"));
    umask(027);
    CHECK(setenv("SPK_TEST_GUEST", "yes", 1) == 0);
    look(&before);
    live(1);
    look(&after);
    compare(&before, &after);
    live(0);
    look(&after);
    compare(&before, &after);
    CHECK(signals == 0);
    silent();
    close_on_exec();
    without_standard_descriptors();
    signal(SIGCHLD, SIG_IGN);
    live(1);
    return 0;
}
