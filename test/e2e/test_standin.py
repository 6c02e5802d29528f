# SPDX-License-Identifier: BSD-3-Clause
"""Measured cells with a stand-in for Score-P (test/standin): for machines without one, and for a Score-P that fails."""

import contextlib
import glob
import json
import os
import re
import shutil
import stat
import struct
import sys
import tarfile
import tempfile
import time
import unittest
from xml.etree import ElementTree

import test_directives
from kernel import PATIENCE, SANITIZER, KernelCase
from measuring import DEFINITIONS, SCOREP, needs_tracer
from processes import until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "standin"))
import standin  # noqa: E402


class StandIn(KernelCase):
    """A kernel that finds the stand-in on PATH, with a cache directory of its own."""

    flags: list = []
    settings: dict = {}
    static = False

    @classmethod
    def setUpClass(cls):
        needs_tracer()
        if not shutil.which("cc"):
            raise unittest.SkipTest("there is no compiler to build the stand-in for Score-P with")
        cls.base = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-standin-"))
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        cls.prefix = os.path.join(cls.base, "standin")
        cls.cache = os.path.join(cls.base, "cache")
        cls.calls = os.path.join(cls.base, "calls")
        binaries = standin.build(cls.prefix, cls.flags, cls.static)
        cls.environment = {
            "PATH": binaries + os.pathsep + os.environ["PATH"],
            "PYTHONPATH": os.path.join(cls.prefix, "python"),
            "XDG_CACHE_HOME": cls.cache,
            "STANDIN_LOG": cls.calls,
            "SCOREPKERNEL_MEASUREMENT": "scorep",
            **cls.settings,
        }
        super().setUpClass()

    def setUp(self):
        self.ok(DEFINITIONS)

    def restart(self):
        """A new session, which must find out anew what is not in the cache."""
        self.km.restart_kernel()
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.ok(DEFINITIONS)

    def measured(self, code, status="ok"):
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        self.assertIsNotNone(outcome.report, outcome.messages)
        return outcome

    def profile(self, outcome):
        """How often each region was visited, by its name."""
        with tarfile.open(os.path.join(outcome.experiment, "profile.cubex")) as archive:
            anchor, data = (archive.extractfile(name).read() for name in ("anchor.xml", "0.data"))
        root = ElementTree.fromstring(anchor)
        names = [region.findtext("name") for region in root.iter("region")]
        visits = [number for (number,) in struct.iter_unpack("<Q", data[len("CUBEX.DATA") :])]
        locations = len(list(root.iter("location")))
        return {name: sum(visits[i * locations : (i + 1) * locations]) for i, name in enumerate(names)}

    def counts(self, outcome):
        """By region: what the profile says, which is what the report says of the regions that it shows."""
        self.assertRegex(outcome.report, r" by Score-P( 8\.4-standin)?: ")
        found = {name.rpartition(":")[2]: visits for name, visits in self.profile(outcome).items()}
        for shown, name in re.findall(r"^ *[\d.]+ \S+ +\d+ % +[\d.]+ \S+ +(\d[\d,']*)  (\w+)  ", outcome.report, re.M):
            self.assertEqual(int(re.sub(r"\D", "", shown)), found[name])
        return found

    def calls_until_now(self):
        try:
            with open(self.calls) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def with_variable(self, name, value):
        self.ok(f"import os; os.environ[{name!r}] = {value!r}")
        self.addCleanup(self.ok, f"import os; os.environ.pop({name!r}, None)")

    def works_again(self):
        self.assertEqual(self.counts(self.measured("leaf(1); leaf(2)"))["leaf"], 2)


