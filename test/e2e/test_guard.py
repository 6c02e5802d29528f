# SPDX-License-Identifier: BSD-3-Clause
"""Guarded cells: whatever ends the session in one, the notebook goes on from just before it; and a guard that is not
needed is not felt."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import unittest
from typing import Dict, List

from host_process import alive, until
from kernel import PATIENCE, KernelCase, Trace
from test_measured import needs_scorep, needs_tracer

SCOREP = "%%execute_with_scorep\n"
GUARDED = "%%execute_with_scorep --guard\n"
DEFINITIONS = """
import asyncio, ctypes, fcntl, os, random, signal, socket, subprocess, sys, threading, time
def leaf(n):
    return n
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
# Each: what ends the session, and what names it.
ENDS = (
    ("ctypes.string_at(0)", "SIGSEGV"),
    ("ctypes.CDLL(None).abort()", "SIGABRT"),
    (KILL, "SIGKILL"),
    ("os._exit(7)", "7"),
    ("os._exit(0)", "0"),
    ("os.abort()", "SIGABRT"),
    ("t = threading.Thread(target=os.abort); t.start(); t.join()", "SIGABRT"),
    ("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
)
PARALLEL = """
#include <omp.h>
int region(int threads)
{
    int sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    sum += 1;
    return sum;
}
"""


def parents() -> Dict[int, int]:
    """Each process's parent."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    found[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    return found


def children_of(pid: int) -> List[int]:
    return [child for child, parent in parents().items() if parent == pid]


def family_of(pid: int) -> List[int]:
    """A process and all that descend from it."""
    known, found = parents(), [pid]
    for one in found:
        found += [child for child, parent in known.items() if parent == one]
    return found


def open_files(pid: int) -> List[str]:
    """What a process has open, without IPython's history, its journal and their directory: SQLite opens them as it
    needs them."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:
            continue  # closed meanwhile
    return [link for link in found if "/ipython/" not in link]


class GuardCase(KernelCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        super().setUpClass()

    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def value(self, code: str):
        """What an ordinary cell says that an expression is."""
        return eval(self.ok(code).result)

    def measured(self, code: str, head: str = GUARDED):
        outcome = self.ok(head + code)
        return outcome, Trace(outcome.experiment)

    def record(self, outcome) -> dict:
        with open(os.path.join(outcome.experiment, "scorepkernel.json")) as file:
            return json.load(file)

    def restored(self, code: str, how: str = "", **options):
        outcome = self.fails(GUARDED + code, "SessionRestored", **options)
        self.assertIn(how, outcome.reply["evalue"])
        self.assertEqual([c["ename"] for c in outcome.of("error")], ["SessionRestored"])
        return outcome

    def begin(self, code: str) -> str:
        """A cell that runs when this returns; it says "on"."""
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, "on\n")
        return request

    def end(self, request: str) -> dict:
        self.outputs_of(request)
        return self.reply_of(request)


class Guarded(GuardCase):
    # --- the end of a session -------------------------------------------------------------------------

    def test_each_end_is_named_and_nothing_is_lost(self):
        for code, how in ENDS:
            with self.subTest(code):
                self.ok("x = ['before']; alias = x")
                outcome = self.restored(f"x.append('in the cell')\nnew = 1\nleaf(1)\nprint('begun')\n{code}", how)
                self.assertEqual(outcome.text(), "begun\n")
                self.assertNotRegex(outcome.reply["evalue"], "[0-9] (thread|child process)")
                self.assertEqual(self.value("(x, alias is x, 'new' in globals())"), (["before"], True, False))
                count = outcome.reply["execution_count"]
                outcome, trace = self.measured("leaf(1)\nfib(4)")
                self.assertEqual((trace.calls("leaf"), trace.calls("fib")), (1, 9))
                self.assertEqual(outcome.reply["execution_count"], count + 2)
                self.assertEqual(self.measured("fib(4)", SCOREP)[1].calls("fib"), 9)

    def test_awaiting(self):
        self.restored("await asyncio.sleep(0)\nos._exit(7)", "7")
        self.assertEqual(self.measured("await asyncio.sleep(0)\nleaf(await asyncio.sleep(0, 3))")[0].result, "3")

    def test_the_record_of_the_cell_that_ended(self):
        before = set(os.listdir(self.work))
        self.restored(KILL)
        (left,) = set(os.listdir(self.work)) - before
        with open(os.path.join(self.work, left, "scorepkernel.json")) as file:
            record = json.load(file)
        self.assertEqual(record["status"], "running")
        self.assertRegex(record["way"], "guarded")

    def test_what_it_lacks_is_named(self):
        self.ok(
            "stop = threading.Event(); t = threading.Thread(target=stop.wait, daemon=True); t.start()\n"
            "p = subprocess.Popen(['sleep', '1000'])\nends = os.pipe()"
        )
        child = self.value("p.pid")
        try:
            said = self.restored("os.abort()", "SIGABRT").reply["evalue"]
            things = r"any more: (1 thread|\d+ threads), 1 child process, 2 pipes and network connections"  # others' threads, too
            self.assertRegex(said, things)
            self.assertEqual(self.value("(t.is_alive(), threading.active_count() - len(threading.enumerate()))"), (False, 0))
            self.assertFalse(alive(child))
            self.assertNotRegex(self.restored("os.abort()").reply["evalue"], "[0-9] (thread|child process)")
        finally:
            self.ok("for end in ends: os.close(end)\nstop.set()")

    def test_all_that_it_wrote_is_shown(self):
        outcome = self.restored(f"for i in range(20000): print('line', i)\nprint('the end', end='', flush=True)\n{KILL}")
        self.assertEqual(outcome.text(), "".join(f"line {i}\n" for i in range(20000)) + "the end")

    def test_cells_that_wait_run_in_the_restored_session(self):
        self.ok("x = 'kept'")
        first = self.kc.execute(GUARDED + f"x = 'changed'\n{KILL}", allow_stdin=False, stop_on_error=False)
        second = self.kc.execute("x", allow_stdin=False)
        self.outputs_of(first)
        self.assertEqual(self.reply_of(first)["ename"], "SessionRestored")
        (result,) = [m for m in self.outputs_of(second) if m["msg_type"] == "execute_result"]
        self.assertEqual(result["content"]["data"]["text/plain"], "'kept'")
        self.assertEqual(self.reply_of(second)["status"], "ok")

    def test_nothing_grows_with_promotions(self):
        def usage() -> dict:
            worker, keeper = self.value("os.getpid(), os.getppid()")
            host = self.km.provisioner.pid
            processes = {"worker": worker, "keeper": keeper, "host": host}
            found: dict = {f"descriptors of the {who}": open_files(pid) for who, pid in processes.items()}
            found["processes"] = family_of(keeper)
            found["threads"] = os.listdir(f"/proc/{worker}/task")
            return {what: len(those) for what, those in found.items()}

        for number in range(1, 11):
            code = ENDS[number % len(ENDS)][0]
            self.restored(f"leaf(1)\n{code}")
            self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)
            if number == 2:
                settled = usage()
        self.assertEqual(usage(), settled)

    # --- what the session has, on both sides ----------------------------------------------------------

    def test_random_numbers(self):
        self.ok("import numpy.random")
        draw = "[random.random(), numpy.random.random(), numpy.random.default_rng().random() < 1]"
        seed = "random.seed(1); numpy.random.seed(1)"
        first, second, third = self.value(f"{seed}\n[{draw} for _ in range(3)]")
        self.ok(seed)
        self.assertEqual(eval(self.measured(draw)[0].result), first)
        self.assertEqual(self.value(draw), second)
        self.restored(f"{draw}\nos.abort()")
        self.assertEqual(self.value(draw), third)
        self.ok(seed)
        self.restored("os.abort()")
        self.assertEqual(eval(self.measured(draw)[0].result), first)

    def test_files_are_written_once(self):
        path = os.path.join(self.work, "written")
        for cell, wanted in (
            ("f.write('in ')", "before in after"),
            (f"f.write('in ')\n{KILL}", "before after"),
            (f"f.flush()\n{KILL}", "before after"),
            (f"f.write('in '); f.flush()\n{KILL}", "before in after"),
        ):
            with self.subTest(cell):
                self.ok(f"f = open({path!r}, 'w'); f.write('before ')")
                self.run_cell(GUARDED + cell)
                self.ok("f.write('after'); f.close()")
                with open(path) as file:
                    self.assertEqual(file.read(), wanted)

    def test_files_of_c_code_are_written_once(self):
        path = os.path.join(self.work, "written-by-c")
        self.ok(
            "libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p\n"
            "def put(text): return libc.fputs(text, ctypes.c_void_p(f))"
        )
        for cell, wanted in (
            ("put(b'in ')", "before in after"),
            (f"put(b'in ')\n{KILL}", "before after"),
            (f"put(b'in '); libc.fflush(None)\n{KILL}", "before in after"),
        ):
            with self.subTest(cell):
                self.ok(f"f = libc.fopen({path.encode()!r}, b'w'); put(b'before ')")
                self.run_cell(GUARDED + cell)
                self.ok("put(b'after'); libc.fclose(ctypes.c_void_p(f))")
                with open(path) as file:
                    self.assertEqual(file.read(), wanted)

    def test_the_standard_output_of_c_code(self):
        self.ok("libc = ctypes.CDLL(None)")
        request = self.kc.execute(GUARDED + f"libc.puts(b'from C'); libc.fflush(None)\n{KILL}", allow_stdin=False)
        messages = self.outputs_of(request)
        self.reply_of(request)
        self.assertEqual("".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream"), "from C\n")
        self.assertEqual(self.ok("libc.puts(b'again'); libc.fflush(None); None").text(), "again\n")

    def test_history(self):
        self.ok("first_of_history = 1")
        self.measured("second_of_history = 2")
        self.restored(f"third_of_history = 3\n{KILL}")
        self.ok("fourth_of_history = 4")
        self.measured("fifth_of_history = 5")
        shown = self.ok("%history").text()
        for name in ("first", "second", "fourth", "fifth"):
            self.assertIn(f"{name}_of_history = ", shown)
        self.assertIn("fourth_of_history = 4", self.value("In[-4]"))
        request = self.kc.history(hist_access_type="tail", n=3, raw=True)
        found = self.reply_of(request)["history"]
        self.assertIn("fifth_of_history = 5", "".join(line for _, _, line in found))
        self.ok("get_ipython().history_manager.writeout_cache()")
        profile = os.path.join(self.directory, "ipython", "profile_default")
        self.assertEqual([name for name in os.listdir(profile) if "corrupt" in name], [])
        connection = sqlite3.connect(os.path.join(profile, "history.sqlite"))
        try:
            lines = "".join(line for (line,) in connection.execute("SELECT source_raw FROM history"))
        finally:
            connection.close()
        for name in ("first", "second", "fourth", "fifth"):
            self.assertEqual(lines.count(f"{name}_of_history = "), 1)

    def test_results_of_earlier_cells(self):
        number = self.ok("'an earlier result'").reply["execution_count"]
        self.restored(KILL)
        self.assertEqual(self.value(f"Out[{number}], _{number}"), ("an earlier result",) * 2)
        self.ok("'a later result'")
        self.assertEqual(self.value("_"), "a later result")

    def test_tasks_go_on(self):
        self.ok(
            "ticks = 0\nasync def tick():\n    global ticks\n    while True:\n        ticks += 1\n        await asyncio.sleep(0.005)\n"
            "task = asyncio.ensure_future(tick())"
        )
        more = "seen = ticks\nwhile ticks < seen + 5: await asyncio.sleep(0.01)\ntask.done()"
        self.assertEqual(self.ok(more).result, "False")
        self.measured("leaf(1)")
        self.assertEqual(self.ok(more).result, "False")
        self.restored(KILL)
        self.assertEqual(self.ok(more).result, "False")
        self.restored(KILL)
        self.assertEqual(self.ok(more).result, "False")
        self.ok("task.cancel()")

    def test_a_server_in_the_notebook_goes_on(self):
        self.ok(
            "async def serve(reader, writer):\n    writer.write(await reader.readline()); writer.close()\n"
            "server = await asyncio.start_server(serve, '127.0.0.1', 0)\nport = server.sockets[0].getsockname()[1]"
        )
        ask = "reader, writer = await asyncio.open_connection('127.0.0.1', port)\nwriter.write(b'echo\\n')\nawait reader.readline()"
        self.assertEqual(self.ok(ask).result, repr(b"echo\n"))
        self.measured("leaf(1)")
        self.assertEqual(self.ok(ask).result, repr(b"echo\n"))
        self.ok("server.close()")

    def test_threads_for_awaiting_code(self):
        awaits = "await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, leaf, 3), 20)"
        self.assertEqual(self.ok(awaits).result, "3")
        self.restored(KILL)
        self.assertEqual(self.ok(awaits).result, "3")

    # --- what a user does next ------------------------------------------------------------------------

    def test_output_right_after(self):
        for _ in range(3):
            self.restored(KILL)
            outcome = self.ok("print('one')\nprint('two', file=sys.stderr)\n!echo three\nos.system('echo four >&2')\nprint('five')\n6")
            streams = [(c["name"], c["text"].replace("\r", "")) for c in outcome.of("stream")]
            self.assertEqual(
                streams,
                [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n"), ("stderr", "four\n"), ("stdout", "five\n")],
            )
            self.assertEqual(outcome.result, "6")

    def test_input_after(self):
        self.restored(KILL)
        for head in ("", GUARDED):
            request = self.kc.execute(head + "name = input('who? ')", allow_stdin=True)
            self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "who? ")
            self.kc.input("Ada")
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["status"], "ok")
            self.assertEqual(self.value("name"), "Ada")

    def test_a_question_that_nobody_waits_for_any_more(self):
        code = GUARDED + "threading.Timer(0.1, os.abort).start()\nname = input('who? ')"
        request = self.kc.execute(code, allow_stdin=True)
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "SessionRestored")
        self.kc.input("too late")
        request = self.kc.execute("name = input('again? ')", allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "again? ")
        self.kc.input("Ada")
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.value("name"), "Ada")

    def test_interrupts(self):
        endless = "print('on', flush=True)\nwhile True: time.sleep(0.001); leaf(1)"
        self.ok("x = 1")
        request = self.begin(GUARDED + "x = 2\n" + endless)
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 2)
        self.restored(KILL)
        for head in ("", GUARDED, SCOREP):
            request = self.begin(head + endless)
            self.km.interrupt_kernel()
            self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        request = self.begin("print('on', flush=True)\nawait asyncio.sleep(1000)")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 2)

    def test_an_interrupted_cell_can_still_be_restored_from(self):
        self.ok("x = 1")
        code = "x = 2\ntry:\n    print('on', flush=True)\n    time.sleep(1000)\nexcept KeyboardInterrupt:\n    os.abort()"
        request = self.begin(GUARDED + code)
        self.km.interrupt_kernel()
        reply = self.end(request)
        self.assertEqual(reply["ename"], "SessionRestored")
        self.assertIn("SIGABRT", reply["evalue"])
        self.assertEqual(self.value("x"), 1)
        self.assertIn("SIGKILL", self.fails("os.kill(os.getpid(), signal.SIGKILL)", "SessionDied").reply["evalue"])

    def test_display_after(self):
        self.restored(KILL)
        outcome = self.ok("from IPython.display import HTML, display\nh = display(HTML('<b>x</b>'), display_id=True)\nh.update(HTML('y'))")
        self.assertEqual(outcome.of("display_data")[0]["data"]["text/html"], "<b>x</b>")
        self.assertEqual(outcome.of("update_display_data")[0]["data"]["text/html"], "y")

    def test_comms_after(self):
        if self.run_cell("import comm").reply["status"] != "ok":
            self.skipTest("there is no package comm")
        self.ok("got = []\nc = comm.create_comm('t')\nc.on_msg(lambda m: got.append(m['content']['data']))")
        comm = self.value("c.comm_id")
        self.restored(KILL)
        self.assertEqual(self.ok("c.send({'n': 1})").of("comm_msg")[0]["data"], {"n": 1})
        self.kc.shell_channel.send(self.kc.session.msg("comm_msg", {"comm_id": comm, "data": {"n": 2}}))
        self.assertEqual(self.value("got"), [{"n": 2}])

    def test_completion_and_inspection_after(self):
        self.ok("a_long_name = 1")
        self.restored(KILL)
        self.assertIn("a_long_name", self.reply_of(self.kc.complete("a_long"))["matches"])
        self.assertTrue(self.reply_of(self.kc.inspect("a_long_name"))["found"])

    def test_plots_after(self):
        if self.run_cell("import matplotlib.pyplot as plt").reply["status"] != "ok":
            self.skipTest("there is no matplotlib")
        self.ok("plt.plot([1, 2])")
        self.restored("plt.plot([1, 3])\n" + KILL)
        outcome = self.ok("plt.plot([1, 2]); plt.show()")
        self.assertEqual(["image/png" in c["data"] for c in outcome.of("display_data")], [True])

    # --- a guard that is not felt ---------------------------------------------------------------------

    def test_the_spare_is_nobodys_child(self):
        self.assertEqual(self.measured("try: os.wait()\nexcept ChildProcessError: print('none')")[0].text(), "none\n")
        self.restored(KILL)
        self.assertEqual(self.measured("try: os.wait()\nexcept ChildProcessError: print('none')")[0].text(), "none\n")

    def test_the_end_of_a_pipe_is_seen(self):
        self.ok("p = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)")
        outcome, _ = self.measured("p.stdin.close()\np.wait(timeout=20)")
        self.assertEqual(outcome.result, "0")

    def test_the_end_of_a_socket_is_seen(self):
        self.ok("left, right = socket.socketpair(); right.settimeout(20)")
        self.assertEqual(self.measured("left.close()\nright.recv(1)")[0].result, "b''")

    def test_an_address_is_free_when_its_socket_is_closed(self):
        self.ok("s = socket.create_server(('127.0.0.1', 0)); address = s.getsockname()")
        outcome, _ = self.measured("s.close()\ns = socket.create_server(address)\ns.getsockname() == address")
        self.assertEqual(outcome.result, "True")
        self.ok("s.close()")

    def test_a_lock_is_free_when_its_file_is_closed(self):
        path = os.path.join(self.work, "lock")
        self.ok(f"f = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)")
        self.measured(f"f.close()\nf = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)")
        self.ok("f.close()")

    def test_the_end_of_a_terminal_is_seen(self):
        self.ok("import pty\npid, end = pty.fork()\nif pid == 0: os.execvp('cat', ['cat'])")
        code = "os.close(end)\nfor _ in range(500):\n    done = os.waitpid(pid, os.WNOHANG)[0]\n    if done: break\n    time.sleep(0.01)\ndone == pid"
        self.assertEqual(self.measured(code)[0].result, "True")

    def test_children_of_a_guarded_cell(self):
        code = "leaf(1)\npid = os.fork()\nif pid == 0: fib(5); os._exit(3)\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
        outcome, trace = self.measured(code)
        self.assertEqual((outcome.result, trace.calls("leaf"), trace.calls("fib")), ("3", 1, 0))
        code = "leaf(1)\npid = os.fork()\nif pid: os.waitpid(pid, 0)"  # the child runs on past the cell's end
        self.assertEqual(self.measured(code)[1].calls("leaf"), 1)
        for method in ("fork", "spawn"):
            code = f"import math, multiprocessing as m\nwith m.get_context('{method}').Pool(2) as pool: r = pool.map(math.sqrt, [4, 9])\nr"
            self.assertEqual(self.measured(code)[0].result, "[2.0, 3.0]")
        self.restored(KILL)
        for method in ("fork", "spawn"):
            code = f"import math, multiprocessing as m\nwith m.get_context('{method}').Pool(2) as pool: r = pool.map(math.sqrt, [4, 9])\nr"
            self.assertEqual(self.measured(code)[0].result, "[2.0, 3.0]")

    def test_a_child_that_crashes_is_not_the_session(self):
        code = "pid = os.fork()\nif pid == 0: os.kill(os.getpid(), signal.SIGKILL)\nos.waitpid(pid, 0)[1]"
        self.assertEqual(self.measured(code)[0].result, "9")

    def test_a_thread_that_writes_meanwhile(self):
        request = self.kc.execute(
            "stop = False\ndef write():\n    n = 0\n    while not stop: print('line', n); n += 1; time.sleep(0.0002)\n"
            "    print('total', n)\nt = threading.Thread(target=write); t.start()",
            allow_stdin=False,
        )
        self.outputs_of(request)
        self.reply_of(request)
        text, requests = "", [self.kc.execute(GUARDED + "leaf(1)", allow_stdin=False) for _ in range(20)]
        requests.append(self.kc.execute("stop = True; t.join()", allow_stdin=False))
        while "total" not in text:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                text += message["content"]["text"]
        for one in requests:
            self.assertEqual(self.reply_of(one)["status"], "ok")
        numbers = [int(line[5:]) for line in text.splitlines() if line.startswith("line ")]
        # What was written before the first cell's idle was read above.
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertEqual(int(text.rsplit("total", 1)[1]), numbers[-1] + 1)

    def test_the_spare_is_given_up(self):
        worker, keeper = self.value("os.getpid(), os.getppid()")
        self.ok("x = 1")
        path = os.path.join(self.work, "go-on")
        wait = f"print('on', flush=True)\nwhile not os.path.exists({path!r}): time.sleep(0.005)\n"
        request = self.begin(GUARDED + wait + "x = 2\nleaf(1)")
        (spare,) = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(spare, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")
        open(path, "w").close()
        self.assertEqual(self.end(request)["status"], "ok")
        self.assertEqual(self.value("x"), 2)
        os.unlink(path)
        request = self.begin(GUARDED + wait + KILL)
        (spare,) = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(spare, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")
        open(path, "w").close()
        self.assertEqual(self.end(request)["ename"], "SessionDied")
        os.unlink(path)
        self.ok(DEFINITIONS)
        self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)

    def test_the_spare_goes_with_its_cell(self):
        worker, keeper = self.value("os.getpid(), os.getppid()")
        self.measured("leaf(1)")
        until(lambda: children_of(keeper) == [worker], "the end of the spare")

    # --- OpenMP and such ------------------------------------------------------------------------------

    def test_parallel_regions_of_c_code(self):
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("there is no C compiler")
        source, library = os.path.join(self.work, "p.c"), os.path.join(self.work, "p.so")
        with open(source, "w") as file:
            file.write(PARALLEL)
        done = subprocess.run([compiler, "-fopenmp", "-shared", "-fPIC", "-o", library, source], capture_output=True, text=True)
        if done.returncode:
            self.skipTest(f"no OpenMP can be compiled: {done.stderr}")
        self.ok(f"parallel = ctypes.CDLL({library!r})")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.restored("parallel.region(4)\nos.abort()")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")
        self.ok("t = threading.Thread(target=parallel.region, args=(2,)); t.start(); t.join()")
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")

    def test_linear_algebra(self):
        self.ok("import numpy\na = numpy.ones((600, 600))")
        code = "float((a @ a)[0, 0])"
        self.assertEqual(self.value(code), 600)
        self.assertEqual(self.measured(code)[0].result, "600.0")
        self.assertEqual(self.value(code), 600)
        self.restored(f"{code}\nos.abort()")
        self.assertEqual(self.value(code), 600)
        self.assertEqual(self.measured(code)[0].result, "600.0")

    # --- the choice -----------------------------------------------------------------------------------

    def test_the_choice(self):
        def way(head: str, budget: str) -> str:
            self.ok(f"os.environ['SCOREPKERNEL_GUARD_BUDGET'] = {budget!r}")
            outcome, _ = self.measured("leaf(1)", head)
            said = self.record(outcome)["way"]
            self.assertIn(said, outcome.report)
            return said

        unguarded = "%%execute_with_scorep --no-guard\n"
        try:
            self.assertRegex(way(SCOREP, "0"), r"^in the session, unguarded \(a guard .* slow the cell by [1-9]")
            self.assertRegex(way(SCOREP, "1000000"), r"^in the session, guarded \(it slows the cell by at most [0-9.]+ ms\)")
            self.assertEqual(way(GUARDED, "0"), "in the session, guarded (as asked)")
            self.assertEqual(way(unguarded, "1000000"), "in the session, unguarded (as asked)")
            self.assertRegex(way(SCOREP, ""), r"^in the session, (un)?guarded \(")
            self.ok("os.environ['SCOREPKERNEL_GUARD_BUDGET'] = '1000000'\nx = 1")
            self.fails(SCOREP + f"x = 2\n{KILL}", "SessionRestored")
            self.assertEqual(self.value("x"), 1)
            for nonsense in ("plenty", "20 ms", "nan"):
                self.ok(f"os.environ['SCOREPKERNEL_GUARD_BUDGET'] = {nonsense!r}")
                for head in (SCOREP,):
                    outcome = self.fails(head + "x = 2", "NotMeasured")
                    self.assertIn(f"SCOREPKERNEL_GUARD_BUDGET is {nonsense!r}", outcome.reply["evalue"])
            self.assertEqual(self.value("x"), 1)
        finally:
            self.ok("del os.environ['SCOREPKERNEL_GUARD_BUDGET']")

    def test_an_unguarded_cell_takes_the_session_along(self):
        outcome = self.fails("%%execute_with_scorep --no-guard\n" + KILL, "SessionDied")
        self.assertIn("SIGKILL", outcome.reply["evalue"])

    def test_shared_memory_does_not_outlive_its_session(self):
        self.ok(  # what makes it so is done a moment after the session's start
            "import asyncio, multiprocessing.resource_tracker as tracker\n"
            "while signal.SIGHUP not in tracker._IGNORED_SIGNALS: await asyncio.sleep(0.01)"
        )
        self.ok("kept = __import__('multiprocessing').get_context('spawn').Lock(); name = kept._semlock.name")
        file = f"/dev/shm/sem.{self.value('name')[1:]}"
        self.assertTrue(os.path.exists(file))
        self.fails(KILL, "SessionDied")
        until(lambda: not os.path.exists(file), file)

    def test_a_measured_cell_that_is_well_formed_no_longer(self):
        self.ok("x = 1")
        self.fails(GUARDED + "x = = 1", "SyntaxError")
        self.fails(GUARDED + "x = 2\n1/0", "ZeroDivisionError")
        self.fails(GUARDED + "x = 3\nsys.exit(1)", "SystemExit")
        self.assertEqual(self.value("x"), 3)


class GuardedByScoreP(Guarded):
    """The same, under the real Score-P."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        super().setUpClass()


class GuardedEnd(GuardCase):
    """How a guarded kernel ends; each test has one of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        """Not here: in setUp."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Not here: in tearDown."""

    def setUp(self) -> None:
        needs_tracer()
        KernelCase.setUpClass.__func__(type(self))
        super().setUp()

    def tearDown(self) -> None:
        KernelCase.tearDownClass.__func__(type(self))

    def all_gone(self, pids: List[int]) -> None:
        until(lambda: not any(map(alive, pids)), "the end of all processes")

    def busy_and_guarded(self) -> List[int]:
        """A guarded cell runs now, in a kernel that has been restored. All of its processes."""
        self.restored(KILL)
        keeper = self.value("os.getppid()")
        self.begin(GUARDED + "p = subprocess.Popen(['sleep', '1000'])\nprint('on', flush=True)\nwhile True: time.sleep(1)")
        pids = family_of(keeper)
        self.assertEqual(len(pids), 4)  # itself, session, its spare, sleep
        return [self.km.provisioner.pid, *pids]

    def test_a_killed_host_leaves_nothing(self):
        pids = self.busy_and_guarded()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        self.all_gone(pids)

    def test_shutdown_leaves_nothing(self):
        pids = self.busy_and_guarded()
        self.km.shutdown_kernel(now=False)
        self.all_gone(pids)

    def test_restart_leaves_nothing(self):
        pids = self.busy_and_guarded()
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.all_gone(pids)
        self.fails("leaf", "NameError")

    def test_what_is_to_be_done_at_exit_is_done_once(self):
        self.ok(
            "import atexit, tempfile\nkept = tempfile.TemporaryDirectory()\n"
            "def bye():\n    with open('bye', 'a') as file: file.write(str(os.getpid()) + '\\n')\natexit.register(bye)\n"
            "t = threading.Thread(target=time.sleep, args=(1000,)); t.start()"
        )
        kept = self.value("kept.name")
        self.measured("leaf(1)")
        self.assertTrue(os.path.isdir(kept))
        self.restored("t = None\n" + KILL)
        self.measured("leaf(1)")
        self.assertTrue(os.path.isdir(kept))
        worker, keeper = self.value("os.getpid(), os.getppid()")
        pids = family_of(keeper)
        self.km.shutdown_kernel(now=False)
        self.all_gone(pids)
        with open(os.path.join(self.work, "bye")) as file:
            self.assertEqual(file.read(), f"{worker}\n")
        self.assertFalse(os.path.isdir(kept))


class GuardedEndByScoreP(GuardedEnd):
    """The same, under the real Score-P."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}

    def setUp(self) -> None:
        needs_scorep()
        super().setUp()


if __name__ == "__main__":
    unittest.main()
