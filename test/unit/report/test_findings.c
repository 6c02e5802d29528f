/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test_findings.c - the report of a cell that was sampled: lines, calls, threads, notes and comparisons say what the
 * samples do, and nothing else.
 */
#include "report/report.h"

#include "base/buffer.h"
#include "base/print.h"
#include "test.h"

/* A cell of a second: line 2 runs Python code for 100 ms itself and calls work, whose line 6 does so for 300 ms,
 * calling itself; line 3 runs native code in a library for 200 ms, where a function of the user's is called back
 * for 100 ms; line 4 sleeps for 300 ms. IPython then shows the value for 50 ms. Below the cell lie the kernel's
 * frames. */
static const char functions[] =
    "[[\"<module>\",\"<c>\",1,4],[\"run_code\",\"/IPython/x.py\",1,2],[\"work\",\"<c>\",5,0],"
    "[\"apply\",\"/pandas/frame.py\",7,1],[\"inner\",\"/pandas/ops.py\",8,1],[\"make.<locals>.back\",\"<c>\",9,0],"
    "[\"__call__\",\"/IPython/core/displayhook.py\",3,2],[\"<module>\",\"<c>\",1,4],"
    "[\"work.<locals>.<listcomp>\",\"<c>\",6,0]]";
static const char nodes[] =
    /* parent, function, line, samples, growth, python, native, ran, stood, ready, waited for ... */
    "[[-1,-1,0,0,0,0,0,0,0,0,0,0,0,0,0,0],[0,1,5,0,0,0,0,0,0,0,0,0,0,0,0,0],"
    "[1,0,2,100,0,90000000,0,0,0,10000000,0,0,0,0,0,0],[2,2,6,100,0,100000000,0,0,0,0,0,0,0,0,0,0],"
    "[3,2,6,100,0,100000000,0,0,0,0,0,0,0,0,0,0],[3,8,6,100,0,100000000,0,0,0,0,0,0,0,0,0,0],"
    "[1,7,3,0,0,0,0,0,0,0,0,0,0,0,0,0],[6,3,7,50,0,0,100000000,0,0,0,0,0,0,0,0,0],"
    "[7,4,8,50,0,0,100000000,0,0,0,0,0,0,0,0,0],[8,5,10,100,0,0,0,0,100000000,0,0,0,0,0,0,0],"
    "[1,0,4,300,0,0,0,0,0,0,0,300000000,0,0,0,0],[10,6,3,50,0,50000000,0,0,0,0,0,0,0,0,0,0],"
    "[-1,-1,1,0,0,0,0,0,0,0,0,0,0,0,0,0],[12,2,6,90,0,10000000,0,0,0,0,0,0,0,0,0,80000000]]";

static char measured[1 << 14];
static struct json *made;

static const char *cell(const char *more, const char *source)
{
    int len = snprintf(measured, sizeof measured,
                       "{\"seconds\":1.0,\"processor_seconds\":0.7,\"events\":10,\"exclusive_ns\":1,\"directory\":\"/e\","
                       "\"regions\":[[\"m:f\",\"f.py\",1,1,1,1]],%s\"sampling\":{\"seconds\":1.05,\"samples\":1000,"
                       "\"cost\":0.02,\"memory\":[1000000,91000000,120000000],\"functions\":%s,\"nodes\":%s,"
                       "\"threads\":[[1,true,0,1050000000,[[5,0,0,0]],10000000],[2,false,0,90000000,[[0,0,0,0],[0,0,0,7],[0,0,0,0],[1,2,0,0,6],[0,0,0,0,0]],105000000]],"
                       "\"sources\":{\"<c>\":{\"cell\":\"7\",\"text\":\"%s\"}}}}",
                       more, functions, nodes, source);
    CHECK(len > 0 && (size_t)len < sizeof measured);
    return measured;
}

static const char source[] =
    "%%execute_with_scorep\\nwork()\\nframe.apply(back)\\ntime.sleep(0.3)\\ndef work():\\n    x = 1 if y else work()";

static const char *shown(const char *json, const char *type)
{
    json_free(made);
    made = report_content((struct spk_text){json, strlen(json)});
    const char *text = made ? json_text(json_get(json_get(made, "data"), type), NULL) : NULL;
    CHECK(text != NULL);
    return text;
}

