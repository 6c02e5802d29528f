# SPDX-License-Identifier: BSD-3-Clause
"""Measured cells: as ordinary ones, with a trace that otf2-print reads and that agrees with the calls made."""

import json
import os
import re
import stat
import subprocess
import unittest

from kernel import Trace
from measuring import DEFINITIONS, SCOREP, UNGUARDED, ByScoreP, TracedCase, needs_scorep


class Measured(TracedCase):
    system = "built-in tracer"

    def setUp(self) -> None:
        self.ok(DEFINITIONS)

    def measured(self, code, status="ok"):
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        return outcome, Trace(outcome.experiment)

    def test_counts_agree(self):
        code = "fib(10)\nlist(numbers(5))\nfor _ in range(3): Thing().method()\n[leaf(i) for i in range(4)]"
        _, trace = self.measured(code)
        self.assertEqual(trace.calls("fib"), 177)
        self.assertEqual(trace.calls("numbers"), 6)  # five values and the end
        self.assertEqual(trace.calls("leaf"), 5 + 3 + 4)
        self.assertEqual(trace.calls_of_method("Thing", "method"), 3)

    def test_state_is_kept(self):
        self.ok("x = [1]\nalias = x\ng = numbers(3)")
        self.measured("x.append(2)\nx += [3]\nnext(g)\ndel x[0]\ny = 5")
        self.assertEqual(self.ok("(x, alias is x, next(g), y)").result, "([2, 3], True, 1, 5)")

    def test_output_is_that_of_an_ordinary_cell(self):
        outcome, _ = self.measured("print('one')\nimport sys\nprint('two', file=sys.stderr)\nThing()")
        self.assertEqual((outcome.text(), outcome.text("stderr")), ("one\n", "two\n"))
        self.assertEqual(outcome.result, "<thing 2>")

    def test_exception(self):
        self.ok("x = 1")
        outcome, trace = self.measured("x = 2\nfails()\nx = 3", "error")
        self.assertEqual(outcome.reply["ename"], "ValueError")
        traceback = "\n".join(outcome.reply["traceback"])
        self.assertIn("line 3", traceback)  # the directive has line 1, as the user sees it
        self.assertEqual(trace.calls("fails"), 1)
        self.assertEqual(self.ok("x").result, "2")

    def test_metrics(self):
        """Processor time and memory in the course of the cell; Score-P has metrics of its own (SCOREP_METRIC_RUSAGE)."""
        if self.system != "built-in tracer":
            self.skipTest("Score-P's traces have what Score-P is asked for")
        busy = "end = time.process_time() + 0.1\nwhile time.process_time() < end: pass"
        code = f"import time\nkept = bytearray(b'x' * 40_000_000)\n{busy}"
        _, trace = self.measured(code)
        values = r'"CPU time" <0>; UINT64; (\d+)\), \("resident memory" <1>; UINT64; (\d+)\)'
        found = re.findall(f"^METRIC .*{values}", trace.text, re.M)
        self.assertGreater(len(found), 5)
        processor, resident = [int(one) for one, _ in found], [int(one) for _, one in found]
        self.assertEqual(processor, sorted(processor))
        self.assertTrue(0.09e9 < processor[-1] - processor[0] < 1e9, processor)
        self.assertGreater(max(resident) - resident[0], 30e6)

    def test_blank_lines_keep_their_numbers(self):
        outcome, _ = self.measured("\n  \n\n1/0", "error")
        self.assertRegex("\n".join(outcome.reply["traceback"]), r"line 5|----> 5")

    def test_handled_exceptions(self):
        _, trace = self.measured("for _ in range(4):\n    try:\n        fails()\n    except ValueError:\n        leaf(0)")
        self.assertEqual((trace.calls("fails"), trace.calls("leaf")), (4, 4))

    def test_sys_exit(self):
        outcome, trace = self.measured("leaf(1)\ny = 'kept'\nimport sys\nsys.exit(3)", "error")
        self.assertEqual((outcome.reply["ename"], outcome.reply["evalue"]), ("SystemExit", "3"))
        self.assertEqual(trace.calls("leaf"), 1)
        self.assertEqual(self.ok("y").result, "'kept'")

    def test_interrupt(self):
        code = SCOREP + "import time\nz = 'begun'\nprint('on', flush=True)\nwhile True:\n    leaf(1)\n    time.sleep(0.001)"
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, "on")
        self.km.interrupt_kernel()
        messages = self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertEqual((reply["status"], reply["ename"]), ("error", "KeyboardInterrupt"))
        self.assertTrue([m for m in messages if m["msg_type"] == "display_data"])
        self.assertEqual(self.ok("z").result, "'begun'")

    def test_threads_have_locations(self):
        code = (
            "import threading\nthreads = [threading.Thread(target=fib, args=(5,)) for _ in range(3)]\n"
            "for t in threads: t.start()\nfor t in threads: t.join()\nfib(5)"
        )
        _, trace = self.measured(code)
        self.assertEqual(len(trace.stacks), 4)
        self.assertEqual(trace.calls("fib"), 4 * 15)

    def test_a_thread_that_outlives_its_cell(self):
        begin = "import threading\nstop = threading.Event()\ndef wait():\n    while not stop.wait(0.01): leaf(1)\n"
        _, trace = self.measured(begin + "t = threading.Thread(target=wait); t.start()\nleaf(1)")
        self.assertGreaterEqual(trace.calls("leaf"), 1)
        _, second = self.measured("fib(3)")
        self.assertEqual(second.calls("leaf"), 0)
        self.ok("stop.set(); t.join()")

    def test_awaiting(self):
        code = "import asyncio\nasync def nap(n):\n    await asyncio.sleep(0)\n    return leaf(n)\nawait asyncio.gather(nap(1), nap(2))"
        outcome, trace = self.measured(code)
        self.assertEqual(outcome.result, "[1, 2]")
        self.assertEqual((trace.calls("leaf"), trace.calls("nap")), (2, 4))

    def test_magics_in_a_measured_cell(self):
        outcome, trace = self.measured("!echo from the shell\n%timeit -n 5 -r 2 leaf(1)")
        self.assertIn("from the shell", outcome.text())
        self.assertEqual(trace.calls("leaf"), 10)
        outcome, trace = self.measured("%%time\nleaf(1)")
        self.assertIn("Wall time", outcome.text())
        self.assertEqual(trace.calls("leaf"), 1)

    def test_only_the_users_code(self):
        _, trace = self.measured("display(Thing())\nprint('x')\nThing()")
        for region in trace.enters:
            self.assertFalse(region.startswith(("IPython", "spk_worker", "traitlets")), region)
        self.assertEqual(trace.calls_of_method("Thing", "__repr__"), 2)

    def test_input(self):
        request = self.kc.execute(SCOREP + "name = input('who? ')\nleaf(1)", allow_stdin=True)
        question = self.kc.get_stdin_msg(timeout=60)
        self.assertEqual(question["content"]["prompt"], "who? ")
        self.kc.input("Ada")
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.ok("name").result, "'Ada'")

    def test_multiprocessing_child_does_not_write_into_the_trace(self):
        code = "import multiprocessing as mp\np = mp.get_context('fork').Process(target=fib, args=(8,))\np.start(); p.join()\nleaf(1)\np.exitcode"
        outcome, trace = self.measured(code)
        self.assertEqual(outcome.result, "0")
        self.assertEqual((trace.calls("fib"), trace.calls("leaf")), (0, 1))

    def test_directive_after_blank_lines_and_comments(self):
        outcome = self.ok("\n# a comment\n   \n%%execute_with_scorep\nleaf(1)")
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 1)
        self.assertIsNotNone(self.ok("%%execute_with_scorep").report)

    def test_the_experiment_directory(self):
        outcome, _ = self.measured("leaf(1)")
        self.assertRegex(outcome.experiment, rf"^{self.work}/scorep-\d{{8}}_\d{{4}}_[0-9a-f]+$")
        with open(os.path.join(outcome.experiment, "cell.py")) as file:
            self.assertEqual(file.read(), SCOREP + "leaf(1)\n")
        with open(os.path.join(outcome.experiment, "scorepkernel.json")) as file:
            record = json.load(file)
        self.assertEqual((record["status"], record["measurement"]), ("ok", self.system))
        for key in ("versions", "host", "options", "directive", "environment", "execution_count", "events"):
            self.assertIn(key, record)

    def test_a_wanted_experiment_directory(self):
        wanted = os.path.join(self.work, "mine")
        self.ok(f"%env SCOREP_EXPERIMENT_DIRECTORY={wanted}")
        try:
            first, _ = self.measured("leaf(1)")
            self.assertEqual(first.experiment, wanted)
            second, trace = self.measured("leaf(1); leaf(2)")
            self.assertEqual((second.experiment, trace.calls("leaf")), (wanted, 2))
            older = [name for name in os.listdir(self.work) if name.startswith("mine-")]
            self.assertEqual(len(older), 1)
            self.assertEqual(Trace(os.path.join(self.work, older[0])).calls("leaf"), 1)
            self.assertIn(older[0], second.report)
        finally:
            self.ok("import os; del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")

    def test_an_experiment_directory_that_cannot_be(self):
        blocker = os.path.join(self.work, "a-file")
        with open(blocker, "w"):
            pass
        for path in (blocker, os.path.join(blocker, "below"), "/proc/nowhere/x"):
            self.ok(f"import os; os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = {path!r}; x = 'before'")
            outcome = self.fails(SCOREP + "x = 'after'", "NotMeasured")
            self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", outcome.reply["evalue"])
            self.assertIn(path, outcome.reply["evalue"])
            self.ok("import os; del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")
            self.assertEqual(self.ok("x").result, "'before'")
        self.assertEqual(os.stat(blocker).st_size, 0)

    def test_a_full_disk_in_the_middle_of_a_trace(self):
        full = os.path.join(self.work, "full")
        os.mkdir(full)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", full], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no permission to mount a small file system")
        try:
            self.ok(f"import os; os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = {full!r} + '/e'")
            outcome = self.run_cell(SCOREP + "for _ in range(200000): leaf(1)\ndone = True")
            self.assertEqual(outcome.reply["status"], "ok")
            self.assertIn("Warning: The trace is incomplete", outcome.report)
            self.assertIn("No space left on device", outcome.report)
            self.ok("del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")
            self.assertEqual(self.ok("done").result, "True")
            _, trace = self.measured("leaf(1)")
            self.assertEqual(trace.calls("leaf"), 1)
        finally:
            subprocess.run(["umount", "-l", full], check=True)

    def test_bad_directives(self):
        for code, part in (
            ("%%execute_with_scorep now\nx = 1", "has no option"),
            ("%%scorep_nonsense\nx = 1", "no directive"),
        ):
            outcome = self.fails(code, "ScorePDirectiveError")
            self.assertIn(part, outcome.reply["evalue"])
            self.assertIn("%%execute_with_scorep", outcome.reply["evalue"])
        outcome = self.fails("x = 1\n%%execute_with_scorep\nx = 2", "UsageError")
        self.assertEqual(outcome.text("stderr").count("must be the cell's first line"), 1)
        # %%time runs what follows it, and shows its errors, in its own way.
        outcome = self.run_cell("%%time\n%%execute_with_scorep\nx = 2")
        self.assertIn("must be the cell's first line", outcome.text("stderr"))

    def test_help(self):
        outcome = self.ok("%%execute_with_scorep?")
        self.assertIn("experiment directory", outcome.reply["payload"][0]["data"]["text/plain"])
        self.kc.complete("%%exec")
        self.assertIn("%%execute_with_scorep", self.kc.get_shell_msg(timeout=60)["content"]["matches"])

    def test_a_syntax_error(self):
        outcome = self.fails(SCOREP + "x = = 1", "SyntaxError")
        self.assertIsNotNone(outcome.report)

    def test_a_crash_leaves_the_notebook_alive(self):
        outcome = self.fails(UNGUARDED + "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "SessionDied")
        self.assertIn("SIGKILL", outcome.reply["evalue"])
        self.ok(DEFINITIONS)
        _, trace = self.measured("leaf(1)")
        self.assertEqual(trace.calls("leaf"), 1)

    def test_modes(self):
        outcome, _ = self.measured("leaf(1)")
        self.assertTrue(stat.S_ISDIR(os.stat(outcome.experiment).st_mode))

    def test_a_profiler_that_is_on_already(self):
        older = self.value("__import__('sys').version_info < (3, 12)")
        self.ok("import cProfile\nprofile = cProfile.Profile()\nprofile.enable()")
        try:
            for _ in range(2):
                outcome = self.ok(SCOREP + "fib(7)")
                self.assertEqual("profiler that was on when the cell began recorded nothing" in outcome.report, older)
                self.assertEqual(Trace(outcome.experiment).calls("fib"), 41)
        finally:
            self.ok("profile.disable()")
        self.assertNotIn("profiler", self.ok(SCOREP + "fib(3)").report)

    def test_another_profiler_stays_on(self):
        """It is turned on in one statement of the cell, and off in a later one."""
        begin = "import cProfile, sys, threading, time\np = cProfile.Profile()\np.enable()\nleaf(1)\nfib(3)\np.disable()\n"
        outcome = self.ok(SCOREP + begin + "leaf(2)")
        counts = "{row[0][2]: row[1][0] for row in __import__('pstats').Stats(p).stats.items()}"
        counted = eval(self.ok(counts).result)
        self.assertEqual((counted["leaf"], counted["fib"]), (1, 1))
        newer = eval(self.ok("sys.version_info >= (3, 12)").result)
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 2 if newer else 1)
        self.assertEqual("put another profiler's hook" in outcome.report, not newer)
        code = "seen = []\nsys.setprofile(lambda f, e, a: seen.append(f.f_code.co_name))\nleaf(1)\nsys.setprofile(None)\nleaf(2)"
        outcome = self.ok(SCOREP + code)
        self.assertEqual(self.ok("seen.count('leaf')").result, "2")
        self.assertNotIn("another profiler", self.ok(SCOREP + "leaf(1)").report)

    def test_the_scorep_api(self):
        code = (
            "import scorep.user, scorep.instrumenter\nwith scorep.user.region('mine'):\n    leaf(1)\n"
            "with scorep.instrumenter.disable():\n    leaf(2)\n    with scorep.user.region('quiet'): leaf(3)\n@scorep.user.region('decorated')\ndef d(): leaf(3)\nd()"
        )
        _, trace = self.measured(code)
        self.assertEqual((trace.enters["user:mine"], trace.enters["user:decorated"], trace.calls("leaf")), (1, 1, 2))
        self.assertEqual(trace.enters["user:quiet"], 1)  # as by the bindings: what is disabled are functions


