# SPDX-License-Identifier: BSD-3-Clause
"""The programs of the bindings' own test suite, with the arguments that it gives them, as measured cells: in the session,
launched and forked, by both measurement systems. They must print what they print under `python -m scorep`, and their
events must be the same.

SPK_BINDINGS_SUITE: a checkout of github.com/score-p/scorep_binding_python.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from collections import Counter

from outside import checkout

from kernel import PYTHON, KernelCase, Trace  # noqa: E402
from measuring import SCOREP, needs_tracer
from ranked import mpi_score_p, ranks
from test_corpus import needs_score_p, sequences

TYPES = ("profile", "trace", "cProfile", "cTrace")
OFF, FILE = "--noinstrumenter", "--instrumenter-file=cases/external_instrumentation.py"
# Each: a program, and its arguments, less the type of instrumenter.
PROGRAMS = (
    ("user_regions", ["--nopython"]),
    ("context", [OFF]),
    ("decorator", [OFF]),
    ("user_rewind", []),
    ("instrumentation", ["--nocompiler"]),
    ("user_instrumentation", ["--nocompiler", OFF]),
    ("instrumentation", ["--nocompiler", OFF, FILE]),
    ("error_region", ["--nocompiler", OFF]),
    ("classes", ["--nocompiler"]),
    ("numpy_dot", ["--nocompiler", OFF]),
    ("use_threads", ["--nocompiler", "--thread=pthread"]),
    ("force_finalize", []),
    ("file_io", ["--nocompiler", OFF]),
    # Not in the suite: the same without the arguments.
    ("user_regions", []),
    ("context", []),
    ("decorator", []),
    ("user_instrumentation", []),
    ("error_region", []),
)
SETTINGS = {
    "SCOREP_TOTAL_MEMORY": "64M",
    "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "98",
    "SCOREP_ENABLE_PROFILING": "false",
    "SCOREP_ENABLE_TRACING": "true",
}
MODULES = ("__main__", "instrumentation2", "user", "user_instrumenter", "error_region", "numpy")


def of_program(region):
    """What a region is compared by: the module and the function's own name. The class of a method is the one that defines
    it here, and the one of the first object that it is called with there."""
    module, _, name = region.partition(":")
    return f"{module.split('.')[0]}:{name}" if module.split(".")[0] in MODULES else None


class Suite(KernelCase):
    process = "auto"
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in", **SETTINGS}
    expected = {}

    @classmethod
    def setUpClass(cls):
        cls.suite = os.path.join(checkout("SPK_BINDINGS_SUITE", "test/cases", "score-p/scorep_binding_python"), "test")
        needs_tracer()
        needs_score_p()
        super().setUpClass()
        case = cls()
        case.ok(
            f"import os, shutil, sys; shutil.copytree({cls.suite!r}, 'suite'); os.chdir('suite')\n"
            "sys.path.insert(0, os.path.abspath('cases'))"
        )
        case.ok(f"%%marshalling_settings PROCESS={cls.process}")

    def bindings(self, name, arguments):
        key = (name, *arguments)
        if key not in self.expected:
            with tempfile.TemporaryDirectory(prefix="scorepkernel-suite-") as directory:
                work, experiment = os.path.join(directory, "work"), os.path.join(directory, "experiment")
                shutil.copytree(self.suite, work)
                environment = {key: value for key, value in os.environ.items() if not key.startswith("SCOREP_")}
                environment.update(SETTINGS, SCOREP_EXPERIMENT_DIRECTORY=experiment)
                command = [PYTHON, "-m", "scorep", *arguments, f"cases/{name}.py"]
                done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.expected[key] = sequences(experiment, of_program), done.stdout
        return self.expected[key]

    def test_programs(self):
        for name, arguments in PROGRAMS:
            for kind in TYPES if self.process == "auto" else TYPES[2:3]:
                with self.subTest(name, arguments=arguments, type=kind):
                    self.compare(name, [*arguments, f"--instrumenter-type={kind}"])

    def compare(self, name, arguments):
        self.ok("%%scorep_python_binding_arguments " + " ".join(arguments))
        self.ok("import sys; sys.modules.pop('instrumentation2', None)")
        with open(os.path.join(self.suite, "cases", name + ".py")) as file:
            outcome = self.run_cell(SCOREP + file.read())
        self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
        theirs, printed = self.bindings(name, arguments)
        self.assertEqual(Counter(outcome.text().split("\n")), Counter(printed.split("\n")))  # threads print as they come
        if name == "error_region":
            self.assertIn("error_region", outcome.text("stderr"))
        else:
            self.assertEqual(outcome.text("stderr"), "")
        self.assertEqual(sequences(outcome.experiment, of_program), theirs)

    def test_dummy(self):
        self.ok("%%scorep_python_binding_arguments --instrumenter-type=dummy")
        with open(os.path.join(self.suite, "cases", "instrumentation.py")) as file:
            outcome = self.ok(SCOREP + file.read())
        self.assertEqual(outcome.text(), "hello world\nbaz\nbar\n")
        self.assertTrue(os.path.isdir(outcome.experiment))

    def test_without_measurement(self):
        with open(os.path.join(self.suite, "cases", "user_regions.py")) as file:
            outcome = self.ok(file.read())
        self.assertEqual(outcome.text(), "hello world\nhello world\nhello world3\nhello world3\nhello world4\n")

    def test_the_program_s_own_main(self):
        """Under the bindings this calls their main; here the program's own, as without them."""
        self.ok("%%scorep_python_binding_arguments -")
        with open(os.path.join(self.suite, "cases", "call_main.py")) as file:
            self.assertEqual(self.ok(SCOREP + file.read()).text(), "successfully called main\n")

    def test_version_and_help(self):
        self.assertTrue(self.ok("import scorep; scorep.__version__ is not None and scorep.instrumenter.has_c_instrumenter()").result)
        self.assertIn("--noinstrumenter", self.fails("%%scorep_python_binding_arguments --help", "ScorePDirectiveError").reply["evalue"])


