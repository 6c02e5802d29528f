# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in a process of their own, launched afresh or forked: what they say, how they are interrupted and what
becomes of them when they crash, to the notebook as if they had run in the session."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from kernel import PATIENCE, SANITIZER, Trace
from launching import DEFINITIONS, ForkedCase, ProcessCase, plain
from measuring import SCOREP, ByScoreP
from processes import children_of, family_of, open_files, until, until_gone

IN_THE_SESSION = "In the session nothing is marshalled: MODE and MARSHALLER are for cells that run in other processes.\n"
# Each: what ends the launched process, and what names it.
ENDS = (
    ("ctypes.string_at(0)", "SIGSEGV"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ("os._exit(3)", "exit code 3"),
    ("os._exit(0)", "exit code 0"),
    ("os.abort()", "SIGABRT"),
)


class OwnProcess:
    """What holds for both kinds of such processes."""

    # --- what a cell does -------------------------------------------------------------------------------

    def test_a_guard_that_is_asked_for(self):
        outcome = self.ok("%%execute_with_scorep --guard\nleaf(1)")
        self.assertIn("Warning: --guard has no effect", outcome.text("stderr"))
        self.assertNotIn("--guard", self.ok("%%execute_with_scorep --no-guard\nleaf(1)").text("stderr"))

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
        until_gone(others)
        self.ok(DEFINITIONS)
        self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)

    # --- what is left -----------------------------------------------------------------------------------

    def usage(self) -> dict:
        worker, keeper = self.value("os.getpid(), os.getppid()")
        found = {}
        for who, pid in (("worker", worker), ("keeper", keeper), ("host", self.km.provisioner.pid)):
            links = open_files(pid)
            found[f"descriptors of the {who}"] = len(links)
            found[f"memory files of the {who}"] = len([one for one in links if "memfd:" in one and "scorepkernel-reserve" not in one])
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
        # What is about to end or to be closed is not left: what is stays.
        until(lambda: all(many <= settled[what] for what, many in self.usage().items()), f"no more than {settled}")
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
            ("MODE=", 'MODE cannot be ""'),
            ("MODE=disk PROCESS=", 'PROCESS cannot be ""'),
            ("MODE=disk FOO=1", '"FOO=1" is no setting'),
            ("launch", '"launch" is no setting'),
        ):
            outcome = self.fails(f"%%marshalling_settings\n{bad}", "ScorePDirectiveError")
            self.assertIn(part, outcome.reply["evalue"])
            self.assertIn("Nothing was changed", outcome.reply["evalue"])
            self.assertEqual(self.ok("%%marshalling_settings").text(), plain)
        self.assertEqual(
            self.ok("%%marshalling_settings\nPROCESS=auto\nMODE=disk").text(), f"{IN_THE_SESSION}PROCESS=auto MODE=disk MARSHALLER=cloudpickle\n"
        )
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)
        said = self.ok("%%marshalling_settings PROCESS=session").text()
        self.assertEqual(said, f"{IN_THE_SESSION}PROCESS=session MODE=disk MARSHALLER=cloudpickle\n")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)

    def test_arguments_of_the_bindings(self):
        self.assertEqual(self.ok("%%scorep_python_binding_arguments").text(), "Score-P's Python bindings get no arguments.\n")
        try:
            said = self.ok("%%scorep_python_binding_arguments\n--io=runtime:posix").text()
            self.assertIn("Score-P's Python bindings get: --io=runtime:posix\n", said)
            self.ok("%%marshalling_settings PROCESS=auto")
            # The built-in tracer has none of it, and says so: no other process is needed. With Score-P: test_bindings.py.
            self.assertIn("the built-in tracer, which measures here", said)
            self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)
            self.fails("%%scorep_python_binding_arguments --verbose 'unclosed", "ScorePDirectiveError")
            self.assertIn(": --io=runtime:posix\n", self.ok("%%scorep_python_binding_arguments").text())
        finally:
            self.ok("%%scorep_python_binding_arguments -")
        self.assertIn("Ran in the session", self.ok(SCOREP + "leaf(1)").report)

    # --- the process --------------------------------------------------------------------------------------

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


class LaunchedByScoreP(ByScoreP, Launched):
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
            self.assertEqual([n for n in trace.enters if not n.startswith("__main__") and n not in ("write", "notebook:show_result")], [])
            # Nor is anything left of it in what follows, or in the environment.
            self.assertEqual(self.value("[name for name in os.environ if name.startswith('SCOREP_')]"), [])
        finally:
            self.ok("%%scorep_python_binding_arguments -")
        self.assertEqual(Trace(self.ok(SCOREP + "leaf(1)").experiment).calls("leaf"), 1)

    def test_arguments_of_the_bindings(self):
        """They are refused when they are set, or have the cell launched."""
        outcome = self.fails("%%scorep_python_binding_arguments --mpp=nonsense", "ScorePDirectiveError")
        self.assertIn("nonsense", outcome.reply["evalue"])
        self.ok("%%marshalling_settings PROCESS=auto")
        try:
            self.ok("%%scorep_python_binding_arguments --io=runtime:posix")
            self.assertRegex(self.ok(SCOREP + "leaf(1)").report, "launched.*--io=runtime:posix")
        finally:
            self.ok("%%scorep_python_binding_arguments -")


class Forked(OwnProcess, ForkedCase):
    pass


class ForkedByScoreP(ByScoreP, Forked):
    pass


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


if __name__ == "__main__":
    unittest.main()
