# SPDX-License-Identifier: BSD-3-Clause
"""The real Score-P where something is wrong with it, or with what is asked of it: either the cell is measured, or one
message names the remedy; and then the session and the next measured cell are as good as before."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from kernel import PATIENCE, KernelCase, Outcome, Trace
from measuring import DEFINITIONS, SCOREP, needs_tracer


def real_score_p() -> str:
    """The directory of its scorep-config."""
    path = shutil.which("scorep-config")
    if not path:
        raise unittest.SkipTest("there is no Score-P: scorep-config is not on PATH")
    done = subprocess.run([path, "--version"], capture_output=True, text=True)
    if done.returncode != 0 or not re.match(r"\d+\.\d+", done.stdout):
        raise unittest.SkipTest(f"{path} is not a Score-P that works")
    return os.path.dirname(path)


class WithScoreP(KernelCase):
    """A kernel that finds Score-P, with a cache directory of its own."""

    settings: dict = {}

    @classmethod
    def setUpClass(cls):
        needs_tracer()
        cls.binaries = real_score_p()
        cls.base = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-bad-"))
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        cls.environment = {
            "XDG_CACHE_HOME": os.path.join(cls.base, "cache"),
            "SCOREPKERNEL_MEASUREMENT": "scorep",
            **cls.settings,
        }
        super().setUpClass()

    def setUp(self):
        self.ok(DEFINITIONS)
        self.ok("x = 'before'")

    def set(self, **variables):
        """Variables of the session's, until the test ends."""
        self.ok(f"import os; os.environ.update({variables!r})")
        self.addCleanup(self.unset, *variables)

    def unset(self, *names):
        self.ok(f"import os\nfor name in {names!r}: os.environ.pop(name, None)")

    def mounted(self, *options):
        """A small file system of its own, until the test ends."""
        path = tempfile.mkdtemp(dir=self.base)
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", path]
        if subprocess.run(command, capture_output=True).returncode != 0:
            self.skipTest("no permission to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        return path

    def measured(self, code):
        outcome = self.ok(SCOREP + code)
        self.assertRegex(outcome.report or "", "by Score-P [0-9]", outcome.messages)
        return outcome

    def works_again(self):
        """A measured cell is as good as the first one, and in a place of its own."""
        outcome = self.measured("leaf(1); leaf(2)")
        self.assertNotIn("Warning", outcome.report)
        self.assertRegex(os.path.basename(outcome.experiment), r"^scorep-\d{8}_\d{4}_[0-9a-f]{8}$")
        self.assertFalse(self.seen(outcome.experiment), f"{outcome.experiment} was there before")
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 2)
        return outcome

    def seen(self, path):
        """Whether the experiment was another cell's before."""
        found = self.__class__.__dict__.get("_seen", set())
        self.__class__._seen = found | {path}
        return path in found

    def is_refused(self, *parts):
        """The cell is not run, and the one message has these parts."""
        outcome = self.fails(SCOREP + "x = 'after'", "NotMeasured")
        for part in parts:
            self.assertIn(part, outcome.reply["evalue"])
        self.assertNotIn("Traceback", outcome.reply["evalue"])
        self.assertEqual((outcome.text(), outcome.text("stderr")), ("", ""))
        self.assertEqual(self.ok("x").result, "'before'")
        return outcome