class Good(StandIn):
    def test_measured_again_and_again(self):
        for number in range(1, 6):
            outcome = self.measured(f"fib(10)\nfor i in range({number}): leaf(i)")
            self.assertIn("in the session", outcome.report)
            counts = self.counts(outcome)
            self.assertEqual((counts["fib"], counts["leaf"]), (177, number))
            self.assertIn("in 1 location", outcome.report)
            there = ["cell.py", "profile.cubex", "scorepkernel-report.json", "scorepkernel.json", "traces.otf2"]
            self.assertEqual(sorted(os.listdir(outcome.experiment)), there)
            with open(os.path.join(outcome.experiment, "scorepkernel.json")) as file:
                self.assertEqual(json.load(file)["measurement"], "Score-P 8.4-standin")

    def test_threads(self):
        code = (
            "import threading\nthreads = [threading.Thread(target=fib, args=(5,)) for _ in range(3)]\n"
            "for t in threads: t.start()\nfor t in threads: t.join()\nfib(5)"
        )
        for _ in range(2):
            outcome = self.measured(code)
            self.assertEqual(self.counts(outcome)["fib"], 60)
            self.assertIn("in 4 locations", outcome.report)

    def test_state_is_kept(self):
        self.ok("x = [1]\nalias = x\ng = numbers(3)")
        self.measured("x.append(2)\nnext(g)\ny = 5")
        self.assertEqual(self.ok("(x, alias is x, next(g), y)").result, "([1, 2], True, 1, 5)")

    def test_no_descriptor_is_left(self):
        for _ in range(5):
            self.measured("leaf(1)")
        # The stand-in forgets to close its trace: that is done when the next one begins.
        code = "import os\n[os.path.realpath('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd')]"
        self.assertLessEqual(self.ok(code).result.count("traces.otf2"), 1)

    def test_a_forked_child_does_not_write(self):
        code = (
            "import multiprocessing as mp\np = mp.get_context('fork').Process(target=fib, args=(8,))\n"
            "p.start(); p.join()\nleaf(1)\np.exitcode"
        )
        outcome = self.measured(code)
        self.assertEqual(outcome.result, "0")
        counts = self.counts(outcome)
        self.assertEqual((counts.get("fib"), counts["leaf"]), (None, 1))

    def test_says_something(self):
        self.with_variable("STANDIN_SAYS", "Warning: <so> be it")
        outcome = self.measured("leaf(1)")
        self.assertIn("Warning: <so> be it", outcome.report)
        self.assertEqual((outcome.text(), outcome.text("stderr")), ("", ""))
        self.assertEqual(self.counts(outcome)["leaf"], 1)

    def test_ends_the_process_at_its_start(self):
        for how in ("abort", "exit"):
            self.ok(f"import os; os.environ['STANDIN_AT_START'] = {how!r}; x = 'before'")
            outcome = self.fails(SCOREP + "x = 'after'", "NotMeasured")
            self.assertIn(f"old to {how} at the start", outcome.reply["evalue"])
            self.ok("del os.environ['STANDIN_AT_START']")
            self.assertEqual(self.ok("x").result, "'before'")
            self.works_again()

    def test_ends_the_process_at_an_event(self):
        for number in (1, 2, 3, 50):
            self.ok(f"import os; os.environ['STANDIN_ABORT_AT'] = '{number}'")
            outcome = self.measured("for i in range(100): leaf(i)\nx = i")
            self.assertIn("Warning: Score-P gave up", outcome.report)
            self.assertIn("old to abort at this event", outcome.report)
            self.ok("del os.environ['STANDIN_ABORT_AT']")
            self.assertEqual(self.ok("x").result, "99")
            self.works_again()

    def test_ends_the_process_in_a_thread(self):
        self.with_variable("STANDIN_ABORT_AT", "20")
        code = (
            "import threading\nt = threading.Thread(target=lambda: [leaf(i) for i in range(100)])\n"
            "t.start(); t.join()\nx = 'end'"
        )
        self.assertIn("Warning: Score-P gave up", self.measured(code).report)
        self.assertEqual(self.ok("x").result, "'end'")
        self.ok("import os; del os.environ['STANDIN_ABORT_AT']")
        self.works_again()

    def test_an_experiment_directory_that_cannot_be(self):
        blocker = os.path.join(self.work, "a-file")
        with open(blocker, "w"):
            pass
        self.with_variable("SCOREP_EXPERIMENT_DIRECTORY", os.path.join(blocker, "below"))
        outcome = self.fails(SCOREP + "leaf(1)", "NotMeasured")
        self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", outcome.reply["evalue"])
        self.ok("import os; del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")
        self.works_again()

    def launched(self, code):
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        return self.measured(code)

    def test_launched(self):
        self.ok("n = 4\nd = {'a': [1, 2]}")
        for number in range(3):
            code = "import os\nfor i in range(n): leaf(i)\nd['a'].append(n)\nn += 1\npid = os.getpid()\nn"
            outcome = self.launched(code)
            self.assertIn("launched (PROCESS=launch)", outcome.report)
            self.assertEqual(self.counts(outcome)["leaf"], 4 + number)
            self.assertEqual(outcome.result, str(5 + number))
        state = self.ok("(n, d, pid != __import__('os').getpid())").result
        self.assertEqual(state, "(7, {'a': [1, 2, 4, 5, 6]}, True)")
        self.assertNotIn("python -m scorep --thread=pthread", self.calls_until_now())

    def test_launched_where_preloading_fails(self):
        self.with_variable("STANDIN_NO_PRELOAD", "1")
        self.ok("n = 4")
        outcome = self.launched("for i in range(n): leaf(i)\nn = 5")
        self.assertEqual(self.counts(outcome)["leaf"], 4)
        self.assertEqual(self.ok("n").result, "5")
        self.assertTrue(any(call.startswith("python -m scorep") for call in self.calls_until_now()))

    def arguments(self, text):
        self.ok(f"%%scorep_python_binding_arguments\n{text}")
        self.addCleanup(self.ok, "%%scorep_python_binding_arguments\n-")

    def test_arguments_that_need_a_process(self):
        self.arguments("--thread=pthread --io=posix")
        self.ok("n = 4")
        for number in range(2):
            outcome = self.measured("for i in range(n): leaf(i)\nn += 1")
            self.assertIn("launched (--io=posix must be there when a process starts)", outcome.report)
            self.assertEqual(self.counts(outcome)["leaf"], 4 + number)
        self.assertEqual(self.ok("n").result, "6")
        # The libraries and this experiment are the launched process's business, not its children's nor ours.
        code = "import os; print((os.environ.get('LD_PRELOAD'), 'SCOREP_ENABLE_TRACING' in os.environ))"
        self.assertEqual(self.ok(code).text().strip(), repr((SANITIZER.get("LD_PRELOAD"), False)))

    def test_ranks(self):
        outcome = self.fails("%%execute_with_scorep --ranks 2\nleaf(1)", "NotMeasured")
        self.assertIn("has no MPI" if shutil.which("mpirun") else "openmpi-bin", outcome.reply["evalue"])
        self.works_again()

    def test_arguments_that_are_refused(self):
        for text, said in (
            ("--thread=threads", "Unknown threading system: 'threads'"),
            ("--mpp=mpi", "Unknown multi-process paradigm: 'mpi'"),
            ("--bogus", "Unknown option: '--bogus'"),
        ):
            outcome = self.run_cell(f"%%scorep_python_binding_arguments\n{text}")
            self.assertEqual(outcome.reply["status"], "error")
            with self.subTest(text):
                self.assertIn(said, outcome.reply["evalue"])
                self.assertIn("Nothing was changed", outcome.reply["evalue"])
                self.assertNotIn("Traceback", outcome.text() + outcome.text("stderr"))
            self.works_again()


