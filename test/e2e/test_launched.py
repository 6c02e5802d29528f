# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in a process of their own, launched afresh or forked: to the notebook it is as if they had run in the
session."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest
from typing import List

from host_process import alive, until
from kernel import PATIENCE, SANITIZER, KernelCase, Trace
from test_guard import children_of, family_of, open_files
from test_measured import needs_scorep, needs_tracer

SCOREP = "%%execute_with_scorep\n"
DEFINITIONS = """
import asyncio, ctypes, gc, inspect, os, random, signal, subprocess, sys, threading, time
def leaf(n):
    return n
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def fails():
    raise ValueError("x")  # on purpose
class Thing:
    made = 0
    def method(self):
        return leaf(1)
    def __getstate__(self):
        return dict(self.__dict__)
"""
# Each: what ends the launched process, and what names it.
ENDS = (
    ("ctypes.string_at(0)", "SIGSEGV"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ("os._exit(3)", "exit code 3"),
    ("os._exit(0)", "exit code 0"),
    ("os.abort()", "SIGABRT"),
)


def plain(text: str) -> str:
    """Without colours."""
    return re.sub("\x1b.*?m", "", text)


class ProcessCase(KernelCase):
    """A kernel whose measured cells run in a process of their own."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}
    process = "launch"
    way = r"launched \(PROCESS=launch\)"

    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        super().setUpClass()

    def setUp(self) -> None:
        self.ok(DEFINITIONS)
        self.ok(f"%%marshalling_settings PROCESS={self.process} MODE=memory")

    def value(self, code: str):
        """What an ordinary cell says that an expression is."""
        return eval(self.ok(code).result)

    def measured(self, code: str, status: str = "ok"):
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        self.assertRegex(outcome.report, self.way)
        self.assertNotIn("Warning", outcome.report)
        return outcome, Trace(outcome.experiment)

    def begin(self, code: str) -> str:
        """A cell that runs when this returns; it says "on"."""
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, "on\n")
        return request

    def end(self, request: str) -> dict:
        self.outputs_of(request)
        return self.reply_of(request)


class OwnProcess:
    """The tests of both kinds of such processes."""

    # --- variables --------------------------------------------------------------------------------------

    def test_it_runs_elsewhere_and_is_measured(self):
        outcome, trace = self.measured("fib(5)\nThing().method()\nos.getpid()")
        self.assertEqual((trace.calls("fib"), trace.calls("leaf")), (15, 1))
        self.assertEqual(trace.calls("__getstate__") + trace.calls_of_method("Thing", "__getstate__"), 0)
        self.assertNotEqual(int(outcome.result), self.value("os.getpid()"))

    def test_variables_go_there_and_come_back(self):
        self.ok("a = [1]; alias = a; d = {'a': a}; kept = [2]; same = kept; before = id(kept); gone = 1; text = 'x'")
        outcome, _ = self.measured(
            "a.append(2)\nalias is a and d['a'] is a\nfor i in range(3): pass\ntext += 'y'\ndel gone\nexec('made = 5')\n"
            "if (w := 7): pass\n[*a, *kept]"
        )
        self.assertEqual(outcome.result, "[1, 2, 2]")
        self.assertEqual(
            self.value("a, alias is a, d['a'] is a, i, text, 'gone' in globals(), made, w, id(kept) == before"),
            ([1, 2], True, True, 2, "xy", False, 5, 7, True),
        )

    def test_what_did_not_change_stays_the_same_object(self):
        self.ok("kept = [2]; holder = [kept]; a = [1]; before = id(kept), id(holder)")
        for code in ("kept[0]", "kept", "a.append(2)"):
            with self.subTest(code):
                self.measured(code)
                self.assertEqual(self.value("before == (id(kept), id(holder)), holder[0] is kept, kept"), (True, True, [2]))
                self.ok("before = id(kept), id(holder)")

    def test_arrays_are_changed_in_place(self):
        self.ok("import numpy as np\na = np.zeros(1_000_000); view = a[10:20]; same = id(a)")
        self.measured("a[15] = 3\na.sum()")
        self.assertEqual(self.value("float(a[15]), float(view[5]), id(a) == same, float(a.sum())"), (3, 3, True, 3))
        self.ok("a[15] = 4")
        self.assertEqual(self.measured("float(view[5])")[0].result, "4.0")

    def test_classes_and_functions(self):
        self.ok("thing = Thing(); thing.n = 1\ndef twice(f): return lambda n: f(f(n))\nplus = twice(lambda n: n + 1)")
        self.measured(
            "thing.n += 1; Thing.made = 1\nclass Other(Thing):\n    def method(self): return super().method() + 1\n"
            "other = Other()\ndef new(n): return leaf(n) + leaf(n)\nassert isinstance(thing, Thing) and plus(1) == 3"
        )
        self.assertEqual(
            self.value("thing.n, Thing.made, type(thing) is Thing, other.method(), type(other) is Other, issubclass(Other, Thing), new(2)"),
            (2, 1, True, 2, True, True, 4),
        )
        self.ok("def leaf(n): return 10")
        self.assertEqual(self.value("new(2), thing.method()"), (20, 10))
        self.assertEqual(self.measured("new(2), thing.method(), other.method()")[0].result, "(20, 10, 11)")

    def test_sources_are_known_on_both_sides(self):
        outcome, _ = self.measured("def made_there():\n    return 'there'\nprint(inspect.getsource(leaf))")
        self.assertIn("def leaf(n):", outcome.text())
        self.assertIn("return 'there'", self.ok("print(inspect.getsource(made_there))").text())
        outcome, _ = self.measured("fails()", "error")
        self.assertIn("raise ValueError", plain("\n".join(outcome.reply["traceback"])))

    def test_modules(self):
        self.measured("import collections as c, fractions\nx = fractions.Fraction(1, 2)")
        self.assertEqual(self.value("c is sys.modules['collections'], float(x)"), (True, 0.5))

    def test_what_is_around_variables(self):
        self.ok("directory = os.getcwd(); os.environ['SPK_A'] = '1'; os.environ['SPK_B'] = '1'; sys.path.append('/a')")
        try:
            self.measured(
                "assert os.environ['SPK_A'] == '1' and sys.path[-1] == '/a' and os.getcwd() == directory\n"
                "os.environ['SPK_A'] = '2'; del os.environ['SPK_B']; sys.path.append('/b'); os.chdir('/')\n%env SPK_C=3"
            )
            self.assertEqual(
                self.value("os.environ['SPK_A'], 'SPK_B' in os.environ, os.environ['SPK_C'], sys.path[-2:], os.getcwd()"),
                ("2", False, "3", ["/a", "/b"], "/"),
            )
            self.assertEqual(self.measured("os.getcwd()")[0].result, "'/'")
        finally:
            self.ok("os.chdir(directory); sys.path.remove('/a'); sys.path.remove('/b')")

    def test_random_numbers(self):
        self.ok("import numpy.random")
        draw = "[random.random(), numpy.random.random()]"
        seed = "random.seed(1); numpy.random.seed(1)"
        wanted = self.value(f"{seed}\n[{draw} for _ in range(4)]")
        self.ok(seed)
        self.assertEqual(eval(self.measured(draw)[0].result), wanted[0])
        self.assertEqual(self.value(draw), wanted[1])
        self.assertEqual(eval(self.measured(draw)[0].result), wanted[2])
        self.assertEqual(self.value(draw), wanted[3])

    def test_results(self):
        outcome, _ = self.measured("[leaf(1), 'two']")
        number = outcome.reply["execution_count"]
        self.assertEqual(outcome.result, "[1, 'two']")
        self.assertEqual(outcome.of("execute_result")[0]["execution_count"], number)
        self.assertEqual(self.value(f"_, _{number}, Out[{number}] is _{number}"), ([1, "two"],) * 2 + (True,))
        self.assertIsNone(self.measured("x = 1")[0].result)
        self.measured("'in a process'")
        self.ok("'in the session'")
        self.assertEqual(self.value("_"), "in the session")

    def test_results_of_earlier_cells(self):
        if self.process == "launch":
            self.skipTest("earlier results do not travel: only variables do")
        number = self.ok("'an earlier result'").reply["execution_count"]
        self.assertEqual(self.measured("_")[0].result, "'an earlier result'")
        self.assertEqual(self.measured(f"Out[{number}]")[0].result, "'an earlier result'")
        self.assertEqual(self.measured(f"_{number}")[0].result, "'an earlier result'")

    def test_a_result_that_cannot_travel(self):
        outcome = self.ok(SCOREP + "x = 1\nthreading.Lock()")
        self.assertRegex(outcome.result, "lock object")
        self.assertIn("lock", outcome.report)
        self.assertNotIn("_scorepkernel", outcome.report)
        self.assertEqual(self.value("x, [name for name in globals() if 'scorepkernel' in name]"), (1, []))

    def test_what_cannot_come_back_is_named(self):
        self.ok("mixed = [1]")
        outcome = self.ok(SCOREP + "mixed.append(threading.Lock())\nfine = 2\nhandle = open('/dev/null')")
        for name in ("mixed", "handle"):
            self.assertRegex(outcome.report, rf"Warning: {name} \(.*\) could not go back")
        self.assertEqual(self.value("mixed, fine, 'handle' in globals()"), ([1], 2, False))
        self.ok("del mixed")

    def test_history(self):
        self.measured("first_in_process = 1")
        self.measured("second_in_process = 2")
        shown = self.ok("%history").text()
        self.ok("get_ipython().history_manager.writeout_cache()")
        self.measured("third_in_process = 3")  # each process has had its time to write what it would write
        profile = os.path.join(self.directory, "ipython", "profile_default")
        connection = sqlite3.connect(os.path.join(profile, "history.sqlite"))
        try:
            lines = "".join(line for (line,) in connection.execute("SELECT source_raw FROM history"))
        finally:
            connection.close()
        for name in ("first_in_process", "second_in_process"):
            self.assertEqual((shown.count(name), lines.count(name)), (1, 1))
        self.assertEqual([name for name in os.listdir(profile) if "corrupt" in name], [])

    def test_mode_disk(self):
        directory = os.path.join(self.work, "persistence")
        os.makedirs(directory, exist_ok=True)
        self.ok(f"%env SCOREP_JUPYTER_PERSISTENCE_DIR={directory}")
        said = self.ok(f"%%marshalling_settings\nPROCESS={self.process}\nMODE=disk").text()
        self.assertEqual(said, f"PROCESS={self.process} MODE=disk MARSHALLER=cloudpickle\n")
        try:
            self.ok("import numpy as np\na = np.zeros(100_000); b = [1]")
            self.measured("a[3] = 1; b.append(2)\nleaf(1)")
            self.assertEqual(self.value("float(a[3]), b"), (1, [1, 2]))
            self.measured("a[4] = 1")
            self.assertEqual(os.listdir(directory), [])
        finally:
            self.ok("del os.environ['SCOREP_JUPYTER_PERSISTENCE_DIR'], a, b")

    # --- what a cell does -------------------------------------------------------------------------------

    def test_output(self):
        outcome, trace = self.measured(
            "print('one')\nprint('two', file=sys.stderr)\n!echo three\nos.system('echo four >&2')\nprint('five', end='')\nleaf(6)"
        )
        streams = [(c["name"], c["text"].replace("\r", "")) for c in outcome.of("stream")]
        self.assertEqual(
            streams,
            [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n"), ("stderr", "four\n"), ("stdout", "five")],
        )
        self.assertEqual((outcome.result, trace.calls("leaf")), ("6", 1))
        self.assertEqual(self.ok("print('after')").text(), "after\n")

    def test_output_is_live(self):
        path = os.path.join(self.work, "go-on")
        request = self.begin(SCOREP + f"print('on')\nwhile not os.path.exists({path!r}): time.sleep(0.005)\nprint('off')")
        open(path, "w").close()
        self.wait_for_text(request, "off")
        self.assertEqual(self.end(request)["status"], "ok")
        os.unlink(path)

    def test_much_output(self):
        outcome, _ = self.measured("for i in range(20000): print('line', i)")
        self.assertEqual(outcome.text(), "".join(f"line {i}\n" for i in range(20000)))

    def test_display(self):
        outcome, _ = self.measured(
            "from IPython.display import HTML, clear_output, display\nh = display(HTML('<b>x</b>'), display_id=True)\n"
            "h.update(HTML('y'))\nclear_output(wait=True)\nHTML('<i>z</i>')"
        )
        self.assertEqual(outcome.of("display_data")[0]["data"]["text/html"], "<b>x</b>")
        self.assertEqual(outcome.of("update_display_data")[0]["data"]["text/html"], "y")
        self.assertEqual(outcome.of("clear_output"), [{"wait": True}])
        self.assertEqual(outcome.of("execute_result")[0]["data"]["text/html"], "<i>z</i>")

    def test_plots(self):
        if self.run_cell("import matplotlib.pyplot as plt").reply["status"] != "ok":
            self.skipTest("there is no matplotlib")
        outcome = self.ok(SCOREP + "plt.plot([1, 2]);")
        self.assertEqual([1 for c in outcome.of("display_data") if "image/png" in c["data"]], [1])
        outcome = self.ok("plt.plot([1, 2]);")
        self.assertEqual([1 for c in outcome.of("display_data") if "image/png" in c["data"]], [1])
        self.ok("plt.close('all')")

    def test_magics(self):
        outcome, trace = self.measured("%timeit -n 5 -r 2 leaf(1)\nfiles = !echo a; echo b")
        self.assertEqual(trace.calls("leaf"), 10)
        self.assertEqual(self.value("list(files)"), ["a", "b"])
        self.assertIn("Wall time", self.measured("%%time\nleaf(1)")[0].text())
        payload = self.ok(SCOREP + "leaf?").reply["payload"]
        self.assertIn("leaf(n)", plain(payload[0]["data"]["text/plain"]))
        reply = self.ok(SCOREP + "y = 4", user_expressions={"z": "y + 1"}).reply
        self.assertEqual(reply["user_expressions"]["z"]["data"]["text/plain"], "5")

    def test_awaiting(self):
        outcome, trace = self.measured("async def nap(n):\n    await asyncio.sleep(0)\n    return leaf(n)\nawait asyncio.gather(nap(1), nap(2))")
        self.assertEqual((outcome.result, trace.calls("leaf")), ("[1, 2]", 2))

    def test_threads_have_locations(self):
        _, trace = self.measured("ts = [threading.Thread(target=fib, args=(5,)) for _ in range(3)]\nfor t in ts: t.start()\nfor t in ts: t.join()\ndel ts, t")
        self.assertEqual((len(trace.stacks), trace.calls("fib")), (4, 45))

    def test_input(self):
        request = self.kc.execute(SCOREP + "name = input('who? ')", allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "who? ")
        self.kc.input("Ada")
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.value("name"), "Ada")

    def test_errors(self):
        self.ok("x = 1")
        outcome, trace = self.measured("x = 2\nleaf(1)\nfails()\nx = 3", "error")
        self.assertEqual(outcome.reply["ename"], "ValueError")
        self.assertIn("----> 4 fails()", plain("\n".join(outcome.reply["traceback"])))
        self.assertEqual(outcome.of("error")[0]["ename"], "ValueError")
        self.assertEqual((self.value("x"), trace.calls("leaf")), (2, 1))
        outcome, _ = self.measured("x = 4\nsys.exit(3)", "error")
        self.assertEqual((outcome.reply["ename"], outcome.reply["evalue"], self.value("x")), ("SystemExit", "3", 4))
        self.assertEqual(self.measured("x = = 1", "error")[0].reply["ename"], "SyntaxError")
        self.measured("leaf(1)")

    # --- interrupts and crashes -------------------------------------------------------------------------

    def test_interrupts(self):
        for _ in range(3):
            self.ok("x = 'before'")
            request = self.begin(SCOREP + "x = 'begun'\nprint('on', flush=True)\nwhile True: time.sleep(0.001); leaf(1)")
            self.km.interrupt_kernel()
            messages = self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
            self.assertTrue([m for m in messages if m["msg_type"] == "display_data"])
            self.assertEqual(self.value("x"), "begun")
            self.measured("leaf(1)")

    def test_an_interrupt_of_a_question(self):
        request = self.kc.execute(SCOREP + "x = 5\ninput()", allow_stdin=True)
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 5)

    def test_an_interrupt_while_awaiting(self):
        request = self.begin(SCOREP + "x = 6\nprint('on', flush=True)\nawait asyncio.sleep(1000)")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 6)

    def test_interrupts_at_any_time(self):
        """While the process starts, takes the variables, begins the cell: the cell ends each time."""
        for milliseconds in range(0, 300, 50):
            with self.subTest(milliseconds=milliseconds):
                self.ok("x = ['before']")
                self.ok("%%marshalling_settings PROCESS=session")
                self.kc.execute(f"%%marshalling_settings PROCESS={self.process}")
                request = self.kc.execute(SCOREP + "for _ in range(10000): time.sleep(0.001)", allow_stdin=False)
                while True:
                    message = self.kc.get_iopub_msg(timeout=PATIENCE)
                    if message["parent_header"].get("msg_id") == request and message["msg_type"] == "execute_input":
                        break
                time.sleep(milliseconds / 1000)  # how far it has come by then is the question, not waited for
                self.km.interrupt_kernel()
                self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
                self.assertEqual(self.value("x"), ["before"])
        self.measured("x.append(leaf(1))")
        self.assertEqual(self.value("x"), ["before", 1])

    def test_crashes(self):
        for code, how in ENDS:
            with self.subTest(code):
                self.ok("x = ['before']; pid = os.getpid()")
                outcome = self.fails(SCOREP + f"x.append(1)\nof_the_crash = 1\nprint('begun')\n{code}", "LaunchedProcessEnded")
                self.assertIn(how, outcome.reply["evalue"])
                self.assertEqual(outcome.text(), "begun\n")
                self.assertEqual([c["ename"] for c in outcome.of("error")], ["LaunchedProcessEnded"])
                self.assertEqual(self.value("x, 'of_the_crash' in globals(), os.getpid() == pid"), (["before"], False, True))
                self.assertEqual(self.measured("x.append(leaf(2))\nleaf(1)")[1].calls("leaf"), 2)
                self.assertEqual(self.value("x"), ["before", 2])

    def test_the_session_ends_while_a_launched_cell_runs(self):
        worker, keeper = self.value("os.getpid(), os.getppid()")
        request = self.begin(SCOREP + "print('on', flush=True)\nwhile True: time.sleep(0.1)")
        others = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(self.end(request)["ename"], "SessionDied")
        until(lambda: not any(map(alive, others)), "the end of the launched process")
        self.ok(DEFINITIONS)
        self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)

    # --- what is left -----------------------------------------------------------------------------------

    def usage(self) -> dict:
        worker, keeper = self.value("os.getpid(), os.getppid()")
        found = {}
        for who, pid in (("worker", worker), ("keeper", keeper), ("host", self.km.provisioner.pid)):
            links = open_files(pid)
            found[f"descriptors of the {who}"] = len(links)
            found[f"memory files of the {who}"] = len([link for link in links if "memfd:" in link])
            with open(f"/proc/{pid}/maps") as file:
                found[f"mapped files of the {who}"] = sum("memfd:scorepkernel-variables" in line for line in file)
        found["processes"] = len(family_of(keeper))
        return found

    def test_nothing_is_left(self):
        self.ok("import numpy as np\nx = []\na = np.zeros(300_000)")
        for number in range(6):
            self.measured(f"x.append({number}); a[{number}] += 1\nleaf(1)")
            self.fails(SCOREP + "os._exit(3)", "LaunchedProcessEnded")
            self.measured("b = np.ones(300_000)")
            if number == 1:
                settled = self.usage()
        self.assertEqual(self.usage(), settled)
        self.assertEqual(self.value("x, float(a.sum())"), (list(range(6)), 6))
        self.ok("del a, b; gc.collect()")
        final = self.usage()
        self.assertEqual((final["memory files of the worker"], final["mapped files of the worker"]), (0, 0))


class Launched(OwnProcess, ProcessCase):
    # --- settings ---------------------------------------------------------------------------------------

    def test_settings(self):
        plain = "PROCESS=launch MODE=memory MARSHALLER=cloudpickle\n"
        self.assertEqual(self.ok("%%marshalling_settings").text(), plain)
        self.assertEqual(self.ok("%%serializer_settings\nSERIALIZER=cloudpickle\nMODE=memory").text(), plain)
        for bad, part in (
            ("PROCESS=thread", 'PROCESS cannot be "thread"'),
            ("MODE=tape", 'MODE cannot be "tape"'),
            ("MODE=disk PROCESS=", 'PROCESS cannot be ""'),
            ("MODE=disk FOO=1", '"FOO=1" is no setting'),
            ("launch", '"launch" is no setting'),
        ):
            outcome = self.fails(f"%%marshalling_settings\n{bad}", "ScorePDirectiveError")
            self.assertIn(part, outcome.reply["evalue"])
            self.assertIn("Nothing was changed", outcome.reply["evalue"])
            self.assertEqual(self.ok("%%marshalling_settings").text(), plain)
        self.assertEqual(
            self.ok("%%marshalling_settings\nPROCESS=auto\nMODE=disk").text(), "PROCESS=auto MODE=disk MARSHALLER=cloudpickle\n"
        )
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)
        self.assertEqual(self.ok("%%marshalling_settings PROCESS=session").text(), "PROCESS=session MODE=disk MARSHALLER=cloudpickle\n")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)

    def test_arguments_of_the_bindings(self):
        self.assertEqual(self.ok("%%scorep_python_binding_arguments").text(), "Score-P's Python bindings get no arguments.\n")
        self.ok("%%marshalling_settings PROCESS=session")
        try:
            said = self.ok("%%scorep_python_binding_arguments\n--io=runtime:posix").text()
            self.assertEqual(said, "Score-P's Python bindings get: --io=runtime:posix\n")
            outcome = self.fails(SCOREP + "x = 1", "NotMeasured")
            for part in ("--io=runtime:posix", "%%scorep_python_binding_arguments -", "PROCESS=launch"):
                self.assertIn(part, outcome.reply["evalue"])
            self.ok("%%marshalling_settings PROCESS=auto")
            self.assertRegex(self.ok(SCOREP + "leaf(1)").report, "launched.*--io=runtime:posix")
            self.fails("%%scorep_python_binding_arguments --verbose 'unclosed", "ScorePDirectiveError")
            self.assertEqual(self.ok("%%scorep_python_binding_arguments").text(), said)
        finally:
            self.ok("%%scorep_python_binding_arguments -")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)

    # --- the process --------------------------------------------------------------------------------------

    def test_what_cannot_go_there_is_named(self):
        self.ok("lock = threading.Lock(); numbers = (i for i in range(3)); fine = 1")
        try:
            outcome = self.ok(SCOREP + "fine += 1\nleaf(1)")
            for name in ("lock", "numbers"):
                self.assertRegex(outcome.report, rf"Warning: {name} \(.*\) could not go into the launched process")
            self.assertEqual(self.value("fine, lock.locked(), next(numbers)"), (2, False, 0))
            outcome = self.fails(SCOREP + "lock.locked()", "LostVariable")
            self.assertIn("lock", outcome.reply["evalue"])
            self.ok(SCOREP + "lock = 5")
            self.assertEqual(self.value("lock"), 5)
        finally:
            self.ok("del lock, numbers")

    def test_interpreter(self):
        look = "sys.flags, sys.executable, sys.argv, sys.warnoptions, sys._xoptions, sys.getrecursionlimit(), __name__, sys.getfilesystemencoding()"
        self.assertEqual(self.measured(f"str([{look}])")[0].result, self.ok(f"str([{look}])").result)
        look = "sys.path, sorted(os.environ.items())"
        self.assertEqual(self.measured(f"[{look}]")[0].result, self.ok(f"[{look}]").result)

    def test_children_are_not_preloaded(self):
        code = "sorted({l.split('/')[-1] for l in subprocess.run(['cat', '/proc/self/maps'], capture_output=True, text=True).stdout.split('\\n') if 'scorep' in l})"
        self.assertEqual(self.measured(code)[0].result, "[]")
        self.assertEqual(self.measured("print(os.environ.get('LD_PRELOAD'), os.environ.get('LD_LIBRARY_PATH'))")[0].text(), f"{SANITIZER.get('LD_PRELOAD')} None\n")
        self.assertEqual(self.measured("[name for name in os.environ if name.startswith('SCOREPKERNEL')]")[0].result, "['SCOREPKERNEL_MEASUREMENT']")

    def test_the_process_that_waits_is_killed(self):
        self.measured("leaf(1)")
        worker, keeper = self.value("os.getpid(), os.getppid()")
        until(lambda: len(children_of(keeper)) == 2, "one process that waits, and the end of the one that ran the cell")
        (waiting,) = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(waiting, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{waiting}"), "its end")
        for _ in range(3):
            self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)

    def test_no_process_waits_when_none_is_wanted(self):
        self.measured("leaf(1)")
        worker, keeper = self.value("os.getpid(), os.getppid()")
        self.ok("%%marshalling_settings PROCESS=session")
        until(lambda: children_of(keeper) == [worker], "the end of the process that waited")


class LaunchedByScoreP(Launched):
    """The same, under the real Score-P."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        super().setUpClass()

    def test_input_and_output_is_measured(self):
        self.ok("%%scorep_python_binding_arguments --io=runtime:posix")
        try:
            outcome = self.ok(SCOREP + "x = 1\nwith open('/dev/null', 'rb') as f: f.read()\nleaf(1)")
            trace = Trace(outcome.experiment)
            self.assertEqual((trace.calls("leaf"), trace.enters.get("open64", 0) + trace.enters.get("open", 0)), (1, 1))
            self.assertRegex(outcome.report, r"launched.*--io=runtime:posix")
            self.assertEqual(self.value("x"), 1)
            # The kernel's own files are not the cell's; its output may be on its way to the notebook.
            trace = Trace(self.ok(SCOREP + "leaf(1)").experiment)
            self.assertEqual([n for n in trace.enters if not n.startswith("__main__") and n != "write"], [])
            # Nor is anything left of it in what follows, or in the environment.
            self.assertEqual(self.value("[name for name in os.environ if name.startswith('SCOREP_')]"), [])
        finally:
            self.ok("%%scorep_python_binding_arguments -")
        self.assertEqual(Trace(self.ok(SCOREP + "leaf(1)").experiment).calls("leaf"), 1)

    def test_arguments_that_score_p_does_not_know(self):
        self.ok("%%scorep_python_binding_arguments --mpp=nonsense")
        try:
            self.ok("x = 1")
            outcome = self.fails(SCOREP + "x = 2", "NotMeasured")
            self.assertIn("nonsense", outcome.reply["evalue"])
            self.assertEqual(self.value("x"), 1)
        finally:
            self.ok("%%scorep_python_binding_arguments -")


class Forked(OwnProcess, ProcessCase):
    process = "forked"
    way = r"in a forked copy of the session \(PROCESS=forked\)"

    def test_what_cannot_travel_is_there(self):
        self.ok("lock = threading.Lock(); numbers = (i for i in range(3))")
        outcome, _ = self.measured("(lock.locked(), 5)")
        self.assertEqual(outcome.result, "(False, 5)")
        outcome = self.ok(SCOREP + "next(numbers)\nfine = 3")
        self.assertEqual(self.value("next(numbers), fine"), (0, 3))
        self.ok("del lock, numbers")


class ForkedByScoreP(Forked):
    """The same, under the real Score-P."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}

    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        super().setUpClass()


class UsersPreload(ProcessCase):
    """Sites preload libraries: they stay, and nothing else is seen by what the cells start."""

    @classmethod
    def setUpClass(cls) -> None:
        compiler = shutil.which("cc")
        if not compiler:
            raise unittest.SkipTest("there is no C compiler")
        if os.environ.get("SPK_PRELOAD"):
            raise unittest.SkipTest("a sanitizer's runtime is preloaded")
        cls.library_directory = tempfile.mkdtemp(prefix="spk-preload-")
        cls.addClassCleanup(shutil.rmtree, cls.library_directory)
        cls.library = os.path.join(cls.library_directory, "libharmless.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-o", cls.library, "-"], input="int spk_harmless;", text=True, check=True)
        cls.environment = {
            **ProcessCase.environment,
            "SCOREPKERNEL_MEASUREMENT": "auto",
            "LD_PRELOAD": cls.library,
            "LD_LIBRARY_PATH": cls.library_directory,
            "PYTHONOPTIMIZE": "1",
        }
        super().setUpClass()

    def test_they_stay(self):
        look = (
            "maps = lambda text: sorted({l.split('/')[-1] for l in text.split('\\n') if 'harmless' in l})\n"
            "child = subprocess.run(['cat', '/proc/self/maps'], capture_output=True, text=True).stdout\n"
            "[os.environ.get('LD_PRELOAD'), os.environ.get('LD_LIBRARY_PATH'), maps(open('/proc/self/maps').read()), maps(child),"
            " 'scorep' in child.replace('scorepkernel-test', ''), sys.flags.optimize, __debug__]"
        )
        wanted = [self.library, self.library_directory, ["libharmless.so"], ["libharmless.so"], False, 1, False]
        self.assertEqual(self.value(look), wanted)
        for process in ("launch", "forked", "session"):
            with self.subTest(process):
                self.ok(f"%%marshalling_settings PROCESS={process}")
                outcome = self.ok(SCOREP + look)
                self.assertEqual(eval(outcome.result), wanted)
                self.assertEqual(self.value(look), wanted)


class LaunchedEnd(KernelCase):
    """How a kernel that launches ends; each test has one of its own."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "auto"}

    @classmethod
    def setUpClass(cls) -> None:
        """Not here: in setUp."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Not here: in tearDown."""

    def setUp(self) -> None:
        needs_tracer()
        KernelCase.setUpClass.__func__(type(self))
        self.ok("import os, time, subprocess\ndef leaf(n): return n")
        self.ok("%%marshalling_settings PROCESS=launch")
        self.ok(SCOREP + "leaf(1)")
        self.worker, self.keeper = eval(self.ok("os.getpid(), os.getppid()").result)

    def tearDown(self) -> None:
        KernelCase.tearDownClass.__func__(type(self))

    def all_gone(self, pids: List[int]) -> None:
        until(lambda: not any(map(alive, pids)), "the end of all processes")

    def waiting(self) -> List[int]:
        """All processes, when one waits for its cell."""
        until(lambda: len(children_of(self.keeper)) == 2, "a process that waits")
        return [self.km.provisioner.pid, *family_of(self.keeper)]

    def busy(self) -> List[int]:
        """All processes, while a launched cell runs."""
        code = "p = subprocess.Popen(['sleep', '1000'])\nprint('on', flush=True)\nwhile True: time.sleep(1)"
        self.wait_for_text(self.kc.execute(SCOREP + code, allow_stdin=False), "on\n")
        pids = family_of(self.keeper)
        self.assertEqual(len(pids), 4)  # itself, session, the cell's process, sleep
        return [self.km.provisioner.pid, *pids]

    def test_shutdown_while_one_waits(self):
        pids = self.waiting()
        self.km.shutdown_kernel(now=False)
        self.all_gone(pids)

    def test_shutdown_while_one_runs(self):
        pids = self.busy()
        self.km.shutdown_kernel(now=False)
        self.all_gone(pids)

    def test_a_killed_host_leaves_nothing_that_waits(self):
        pids = self.waiting()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        self.all_gone(pids)

    def test_a_killed_host_leaves_nothing_that_runs(self):
        pids = self.busy()
        os.kill(self.km.provisioner.pid, signal.SIGKILL)
        self.all_gone(pids)

    def test_restart(self):
        pids = self.busy()
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.all_gone(pids)
        self.ok("def leaf(n): return n")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)  # settings are a session's


if __name__ == "__main__":
    unittest.main()