class Settings(WithScoreP):
    """What the user sets."""

    def test_memory_that_is_no_size(self):
        for value in ("-3", "abc", ""):
            self.set(SCOREP_TOTAL_MEMORY=value)
            self.is_refused(f"'{value}'", "SCOREP_TOTAL_MEMORY", "unset")
            self.unset("SCOREP_TOTAL_MEMORY")
            self.works_again()

    def test_memory_that_does_not_do(self):
        for value in ("1M", "0"):
            self.set(SCOREP_TOTAL_MEMORY=value)
            self.is_refused("SCOREP_TOTAL_MEMORY", "more memory", "%env SCOREP_TOTAL_MEMORY=")
            self.unset("SCOREP_TOTAL_MEMORY")
            self.works_again()

    def test_memory_that_there_is_not(self):
        self.set(SCOREP_TOTAL_MEMORY="99999999999999")
        outcome = self.measured("leaf(1)")
        self.assertIn("Too much memory requested", outcome.report)
        self.unset("SCOREP_TOTAL_MEMORY")
        self.works_again()

    def test_memory_that_is_soon_full(self):
        self.set(SCOREP_TOTAL_MEMORY="4M")
        outcome = self.measured("for i in range(300000): leaf(i)")
        self.assertIn("Warning: Score-P's memory was full", outcome.report)
        self.assertIn("more than the 4M", outcome.report)
        self.assertIn("%env SCOREP_TOTAL_MEMORY=", outcome.report)
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 300000)
        self.unset("SCOREP_TOTAL_MEMORY")
        self.works_again()

    def test_memory_that_threads_exhaust(self):
        self.set(SCOREP_TOTAL_MEMORY="4M")
        code = (
            "import threading\nstop = threading.Event()\ndef work():\n    leaf(1)\n    stop.wait()\n"
            "threads = [threading.Thread(target=work) for _ in range(100)]\nfor t in threads: t.start()\n"
            "leaf(2)\nstop.set()\nfor t in threads: t.join()\nx = 'after'"
        )
        for _ in range(2):
            outcome = self.ok(SCOREP + code)
            self.assertIn("Warning: Score-P gave up", outcome.report)
            self.assertIn("%env SCOREP_TOTAL_MEMORY=", outcome.report)
            self.assertEqual(self.ok("x").result, "'after'")
        self.unset("SCOREP_TOTAL_MEMORY")
        self.works_again()

    def test_tracing_maybe(self):
        self.set(SCOREP_ENABLE_TRACING="maybe")
        outcome = self.ok(SCOREP + "leaf(1)")  # Score-P takes it for no
        self.assertFalse(os.path.exists(os.path.join(outcome.experiment, "traces.otf2")))
        self.assertRegex(outcome.report, r" 1  leaf  ")
        self.unset("SCOREP_ENABLE_TRACING")
        self.works_again()

    def test_no_profile(self):
        for variables in ({"SCOREP_ENABLE_PROFILING": "false"}, {"SCOREP_PROFILING_FORMAT": "none"}):
            self.set(**variables)
            outcome = self.measured("fib(5); leaf(1)")
            self.assertFalse(os.path.exists(os.path.join(outcome.experiment, "profile.cubex")))
            self.assertRegex(outcome.report, r" 15  fib  ")
            self.assertNotIn("Warning", outcome.report)
            self.assertEqual(Trace(outcome.experiment).calls("fib"), 15)
            self.unset(*variables)
            self.works_again()

    def test_neither_profile_nor_trace(self):
        self.set(SCOREP_ENABLE_PROFILING="false", SCOREP_ENABLE_TRACING="false")
        self.assertRegex(self.measured("fib(5)").report, r" 15  fib  ")
        self.unset("SCOREP_ENABLE_PROFILING", "SCOREP_ENABLE_TRACING")
        self.works_again()

    def test_filters(self):
        path = os.path.join(self.work, "filter")
        self.set(SCOREP_FILTERING_FILE=path)
        self.is_refused(path, "SCOREP_FILTERING_FILE", "unset")
        with open(path, "w") as file:
            file.write("nonsense here\n")
        self.is_refused("nonsense", "SCOREP_FILTERING_FILE", "unset")
        with open(path, "w") as file:
            file.write("SCOREP_REGION_NAMES_BEGIN EXCLUDE __main__:leaf SCOREP_REGION_NAMES_END\n")
        outcome = self.measured("leaf(1); fib(3)")
        trace = Trace(outcome.experiment)
        self.assertEqual((trace.calls("leaf"), trace.calls("fib")), (0, 5))
        self.assertNotIn("  leaf  ", outcome.report)
        self.unset("SCOREP_FILTERING_FILE")
        self.works_again()