static void lines(void)
{
    const char *text = shown(cell("", source), "text/plain");
    CHECK(strstr(text, "\nIt took 0.70 of one processor, 30 % waiting; memory 120 MB at its peak, +90 MB\n"));
    CHECK(strstr(text, "  line  In [7]\n"));
    CHECK(!strstr(text, "%%execute_with_scorep\n"));
    /* Python 100 ms of its own, and 300 ms in work, however often that is on the stack. */
    CHECK(strstr(text, "    400 ms   40 %    40 %                             2  work()\n"));
    CHECK(strstr(text, "    300 ms   30 %            30 %                     3  frame.apply(back)\n"));
    CHECK(strstr(text, "    300 ms   30 %                    30 %             4  time.sleep(0.3)\n"));
    /* Another thread's 90 ms are its, too: a tenth of Python, the rest for the GIL. */
    CHECK(strstr(text, "    390 ms   39 %    31 %                     8 %     6      x = 1 if y else work()\n"));
    CHECK(strstr(text, "Note: In [7], line 4: waits for 300 ms, in a sleep.\n"));
    CHECK(strstr(text, "Note: Threads waited 80.0 ms for the GIL"));
    CHECK(!strstr(text, "busy"));
    CHECK(strstr(text, "1,000 samples, which took 20.0 ms of another processor"));
    CHECK(strstr(text, "\nthreads\n    the cell  Python 5.00 ns\n    thread 1  Python 3.00 ns, native 6.00 ns, waiting for the GIL 7.00 ns\n"));
}

static void calls(void)
{
    const char *text = strstr(shown(cell("", source), "text/plain"), "  share  calls\n");
    CHECK(text != NULL);
    CHECK(strstr(text, "    1.00 s   100 %  (the cell itself)  In [7]\n"));
    CHECK(strstr(text, "    400 ms    40 %    work()  line 2\n    300 ms    30 %      work (calls itself)  In [7]:5\n"
                       "    300 ms    30 %        x = 1 if y else work()  line 6\n"));
    CHECK(strstr(text, "    300 ms    30 %      apply  frame.py:7\n    100 ms    10 %        back  In [7]:9\n"
                       "    100 ms    10 %          line 10  \n"));
    CHECK(!strstr(text, "inner") && !strstr(text, "run_code") && !strstr(text, "displayhook"));
}

static void pages(void)
{
    const char *page = shown(cell("", source), "text/html");
    CHECK(strstr(page, "<b>1.00 s</b>") && strstr(page, "30 % waiting") && !strstr(page, "<script"));
    CHECK(strstr(page, "<details><summary>Calls</summary>") && strstr(page, "<details><summary>Flame graph</summary>"));
    CHECK(strstr(page, "background:rgba(228,87,46,0.12)") && strstr(page, "width:40.00%"));
    CHECK(strstr(page, "x = 1 if y else work()"));
    page = shown(cell("\"views\":[\"flame\",\"nonsense\"],", source), "text/html");
    CHECK(strstr(page, "<details open><summary>Flame graph") && !strstr(page, "Calls<") && !strstr(page, "legend"));
    page = shown(cell("", "a\\nb\\n</code><script>alert('&')</script>\\n"), "text/html");
    CHECK(!strstr(page, "<script") && strstr(page, "&#60;script&#62;alert(&#39;&#38;&#39;)"));
}

/* One that was seen late, not for a while, and not to the end: each second piece of its time line is empty. */
static void time_lines(void)
{
    const char *line = strstr(shown(cell("", source), "text/html"), "<small>thread 1</small>");
    const char *end = line ? strstr(line, "</div>") : NULL;
    static const char blocks[] = "<span style=\"width:10.00%;flex:none;background:none\"></span>"
                                 "<span style=\"width:10.00%;flex:none;background:#b279a2\"></span>"
                                 "<span style=\"width:20.00%;flex:none;background:#e4572e\"></span></span>";
    CHECK(line && end && strstr(line, blocks) && strstr(line, blocks) + sizeof blocks - 1 == end);
}

static void notes(void)
{
    const char *text = shown(cell("\"shown_seconds\":0.05,\"measuring_seconds\":0.4,", source), "text/plain");
    CHECK(strstr(text, "Note: IPython took 50.0 ms more to show the cell's value"));
    CHECK(strstr(text, "Note: Measuring 5 calls took about 400 ms of this time."));
    CHECK(strstr(text, "; measuring took about 40 % of the time;"));
    text = shown(cell("\"shown_seconds\":0.001,\"measuring_seconds\":0.001,", source), "text/plain");
    CHECK(!strstr(text, "IPython took") && !strstr(text, "easuring took") && !strstr(text, "Measuring 5"));
}

/* A long source is shown where it is hot. */
static void long_sources(void)
{
    struct buffer text = {0};
    for (int i = 1; i <= 40; i++)
        CHECK(print_text(&text, "line %d of it\\n", i) == 0);
    CHECK(buffer_append(&text, "", 1) == 0);
    const char *shown_text = shown(cell("", (const char *)buffer_bytes(&text)), "text/plain");
    CHECK(strstr(shown_text, "  line 4 of it\n") && !strstr(shown_text, "line 20 of it"));
    CHECK(strstr(shown_text, "...\n"));
    CHECK(strstr(shown_text, "  line 10 of it\n"));
    buffer_finish(&text);
}