class SuiteByScoreP(Suite):
    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep", **SETTINGS}

    def test_io(self):
        """The suite asks for it by SCOREP_IO_POSIX, which is Score-P 9's way."""
        self.ok("%%marshalling_settings PROCESS=auto")
        self.ok("%%scorep_python_binding_arguments --noinstrumenter --io=runtime:posix")
        with open(os.path.join(self.suite, "cases", "file_io.py")) as file:
            outcome = self.ok(SCOREP + file.read())
        self.ok(f"%%marshalling_settings PROCESS={self.process}")
        text = Trace(outcome.experiment).text
        for event in ("IO_CREATE_HANDLE", "IO_SEEK", "IO_OPERATION_BEGIN", "IO_OPERATION_COMPLETE", "IO_DESTROY_HANDLE"):
            self.assertTrue(re.search(rf"^{event} .*\[POSIX I/O\].*test\.txt", text, re.M), event)


class SuiteLaunched(Suite):
    process = "launch"


class SuiteLaunchedByScoreP(SuiteByScoreP):
    process = "launch"


class SuiteForked(Suite):
    process = "forked"


class SuiteForkedByScoreP(SuiteByScoreP):
    process = "forked"


class Mpi(Suite):
    """The suite's program for two ranks."""

    def test_programs(self):
        self.ok(f"os.environ['PATH'] = {mpi_score_p()!r} + os.pathsep + os.environ['PATH']")
        with open(os.path.join(self.suite, "cases", "mpi.py")) as file:
            code = file.read()
        for system in ("built-in", "scorep"):
            self.ok(f"os.environ['SCOREPKERNEL_MEASUREMENT'] = {system!r}")
            self.ok("%%scorep_python_binding_arguments --nocompiler --noinstrumenter")
            outcome = self.ok(ranks(2, code))
            for line in ("[0] [00] [0. 1. 2. 3. 4.]", "[1] [01] [0. 1. 2. 3. 4.]", "[1] bar", "[0] baz"):
                self.assertIn(line, outcome.text())
            entered = Trace(outcome.experiment).enters
            self.assertEqual((entered["instrumentation2:bar"], entered["instrumentation2:baz"]), (1, 1))


del KernelCase

if __name__ == "__main__":
    unittest.main()