class Remembered(StandIn):
    def kept(self):
        directory = os.path.join(self.cache, "scorepkernel")
        return [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".json")]

    def test_the_cache(self):
        self.works_again()
        directory = os.path.join(self.cache, "scorepkernel")
        self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode), 0o700)
        kept = self.kept()
        self.assertEqual(len(kept), 1)
        self.assertEqual(stat.S_IMODE(os.stat(kept[0]).st_mode), 0o600)
        with open(kept[0]) as file:
            said = json.load(file)
        self.assertEqual((said["passed"], said["why"]), (True, ""))

    def test_it_is_asked_once(self):
        self.works_again()
        before = self.calls_until_now()
        self.assertIn("--version", before)
        self.restart()
        self.works_again()
        self.assertEqual(self.calls_until_now(), before)

    def asked_again(self, change):
        self.works_again()
        before = len(self.calls_until_now())
        change()
        self.restart()
        self.works_again()
        self.assertGreater(len(self.calls_until_now()), before)
        self.assertEqual(len(self.kept()), 1)
        before = len(self.calls_until_now())
        self.restart()
        self.works_again()
        self.assertEqual(len(self.calls_until_now()), before)

    def test_another_library(self):
        self.asked_again(lambda: standin.build_measurement(self.prefix))

    def test_a_touched_library(self):
        path = os.path.join(self.prefix, "lib", "libscorep_measurement.so")
        self.asked_again(lambda: os.utime(path, ns=(1, os.stat(path).st_mtime_ns + 1)))

    def test_another_scorep_config(self):
        path = os.path.join(self.prefix, "bin", "scorep-config")
        self.asked_again(lambda: os.utime(path, ns=(1, os.stat(path).st_mtime_ns + 1)))

    def test_a_library_that_went_away(self):
        self.works_again()
        path = os.path.join(self.prefix, "lib", "libscorep_adapter_user_mgmt.so")
        os.rename(path, path + ".away")
        try:
            self.restart()
            outcome = self.fails(SCOREP + "leaf(1)", "NotMeasured")
            self.assertIn("libscorep_adapter_user_mgmt.so", outcome.reply["evalue"])
        finally:
            os.rename(path + ".away", path)
        self.restart()
        self.works_again()

    def test_a_cache_that_is_broken(self):
        self.works_again()
        for content in ("", "{", "[]", "{}", '{"version": 3}'):
            with open(self.kept()[0], "w") as file:
                file.write(content)
            self.restart()
            self.works_again()
            with open(self.kept()[0]) as file:
                self.assertEqual(json.load(file)["version"], "8.4-standin")

    def test_a_cache_that_others_can_write(self):
        directory = os.path.join(self.cache, "scorepkernel")
        self.works_again()
        os.chmod(directory, 0o777)
        try:
            before = len(self.calls_until_now())
            self.restart()
            self.works_again()
            self.assertGreater(len(self.calls_until_now()), before)
        finally:
            os.chmod(directory, 0o700)


