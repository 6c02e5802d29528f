/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_paths.c - where Python is, and where the library's own parts are: a copy of this very program, with
 * and without a directory beside it, asks.
 */
#include "process/paths.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char scratch[] = "/tmp/spk-test-paths-XXXXXX";

static const char *in_scratch(const char *name)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static void make_file(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    CHECK(fd >= 0 && fchmod(fd, mode) == 0);
    close(fd);
}

static const char *found(const char *name, const char *search)
{
    static char path[PATHS_MAX];
    char variable[4096];
    snprintf(variable, sizeof variable, "PATH=%s", search ? search : "");
    const char *environment[] = {"PATHS=/nowhere", search ? variable : "X=y", NULL};
    struct spk_error error = {.size = sizeof error};
    int result = paths_python(name, environment, scratch, path, &error);
    CHECK(result == 0 || (result == -ENOENT && error.code == -ENOENT && strstr(error.text, name)));
    CHECK(result == 0 || strstr(error.text, "scorepkernel install --python"));
    return result == 0 ? path : "";
}

static void variables(void)
{
    const char *environment[] = {"AB=1", "A=2", "B=", "C", "A=3", NULL};
    CHECK(!strcmp(paths_variable(environment, "A"), "2") && !strcmp(paths_variable(environment, "AB"), "1"));
    CHECK(!strcmp(paths_variable(environment, "B"), "") && !paths_variable(environment, "C"));
    CHECK(!paths_variable(environment, "D") && !paths_variable(NULL, "A"));
}

static void python(void)
{
    char search[4096], program[4096];
    strcpy(program, in_scratch("b/spk-python"));
    CHECK(mkdir(in_scratch("a"), 0755) == 0 && mkdir(in_scratch("b"), 0755) == 0);
    CHECK(mkdir(in_scratch("a/spk-python"), 0755) == 0); /* a directory is no program */
    make_file(program, 0755);
    make_file(in_scratch("b/plain"), 0644);
    snprintf(search, sizeof search, "/no/such:%s/a:%s/b", scratch, scratch);
    CHECK(!strcmp(found("spk-python", search), program));
    CHECK(!*found("plain", search) && !*found("spk-nothing", search) && !*found("spk-python", "/usr/bin"));
    CHECK(!*found("", search) && !*found("spk-python", ""));
    /* By a path: absolute, or from the session's directory. */
    CHECK(!strcmp(found(program, "/usr/bin"), program));
    CHECK(!strcmp(found("b/spk-python", "/usr/bin"), program) &&
          !strcmp(found("./b/spk-python", NULL), in_scratch("./b/spk-python")));
    CHECK(!*found("b/plain", NULL) && !*found("/no/such/python", NULL) && !*found(in_scratch("a"), NULL));
    /* An empty entry stands for the session's directory; other relative ones are not looked into. */
    make_file(in_scratch("here"), 0755);
    CHECK(!strcmp(found("here", "/no/such::/usr/bin"), in_scratch("here")));
    CHECK(!strcmp(found("here", ""), in_scratch("here")));
    CHECK(chdir(scratch) == 0 && !*found("spk-python", "b:/usr/bin") && chdir("/") == 0);
    /* Without PATH, the usual places. */
    CHECK(!strncmp(found("sh", NULL), "/usr/bin/sh", 11) || !strcmp(found("sh", NULL), "/bin/sh"));
    /* A virtual environment is a symbolic link, which is not followed. */
    CHECK(symlink(program, in_scratch("a/linked")) == 0);
    CHECK(!strcmp(found("linked", search), in_scratch("a/linked")));
}

static void too_long(void)
{
    static char name[2 * PATHS_MAX], search[2 * PATHS_MAX];
    memset(name, 'n', sizeof name - 1);
    memset(search, '/', sizeof search - 1);
    struct spk_error error = {.size = sizeof error};
    const char *environment[] = {"PATH=/usr/bin", NULL};
    char path[PATHS_MAX];
    CHECK(paths_python(name, environment, "/", path, &error) == -ENOENT);
    name[0] = '/';
    CHECK(paths_python(name, environment, "/", path, &error) == -ENOENT);
    CHECK(strlen(error.text) < sizeof error.text);
    memcpy(search, "PATH=", 5);
    CHECK(paths_python("sh", (const char *[]){search, NULL}, "/", path, NULL) == -ENOENT);
}

/* Run the copy, which asks. Returns what it says. */
static const char *ask(const char *program)
{
    static char said[8192];
    int out[2], status;
    CHECK(pipe(out) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(out[1], 1);
        execl(program, program, "ask", (char *)NULL);
        _exit(1);
    }
    close(out[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(out[0], said + len, sizeof said - 1 - len)) > 0; len += (size_t)got)
        continue;
    said[len] = 0;
    close(out[0]);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return said;
}

static int answer(void)
{
    struct spk_error error = {.size = sizeof error};
    char path[PATHS_MAX];
    int result = paths_private(path, &error);
    printf("%d %s", result, result == 0 ? path : error.text);
    return 0;
}

static void copy_self(const char *to)
{
    char bytes[65536];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        copy = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(from >= 0 && copy >= 0);
    for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
        CHECK(write(copy, bytes, (size_t)got) == got);
    close(from);
    close(copy);
}

static void private_parts(void)
{
    char wanted[4200];
    CHECK(mkdir(in_scratch("lib"), 0755) == 0);
    copy_self(in_scratch("lib/self"));
    snprintf(wanted, sizeof wanted, "%d %s/lib/scorepkernel/scorepkernel-keeper is missing", -ENOENT,
             scratch);
    CHECK(!strncmp(ask(in_scratch("lib/self")), wanted, strlen(wanted)) &&
          strstr(ask(in_scratch("lib/self")), "make install"));
    CHECK(mkdir(in_scratch("lib/scorepkernel"), 0755) == 0);
    make_file(in_scratch("lib/scorepkernel/scorepkernel-keeper"), 0644);
    CHECK(!strncmp(ask(in_scratch("lib/self")), wanted, strlen(wanted)) || geteuid() == 0);
    CHECK(chmod(in_scratch("lib/scorepkernel/scorepkernel-keeper"), 0755) == 0);
    snprintf(wanted, sizeof wanted, "0 %s/lib/scorepkernel", scratch);
    CHECK(!strcmp(ask(in_scratch("lib/self")), wanted));
    /* A link to the library leads to where the library is. */
    CHECK(symlink("lib/self", in_scratch("link")) == 0);
    CHECK(!strcmp(ask(in_scratch("link")), wanted));
}

int main(int argc, char **argv)
{
    test_limit(60);
    if (argc == 2 && !strcmp(argv[1], "ask"))
        return answer();
    CHECK(mkdtemp(scratch));
    variables();
    python();
    too_long();
    private_parts();
    char command[4200];
    snprintf(command, sizeof command, "rm -r %s", scratch);
    return system(command) == 0 ? 0 : 1;
}