static const char *compared(const char *old_source, const char *new_source)
{
    static char both[2 * sizeof measured];
    int len = snprintf(both, sizeof both, "{\"compared\":[%s,", cell("", old_source));
    (void)snprintf(both + len, sizeof both - (size_t)len, "%s]}", cell("", new_source));
    return both;
}

static void comparisons(void)
{
    const char *text = shown(compared(source, source), "text/plain");
    CHECK(strstr(text, "1.00 s before, 1.00 s now: no difference beyond what differs from run to run.\n"));
    CHECK(strstr(text, "noise     2  work()\n") && !strstr(text, "new"));
    text = shown(compared("a\\nwork()\\nb\\n", "other()\\na\\nwork()\\n"), "text/plain");
    CHECK(strstr(text, "1.33 times slower     3  work()\n") || strstr(text, "1.33 times faster     3  work()\n"));
    CHECK(strstr(text, "Lines that are gone took 300 ms.\n"));
    static char old_lines[3 * 3000 + 1], new_lines[sizeof old_lines];
    for (size_t i = 0; i < 3000; i++) {
        memcpy(old_lines + 3 * i, "a\\n", 3);
        memcpy(new_lines + 3 * i, "b\\n", 3);
    }
    CHECK(strstr(shown(compared(old_lines, new_lines), "text/plain"), "differ in too many lines"));
    text = shown(compared(old_lines, old_lines), "text/plain");
    CHECK(strstr(text, "noise     2  a\n") && !strstr(text, "new"));
    text = shown(compared("", ""), "text/html");
    CHECK(strstr(text, "no difference") && !strstr(text, "<table"));
}

/* What leads nowhere makes a report without lines. */
static void damaged(void)
{
    static const char *const bad[] = {"[[-1,-1,9]]", "[[0,0,1]]", "[[-1,-1,0],[1,0,1]]", "[[-1,-1,0],[0,99,1]]", "[[]]",
                                      "{\"a\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[1024];
        (void)snprintf(json, sizeof json,
                       "{\"sampling\":{\"seconds\":1,\"samples\":99,\"functions\":[[\"f\",\"c\",1,4]],\"nodes\":%s,"
                       "\"threads\":[[1,true,0,1,[],1]]}}",
                       bad[i]);
        CHECK(!strstr(shown(json, "text/plain"), "In ["));
    }
}

/* An archive of two ranks: main calls step twice in rank 0, and sends in rank 3. */
static const char archive[] =
    "{\"seconds\":1.5,\"measurement\":\"Score-P\",\"read_from\":\"traces.otf2\",\"directory\":\"/e\",\"events\":8,"
    "\"locations\":2,\"regions\":[[\"step\",\"a.c\",7,2,500000000,500000000]],\"exclusive_ns\":1000000000,%s"
    "\"call_paths\":{\"functions\":[[\"main\",\"/src/a.c\",3,0],[\"step\",\"/src/a.c\",7,0],[\"MPI_Send\",\"MPI\",0,0]],"
    "\"threads\":[[\"\",0],[\"\",3]],\"nodes\":[[-1,-1,0,0,0],[0,0,0,1,250000000],[1,1,0,2,500000000],"
    "[-1,-1,1,0,0],[3,0,0,1,50000000],[4,2,0,1234,200000000]]}}";

static void call_paths(void)
{
    char json[2048];
    (void)snprintf(json, sizeof json, archive, "");
    const char *text = shown(json, "text/plain");
    CHECK(strstr(text, "Measured in 1.50 s by Score-P: 8 events in 2 locations\n"));
    CHECK(strstr(text, "      time   share        visits  calls\n"
                       "    1.00 s   100 %             2  main  a.c:3\n"
                       "    500 ms    50 %             2    step  a.c:7\n"
                       "    200 ms    20 %         1,234    MPI_Send  MPI\n"));
    CHECK(strstr(text, "Read from traces.otf2\n") && !strstr(text, "Ran ") && !strstr(text, "  line  "));
    const char *page = shown(json, "text/html");
    CHECK(strstr(page, "Flame graph") && strstr(page, " \xc3\x97 1,234") && !strstr(page, "waiting"));
    (void)snprintf(json, sizeof json, archive, "\"apart\":\"ranks\",");
    text = shown(json, "text/plain");
    CHECK(strstr(text, "    750 ms    75 %                rank 0\n"
                       "    750 ms    75 %             1    main  a.c:3\n"));
    CHECK(strstr(text, "    250 ms    25 %                rank 3\n"));
}

/* The samples of a cell, thread by thread. */
static void apart(void)
{
    const char *text = shown(cell("\"apart\":\"threads\",", source), "text/plain");

    CHECK(strstr(text, "  the cell\n") && strstr(text, "  thread 1\n   90.0 ms     9 %    work  In [7]:5\n"));
}

int main(void)
{
    test_limit(60);
    lines();
    calls();
    pages();
    time_lines();
    notes();
    long_sources();
    comparisons();
    damaged();
    call_paths();
    apart();
    json_free(made);
    return 0;
}