class Directories(WithScoreP):
    def test_one_that_exists(self):
        wanted = os.path.join(self.work, "mine")
        self.set(SCOREP_EXPERIMENT_DIRECTORY=wanted)
        self.measured("leaf(1)")
        second = self.measured("leaf(1); leaf(2)")
        self.assertEqual((second.experiment, Trace(wanted).calls("leaf")), (wanted, 2))
        (older,) = [name for name in os.listdir(self.work) if name.startswith("mine-")]
        self.assertIn(older, second.report)
        self.assertEqual(Trace(os.path.join(self.work, older)).calls("leaf"), 1)
        self.unset("SCOREP_EXPERIMENT_DIRECTORY")
        self.works_again()

    def test_one_that_cannot_be(self):
        blocker = os.path.join(self.work, "a-file")
        with open(blocker, "w"):
            pass
        for path in (blocker, os.path.join(blocker, "below"), "/proc/nowhere/x"):
            self.set(SCOREP_EXPERIMENT_DIRECTORY=path)
            self.is_refused(path, "%env SCOREP_EXPERIMENT_DIRECTORY=")
            self.unset("SCOREP_EXPERIMENT_DIRECTORY")
            self.works_again()
        self.assertEqual(os.stat(blocker).st_size, 0)

    def test_a_name_that_is_hard(self):
        path = os.path.join(self.work, "mit Leerzeichen & <ä>")
        self.set(SCOREP_EXPERIMENT_DIRECTORY=path)
        outcome = self.measured("leaf(1)")
        self.assertEqual((outcome.experiment, Trace(path).calls("leaf")), (path, 1))
        self.unset("SCOREP_EXPERIMENT_DIRECTORY")
        self.works_again()

    def test_a_disk_that_is_full(self):
        full = self.mounted("size=256k")
        with open(os.path.join(full, "zero"), "wb", buffering=0) as file:
            file.write(b"\0" * (256 << 10))
        self.set(SCOREP_EXPERIMENT_DIRECTORY=os.path.join(full, "e"))
        self.is_refused(full, "No space left", "SCOREP_EXPERIMENT_DIRECTORY")
        self.unset("SCOREP_EXPERIMENT_DIRECTORY")
        self.works_again()

    def test_a_disk_that_becomes_full(self):
        # OTF2's writer frees its buffer when a write fails, and writes and frees it again when it is closed.
        full = self.mounted("size=256k")
        for number, guard in enumerate((" --no-guard", " --guard")):
            self.set(SCOREP_EXPERIMENT_DIRECTORY=os.path.join(full, "e"))
            code = f"%%execute_with_scorep{guard}\nfor i in range(300000): leaf(i)\nx = 'after'"
            outcome = self.run_cell(code)
            self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
            self.assertIn("No space left", outcome.report)
            self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", outcome.report)
            self.assertEqual(self.ok("x").result, "'after'")
            self.unset("SCOREP_EXPERIMENT_DIRECTORY")
            self.works_again()
            shutil.rmtree(os.path.join(full, "e"), ignore_errors=True)

    def test_a_disk_that_is_full_at_the_end(self):
        # CubeLib's writer says what is wrong to the terminal.
        self.set(
            SCOREP_EXPERIMENT_DIRECTORY=os.path.join(self.mounted("size=24k"), "e"), SCOREP_ENABLE_TRACING="false"
        )
        outcome = self.ok(SCOREP + "import subprocess\nleaf(1)\nsubprocess.run(['true'])\nx = 'after'")
        self.assertIn("Warning", outcome.report)
        self.assertIn("No space left", outcome.report)
        self.assertEqual(outcome.text("stderr"), "")
        self.unset("SCOREP_EXPERIMENT_DIRECTORY", "SCOREP_ENABLE_TRACING")
        self.assertEqual(self.ok("x").result, "'after'")
        self.works_again()

    def test_temporary_files_that_cannot_be_executed(self):
        self.set(TMPDIR=self.mounted("noexec"))
        self.ok("import tempfile; tempfile.tempdir = None")
        self.works_again()
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        self.measured("leaf(1)\nx = 'after'")
        self.assertEqual(self.ok("x").result, "'after'")
        self.ok("%%scorep_python_binding_arguments\n--io=posix")
        self.addCleanup(self.ok, "%%scorep_python_binding_arguments\n-")
        self.measured("leaf(1)\nx = 'again'")
        self.assertEqual(self.ok("x").result, "'again'")