class NoCache(StandIn):
    """Nowhere to write what is to be preloaded."""

    settings = {"XDG_CACHE_HOME": "/proc/self/nowhere"}

    def test_in_the_session(self):
        self.works_again()
        self.works_again()

    def test_launched_by_the_bindings(self):
        self.ok("n = 4\nd = {'a': [1]}\n")
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        for number in range(2):
            outcome = self.measured("for i in range(n): leaf(i)\nd['a'].append(n)\nn += 1")
            self.assertEqual(self.counts(outcome)["leaf"], 4 + number)
            self.assertIn("launched (PROCESS=launch)", outcome.report)
        self.assertEqual(self.ok("(n, d)").result, "(6, {'a': [1, 4, 5]})")
        self.assertTrue(any(call.startswith("python -m scorep") for call in self.calls_until_now()))

    def test_no_bindings(self):
        broken = os.path.join(self.base, "broken")
        os.makedirs(os.path.join(broken, "scorep"))
        with open(os.path.join(broken, "scorep", "__init__.py"), "w") as file:
            file.write("raise ImportError('these bindings are for another Python')\n")
        self.with_variable("PYTHONPATH", broken)
        self.ok("x = 'before'")
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        outcome = self.run_cell(SCOREP + "x = 'after'")
        self.assertEqual(outcome.reply["status"], "error", outcome.messages)
        self.assertIn("these bindings are for another Python", outcome.reply["evalue"] + outcome.text("stderr"))
        self.assertEqual(self.ok("x").result, "'before'")
        self.ok("%%marshalling_settings\nPROCESS=auto")
        self.works_again()


class Once(StandIn):
    """A Score-P that cannot begin a second time in a process, and ends it."""

    settings = {"STANDIN_ONCE": "abort"}
    said = "Cannot begin twice"

    def test_in_a_forked_copy(self):
        self.ok("x = [1]\nalias = x\nimport os\npid = os.getpid()")
        for number in range(3):
            code = f"x.append({number})\nfor i in range(5 + {number}): leaf(i)\nother = os.getpid()\nlen(x)"
            outcome = self.measured(code)
            way = "in a forked copy of the session (this Score-P cannot measure a process twice)"
            self.assertIn(way, outcome.report)
            self.assertEqual(self.counts(outcome)["leaf"], 5 + number)
            self.assertEqual(outcome.result, str(2 + number))
        state = self.ok("(x, x is alias, pid == os.getpid(), pid != other)").result
        self.assertEqual(state, "([1, 0, 1, 2], True, True, True)")

    def test_the_verdict_is_kept(self):
        self.measured("leaf(1)")
        directory = os.path.join(self.cache, "scorepkernel")
        reasons = []  # for launched cells' arguments, too, which are not tried
        for name in (name for name in os.listdir(directory) if name.endswith(".json")):
            with open(os.path.join(directory, name)) as file:
                reasons.append(json.load(file)["why"])
        self.assertTrue(any(self.said in why for why in reasons), reasons)
        before = self.calls_until_now()
        self.restart()
        self.assertIn("in a forked copy", self.measured("leaf(1)").report)
        self.assertEqual(self.calls_until_now(), before)

    def test_in_the_session_as_asked(self):
        self.ok("%%marshalling_settings\nPROCESS=session")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        outcome = self.fails(SCOREP + "leaf(1)", "NotMeasured")
        self.assertIn("self-test", outcome.reply["evalue"])
        self.assertIn(self.said, outcome.reply["evalue"])
        self.assertIn("PROCESS", outcome.reply["evalue"])

    def test_a_cell_that_raises(self):
        self.ok("x = 1")
        outcome = self.run_cell(SCOREP + "x = 2\nleaf(1)\nfails()")
        self.assertEqual(outcome.reply["ename"], "ValueError")
        self.assertEqual(self.counts(outcome)["leaf"], 1)
        self.assertEqual(self.ok("x").result, "2")

    def test_launched(self):
        self.ok("n = 4")
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        for number in range(2):
            self.assertEqual(self.counts(self.measured("for i in range(n): leaf(i)\nn += 1"))["leaf"], 4 + number)