class MeasuredByScoreP(ByScoreP, Measured):
    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        version = subprocess.run(["scorep-config", "--version"], capture_output=True, text=True, check=True).stdout
        cls.system = f"Score-P {version.strip()}"
        super().setUpClass()

    def test_a_full_disk_in_the_middle_of_a_trace(self):
        self.skipTest("what Score-P does there is in test_bad_score_p.py")

    def test_parameters(self):
        code = (
            "import scorep.user\nfor n in (-3, 2**63, 2**64, -2**63 - 1):\n"
            "    try: scorep.user.parameter_int('number', n)\n    except OverflowError: leaf(n)\n"
            "scorep.user.parameter_string('text', 'ü')"
        )
        outcome, trace = self.measured(code)
        self.assertEqual(trace.calls("leaf"), 2)
        path = os.path.join(outcome.experiment, "traces.otf2")
        shown = subprocess.run(["otf2-print", path], capture_output=True, text=True, check=True).stdout
        found = re.findall(r'^PARAMETER_(\w+).*"(number|text)" <\d+>, Value: "?([^"\s]+)', shown, re.M)
        self.assertEqual(found, [("INT64", "number", "-3"), ("UINT64", "number", str(2**63)), ("STRING", "text", "ü")], shown)

    def test_the_profile_is_score_ps(self):
        outcome, _ = self.measured("fib(10)\nlist(numbers(5))")
        names = os.listdir(outcome.experiment)
        for name in ("profile.cubex", "scorep.cfg", "traces.otf2", "cell.py", "scorepkernel.json"):
            self.assertIn(name, names)
        self.assertRegex(outcome.report, r"Measured in .* by Score-P \d")
        self.assertRegex(outcome.report, r" 177 +fib +\(In \[\d+\]:\d+\)")


if __name__ == "__main__":
    unittest.main()