class Programs(WithScoreP):
    """Cells that use Score-P themselves."""

    def setUp(self):
        super().setUp()
        if self.value("__import__('importlib.util').util.find_spec('scorep').origin is None"):
            self.skipTest("Score-P's Python bindings are not installed")

    def test_the_bindings_in_the_cell(self):
        code = (
            "import scorep.user, scorep.instrumenter\nwith scorep.user.region('mine'):\n    leaf(1)\n"
            "with scorep.instrumenter.disable():\n    leaf(2)\n"
            "scorep.instrumenter.get_instrumenter().unregister()\nleaf(3)\n"
            "scorep.instrumenter.get_instrumenter().register()\nleaf(4)\n"
            "scorep.user.parameter_int('n', 3)\nscorep.user.rewind_begin('r')\nleaf(5)\n"
            "scorep.user.rewind_end('r', False)\n"
        )
        for _ in range(2):
            trace = Trace(self.measured(code).experiment)
            self.assertEqual((trace.enters["user:mine"], trace.calls("leaf")), (1, 3))
        self.works_again()

    def child(self):
        script = os.path.join(self.work, "child.py")
        with open(script, "w") as file:
            file.write("def foo(): pass\nfor _ in range(7): foo()\n")
        return (
            "import os, subprocess, sys\n"
            f"command = [sys.executable, '-m', 'scorep', '--thread=pthread', {script!r}]\n"
            "environment = {**os.environ, 'SCOREP_ENABLE_TRACING': 'true'}\n"
            "environment.pop('LD_PRELOAD', None)\n"  # a sanitizer, whose presence the bindings remark on
            "done = subprocess.run(command, capture_output=True, text=True, env=environment)\nleaf(1)\n"
            "(done.returncode, done.stderr)"
        )

    def of_child(self):
        """The experiments in which the child's function was called seven times."""
        found = []
        for name in os.listdir(self.work):
            if os.path.exists(os.path.join(self.work, name, "traces.otf2")):
                found += [name] * (Trace(os.path.join(self.work, name)).calls("foo") == 7)
        return found

    def test_the_bindings_in_a_child(self):
        if not shutil.which("cc"):
            self.skipTest("there is no compiler, which the bindings need")
        before = self.of_child()
        outcome = self.measured(self.child())
        self.assertEqual(outcome.result, "(0, '')")
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 1)
        self.assertNotIn("Warning", outcome.report)
        (new,) = set(self.of_child()) - set(before)
        self.assertNotEqual(new, os.path.basename(outcome.experiment))
        self.works_again()

    def test_a_child_that_takes_our_directory(self):
        # A Score-P that finds an experiment where it shall write renames it, be it ours, which has not ended yet.
        if not shutil.which("cc"):
            self.skipTest("there is no compiler, which the bindings need")
        before = self.of_child()
        self.set(SCOREP_EXPERIMENT_DIRECTORY=os.path.join(self.work, "both"))
        outcome = self.ok(SCOREP + self.child())
        self.assertEqual(outcome.result, "(0, '')")
        self.unset("SCOREP_EXPERIMENT_DIRECTORY")
        if "Warning" in outcome.report:
            self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", outcome.report)
        else:
            self.assertEqual(Trace(outcome.experiment).calls("leaf"), 1)
            self.assertEqual(len(set(self.of_child()) - set(before)), 1, "the child's experiment is lost")
        self.works_again()


class Together(WithScoreP):
    """Two notebooks in one directory."""

    def test_two_at_once(self):
        from jupyter_client.manager import KernelManager

        manager = KernelManager(kernel_name="scorep-python")
        manager.kernel_spec_manager.kernel_dirs = self.km.kernel_spec_manager.kernel_dirs
        manager.start_kernel(cwd=self.work, env=self.kernel_environment(), stderr=self.log)
        self.addCleanup(manager.shutdown_kernel, now=True)
        other = type(self)("test_two_at_once")
        other.km, other.kc = manager, manager.blocking_client()
        other.kc.start_channels()
        self.addCleanup(other.kc.stop_channels)
        other.kc.wait_for_ready(timeout=PATIENCE)
        other.ok(DEFINITIONS)

        cases = ((self, 1000), (other, 2000))
        code = SCOREP + "for i in range({}): leaf(i)\nfib(12)"
        asked = [[case.kc.execute(code.format(first + i)) for i in range(5)] for case, first in cases]
        found = []
        for (case, _), requests in zip(cases, asked):
            messages = [case.outputs_of(request) for request in requests]
            found.append([Outcome(case.reply_of(request), of) for request, of in zip(requests, messages)])
        experiments = set()
        for (_, first), outcomes in zip(cases, found):
            for count, outcome in enumerate(outcomes, first):
                self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
                trace = Trace(outcome.experiment)
                self.assertEqual((trace.calls("leaf"), trace.calls("fib")), (count, 465))
                self.assertNotIn("Warning", outcome.report)
                experiments.add(outcome.experiment)
        self.assertEqual(len(experiments), 10)