class OnceSilently(Once):
    """A Score-P whose second measurement is wrong."""

    settings = {"STANDIN_ONCE": "silent"}
    said = "experiment 2 counted"


class MissingSymbol(StandIn):
    """A library that cannot be loaded."""

    flags = ["-DNEEDS_WHAT_IS_NOT"]

    def test_says_what_is_missing(self):
        self.ok("x = 'before'")
        for _ in range(2):
            outcome = self.fails(SCOREP + "x = 'after'", "NotMeasured")
            self.assertIn("symbol_that_nobody_has", outcome.reply["evalue"])
            self.assertEqual(self.ok("x").result, "'before'")
            self.assertNotIn("Traceback", outcome.reply["evalue"])

    def test_the_built_in_tracer_goes_on(self):
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "auto")
        outcome = self.measured("leaf(1)")
        self.assertIn("built-in tracer", outcome.report)
        self.assertIn("symbol_that_nobody_has", outcome.report)


class Static(StandIn):
    """A Score-P without shared libraries."""

    static = True

    def test_says_what_to_do(self):
        for _ in range(2):
            outcome = self.fails(SCOREP + "leaf(1)", "NotMeasured")
            self.assertIn("--enable-shared", outcome.reply["evalue"])

    def test_the_built_in_tracer_goes_on(self):
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "auto")
        outcome = self.measured("leaf(1)")
        self.assertIn("built-in tracer", outcome.report)
        self.assertIn("--enable-shared", outcome.report)


class Hangs(StandIn):
    """A scorep-config that never answers."""

    settings = {"STANDIN_CONFIG": "hang"}
    MOST = 30.0  # seconds that are waited for it, once in a session

    def restart(self):
        self.km.restart_kernel()
        self.kc.wait_for_ready(timeout=PATIENCE)

    def setUp(self):
        pass

    def test_ordinary_cells_do_not_wait(self):
        # Score-P is looked for while nobody waits: cells that come meanwhile must not.
        self.restart()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            began = time.monotonic()
            self.ok("1 + 1")
            self.assertLess(time.monotonic() - began, 5)
            time.sleep(0.05)

    def test_measured_cells_wait_once(self):
        began = time.monotonic()
        outcome = self.fails(SCOREP + "x = 1", "NotMeasured")
        first = time.monotonic() - began
        self.assertIn("scorep-config", outcome.reply["evalue"])
        self.assertIn("take it off PATH", outcome.reply["evalue"])
        self.assertLess(first, self.MOST)
        began = time.monotonic()
        self.fails(SCOREP + "x = 1", "NotMeasured")
        self.assertLess(time.monotonic() - began, 5)

    def wait_for_it(self):
        """A measured cell that waits for scorep-config: its request."""
        before = len(self.calls_until_now())
        request = self.kc.execute(SCOREP + "x = 'after'", allow_stdin=False)
        until(lambda: len(self.calls_until_now()) > before, "scorep-config is asked")
        return request

    def left(self):
        """The processes of the stand-in, by their commands."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                found += [text for text in [file.read()] if self.prefix in text]
        return found

    def test_it_ends_with_the_session(self):
        # Asked for a cell, or ahead by a process that is nobody's child.
        self.wait_for_it()
        self.ends_with_the_session()
        self.restart()
        until(self.left, "scorep-config is asked")
        self.ends_with_the_session()

    def ends_with_the_session(self):
        self.assertTrue(self.left())
        self.km.shutdown_kernel(restart=True)
        until(lambda: not self.left(), "scorep-config has ended")
        self.km.start_kernel(cwd=self.work, env=self.kernel_environment(), stderr=self.log)
        self.kc.wait_for_ready(timeout=PATIENCE)

    def test_an_interrupt_ends_the_waiting(self):
        self.restart()
        self.ok("x = 'before'")
        request = self.wait_for_it()
        began = time.monotonic()
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "error")
        self.assertLess(time.monotonic() - began, 10)
        # It was that cell's interrupt, and not that of the next one.
        self.assertEqual(self.ok("x").result, "'before'")


class Directives(test_directives.Directives, StandIn):
    """The directives do the same."""

    def entered(self, outcome):
        return self.profile(outcome)


if __name__ == "__main__":
    unittest.main()