class Programless(WithScoreP):
    """scorep-config is not what it should be."""

    def setUp(self):
        self.good, self.bad = os.environ["PATH"], tempfile.mkdtemp(dir=self.base)

    def restart_with(self, content):
        """A session that finds this scorep-config before the good one."""
        path = os.path.join(self.bad, "scorep-config")
        with open(path, "w", encoding="latin-1") as file:
            file.write(content)
        os.chmod(path, 0o755)
        self.km.restart_kernel(env={**self.kernel_environment(), "PATH": self.bad + os.pathsep + self.good})
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.ok(DEFINITIONS)
        self.ok("x = 'before'")
        return path

    def is_refused_until_it_is_good(self, content, *parts):
        path = self.restart_with(content)
        parts = parts if os.path.isabs(parts[0]) else (path, *parts)
        for _ in range(2):
            self.is_refused(*parts)
        self.set(SCOREPKERNEL_MEASUREMENT="auto")
        outcome = self.ok(SCOREP + "leaf(1)\nx = 'after'")
        self.assertIn("built-in tracer", outcome.report)
        self.assertIn(parts[0], outcome.report)
        self.assertEqual(self.ok("x").result, "'after'")
        self.ok("os.environ['SCOREPKERNEL_MEASUREMENT'] = 'scorep'")
        self.ok(f"os.environ['PATH'] = {self.good!r}")
        self.works_again()

    def test_it_fails(self):
        self.is_refused_until_it_is_good("#!/bin/sh\necho 'no library' >&2; exit 1\n", "no library", "PATH")

    def test_it_is_killed(self):
        self.is_refused_until_it_is_good("#!/bin/sh\nkill -9 $$\n", "PATH")

    def test_it_says_rubbish(self):
        self.is_refused_until_it_is_good("#!/bin/sh\nprintf 'a\\377\\n-L -l &'\n", "PATH")

    def test_it_says_nothing(self):
        self.is_refused_until_it_is_good("#!/bin/sh\n", "PATH")

    def test_it_is_no_program(self):
        self.is_refused_until_it_is_good("\x7fELF rubbish", "PATH")

    def test_its_interpreter_is_missing(self):
        self.is_refused_until_it_is_good("#!/nowhere/python\n", "PATH")

    def test_it_is_of_a_score_p_without_shared_libraries(self):
        archives = tempfile.mkdtemp(dir=self.base)
        for name in ("scorep_measurement", "scorep_adapter_user_event"):
            open(os.path.join(archives, f"lib{name}.a"), "w").close()
        good = os.path.join(self.binaries, "scorep-config")
        self.is_refused_until_it_is_good(
            f"#!/bin/sh\n{good} \"$@\" | sed 's|-L[^ ]*|-L{archives}|g'\n", archives, "--enable-shared"
        )

    def test_its_libraries_are_rubbish(self):
        libraries = tempfile.mkdtemp(dir=self.base)
        good = os.path.join(self.binaries, "scorep-config")
        command = [good, "--user", "--thread=pthread", "--mpp=none", "--libs"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        for name in re.findall(r"-l(scorep_\S+)", listed.stdout):
            with open(os.path.join(libraries, f"lib{name}.so"), "w") as file:
                file.write("rubbish")
        self.is_refused_until_it_is_good(
            f"#!/bin/sh\n{good} \"$@\" | sed 's|-L[^ ]*|-L{libraries}|g'\n", libraries, "PATH"
        )


class WithoutCompiler(WithScoreP):
    """Neither a compiler nor the bindings: nothing in the session needs them."""

    @classmethod
    def setUpClass(cls):
        cls.settings = {}
        cls.tools = tempfile.mkdtemp(prefix="scorepkernel-tools-")
        cls.addClassCleanup(shutil.rmtree, cls.tools, ignore_errors=True)
        # Linked, so that scorep-config alone is found: its directory may have a compiler, too.
        config = os.path.join(real_score_p(), "scorep-config")
        with open(os.path.join(cls.tools, "scorep-config"), "w") as file:
            file.write(f'#!/bin/sh\nexec {config} "$@"\n')
        os.chmod(file.name, 0o755)
        hidden = os.path.join(cls.tools, "python", "scorep")
        os.makedirs(hidden)
        with open(os.path.join(hidden, "__init__.py"), "w") as file:
            file.write("raise ImportError('_bindings was built for another Python')\n")
        cls.settings = {"PATH": cls.tools, "PYTHONPATH": os.path.dirname(hidden)}
        super().setUpClass()

    def test_in_the_session(self):
        self.assertEqual(self.ok("import shutil; shutil.which('cc')").result, None)
        self.works_again()
        self.works_again()

    def test_launched(self):
        self.ok("%%marshalling_settings\nPROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings\nPROCESS=auto")
        self.measured("leaf(1)\nx = 'after'")
        self.assertEqual(self.ok("x").result, "'after'")

    def test_the_user_meets_the_bindings(self):
        outcome = self.run_cell(SCOREP + "import scorep.user")
        self.assertIn(outcome.reply.get("ename"), (None, "ImportError"))
        self.works_again()


del WithScoreP

if __name__ == "__main__":
    unittest.main()
