# SPDX-License-Identifier: BSD-3-Clause
"""Every setting, option and variable that is taken anywhere: each has an effect, or says that it has none. What is checked
here is the effect, not what is confirmed. The bindings' arguments are walked by test_bindings.py."""

import glob
import json
import os
import re
import shutil
import subprocess
import unittest

from kernel import TREE, Trace
from measuring import SCOREP, ByScoreP, TracedCase, needs_scorep
from ranked import ranks

WORKER = os.path.join(TREE, "lib", "scorepkernel", "worker", "spk_worker")
DEFINITIONS = "import os\ndef leaf(n):\n    return n\n"


class Settings(TracedCase):
    """By the built-in tracer."""

    score_p = False

    def setUp(self):
        self.ok(DEFINITIONS)

    def with_variable(self, name, value):
        """Until the test ends."""
        before = eval(self.ok(f"os.environ.get({name!r}, '')").result)
        self.addCleanup(self.ok, f"os.environ[{name!r}] = {before!r}" if before else f"os.environ.pop({name!r}, None)")
        self.ok(f"%env {name}={value}")

    def measured(self, code="leaf(1)", directive="%%execute_with_scorep"):
        return self.ok(f"{directive}\n{code}")

    def record(self, outcome):
        with open(os.path.join(outcome.experiment, "scorepkernel.json"), encoding="utf-8") as file:
            return json.load(file)

    # --- the list itself -------------------------------------------------------------------------------------------

    def test_every_variable_is_here(self):
        """A variable that the sources know has a test in this file, or is one that the kernel's processes tell each other."""
        found = set()
        for path in glob.glob(os.path.join(WORKER, "*.py")):
            with open(path, encoding="utf-8") as file:
                found |= set(re.findall(r"\b(SCOREPKERNEL_[A-Z_]+[A-Z]|SCOREP_JUPYTER_[A-Z_]+[A-Z])\b", file.read()))
        inner = re.compile("SCOREPKERNEL_(RENDEZVOUS|PRELOAD.*|RUNNER|SET_FOR_START|SUBSYSTEMS|SCRIPT|LOG)")
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual([name for name in sorted(found) if not inner.fullmatch(name) and f'"{name}"' not in text], [])

    def test_every_directive_is_here(self):
        code = "[n for kind in get_ipython().magics_manager.magics.values() for n in kind if n.startswith('scorep_') or '_multicell' in n or '_writefile' in n or n.startswith(('execute_with', 'enable_vampir', 'disable_vampir', 'marshalling_', 'serializer_'))]"
        names = {name.lstrip("%") for name in eval(self.ok(code).result)}
        tests = ""
        for path in glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_*.py")):
            with open(path, encoding="utf-8") as file:
                tests += file.read()
        self.assertGreater(len(names), 15)
        self.assertEqual([name for name in sorted(names) if f"%{name}" not in tests and f'"{name}"' not in tests], [])

    # --- the kernel's variables ------------------------------------------------------------------------------------

    def test_measurement(self):
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "built-in")
        self.assertIn("by the built-in tracer", self.measured().report)
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "nonsense")
        self.assertIn("must be auto, scorep or built-in", self.fails(SCOREP + "leaf(1)", "NotMeasured").reply["evalue"])

    def test_guard_budget(self):
        for value, how in (("1e9", "guarded"), ("0", "unguarded")):
            self.with_variable("SCOREPKERNEL_GUARD_BUDGET", value)
            self.assertIn(f"in the session, {how}", self.measured().report)
        self.with_variable("SCOREPKERNEL_GUARD_BUDGET", "cheap")
        self.assertIn("number of milliseconds", self.fails(SCOREP + "leaf(1)", "NotMeasured").reply["evalue"])

    def test_what_is_no_setting(self):
        for name in ("SCOREPKERNEL_MESUREMENT", "SCOREP_JUPYTER_PERSISTANCE_DIR"):
            self.with_variable(name, "1")
            said = self.measured().report
            self.assertIn(f"{name}: there is no such setting", said)
            self.assertNotIn(name, self.measured().report)  # told once

    def test_output_limit(self):
        """What it does to a session is in test_slow_clients.py."""
        for value in ("0", "1M", "much", "64X", "-64M", "64M ", "2000G", "99999999999999999999"):
            done = subprocess.run(
                [os.path.join(TREE, "bin", "scorepkernel"), "-f", "none"],
                env={**os.environ, "SCOREPKERNEL_OUTPUT_LIMIT": value},
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"SCOREPKERNEL_OUTPUT_LIMIT={value} is no size from 4M to 1024G", done.stderr)

    def test_what_the_host_reads(self):
        for name in ("SCOREPKERNEL_OUTPUT_LIMIT", "SCOREPKERNEL_LOG"):
            self.with_variable(name, "8M")
            self.assertIn(f"{name}: without effect in a session that runs", self.measured().report)

    def test_c_functions(self):
        code = "import time; time.sleep(0); leaf(1)"
        self.assertNotIn("time:sleep", self.measured(code).report)
        self.with_variable("SCOREPKERNEL_C_FUNCTIONS", "on")
        self.assertRegex(self.measured(code).report, r"(?m)^ .* 1  time:sleep  \(C\)$")
        self.with_variable("SCOREPKERNEL_C_FUNCTIONS", "perhaps")
        self.assertIn("must be on", self.fails(SCOREP + "leaf(1)", "NotMeasured").reply["evalue"])

    # --- the existing kernel's -------------------------------------------------------------------------------------

    def test_persistence_directory(self):
        self.ok("%%marshalling_settings PROCESS=launch MODE=disk")
        self.addCleanup(self.ok, "%%marshalling_settings PROCESS=auto MODE=memory")
        self.with_variable("SCOREP_JUPYTER_PERSISTENCE_DIR", "/proc/nowhere")
        self.assertIn("SCOREP_JUPYTER_PERSISTENCE_DIR", self.fails(SCOREP + "leaf(1)", "NotMeasured").reply["evalue"])
        self.with_variable("SCOREP_JUPYTER_PERSISTENCE_DIR", os.path.join(self.work, "some where"))
        self.assertIn("launched", self.measured().report)
        self.assertTrue(os.path.isdir(os.path.join(self.work, "some where")))

    def test_detailed_report(self):
        self.ok("%%marshalling_settings PROCESS=launch")
        self.addCleanup(self.ok, "%%marshalling_settings PROCESS=auto")
        self.ok("large_one = b'x' * 3_000_000")
        plain = self.measured()
        self.with_variable("SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT", "1")
        told = self.measured()
        text = told.text() + told.text("stderr") + told.report
        self.assertIn("large_one", text)
        self.assertNotIn("large_one", plain.text() + plain.text("stderr") + plain.report)

    def test_animations(self):
        # "SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS": what it takes away, test_progress.py shows.
        for value in ("0", "1"):
            self.with_variable("SCOREP_JUPYTER_DISABLE_PROCESSING_ANIMATIONS", value)
            outcome = self.measured("print('only this')")
            self.assertEqual((outcome.text(), outcome.text("stderr")), ("only this\n", ""))
            self.assertNotIn("ANIMATIONS", outcome.report)

    # --- Score-P's -------------------------------------------------------------------------------------------------

    def test_experiment_directory(self):
        self.with_variable("SCOREP_EXPERIMENT_DIRECTORY", os.path.join(self.work, "chosen"))
        self.assertEqual(self.measured().experiment, os.path.join(self.work, "chosen"))

    def test_total_memory(self):
        self.with_variable("SCOREP_TOTAL_MEMORY", "1M" if not self.score_p else "4M")
        outcome = self.measured("for i in range(300000): leaf(i)")
        self.assertIn("BUFFER_FLUSH", Trace(outcome.experiment).text)
        self.with_variable("SCOREP_TOTAL_MEMORY", "256m")
        self.assertNotIn("BUFFER_FLUSH", Trace(self.measured("for i in range(300000): leaf(i)").experiment).text)
        self.with_variable("SCOREP_TOTAL_MEMORY", "much")
        self.assertIn("SCOREP_TOTAL_MEMORY", self.fails(SCOREP + "leaf(1)", "NotMeasured").reply["evalue"])

    def test_tracing_and_profiling(self):
        self.with_variable("SCOREP_ENABLE_TRACING", "false")
        outcome = self.measured()
        self.assertNotIn("without effect", outcome.report)
        self.assertRegex(outcome.report, " 1  leaf  ")
        self.assertFalse(os.path.exists(os.path.join(outcome.experiment, "traces.otf2")))
        self.with_variable("SCOREP_ENABLE_TRACING", "true")
        self.with_variable("SCOREP_ENABLE_PROFILING", "false")
        outcome = self.measured()
        self.assertNotIn("without effect", outcome.report)
        self.assertFalse(os.path.exists(os.path.join(outcome.experiment, "profile.cubex")))

    def test_filter(self):
        path = os.path.join(self.work, "my.filter")
        with open(path, "w") as file:
            file.write("SCOREP_REGION_NAMES_BEGIN\nEXCLUDE __main__:leaf\nSCOREP_REGION_NAMES_END\n")
        self.with_variable("SCOREP_FILTERING_FILE", path)
        outcome = self.measured()
        self.assertNotIn("without effect", outcome.report)
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 0)
        with open(path, "w") as file:
            file.write("SCOREP_REGION_NAMES_BEGIN\nEXCLUDE *\nINCLUDE __main__:l*f\nSCOREP_REGION_NAMES_END\n")
        self.assertEqual(Trace(self.measured().experiment).calls("leaf"), 1)
        # What Score-P takes for a mistake is its own business.
        for content in () if self.score_p else ("EXCLUDE *\n", "SCOREP_REGION_NAMES_BEGIN\nEXCLUDE *\n", "SCOREP_REGION_NAMES_BEGIN\nf\nSCOREP_REGION_NAMES_END\n"):
            with open(path, "w") as file:
                file.write(content)
            said = self.fails("%%execute_with_scorep\nleaf(1)", "NotMeasured").reply["evalue"]
            self.assertIn("SCOREP_FILTERING_FILE", said)
        os.unlink(path)
        self.assertIn("SCOREP_FILTERING_FILE", self.fails("%%execute_with_scorep\nleaf(1)", "NotMeasured").reply["evalue"])

    def test_what_score_p_does_not_know(self):
        self.with_variable("SCOREP_TOTAL_MEMORI", "1")
        if self.score_p:
            self.assertIn("knows no variable SCOREP_TOTAL_MEMORI", self.ok("%%scorep_env\nSCOREP_TOTAL_MEMORI=1").text())
        else:
            self.assertIn("SCOREP_TOTAL_MEMORI: without effect", self.measured().report)

    # --- options ---------------------------------------------------------------------------------------------------

    def test_guard_options(self):
        self.assertIn("in the session, guarded", self.measured(directive="%%execute_with_scorep --guard").report)
        self.assertIn("in the session, unguarded", self.measured(directive="%%execute_with_scorep --no-guard").report)

    def test_repeat(self):
        before = len(glob.glob(os.path.join(self.work, "scorep-*")))
        self.measured(directive="%%execute_with_scorep --repeat 3")
        self.assertEqual(len(glob.glob(os.path.join(self.work, "scorep-*"))) - before, 3)

    def test_ranks_and_gather(self):
        if not shutil.which("mpirun"):
            self.skipTest("there is no MPI: mpirun is not on PATH (Debian: openmpi-bin)")
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "built-in")
        self.ok(ranks(2, "me = int(os.environ['OMPI_COMM_WORLD_RANK'])", "--gather me"))
        self.assertEqual(self.ok("me").result, "[0, 1]")
        self.ok("%%scorep_launcher mpirun -n 3 --oversubscribe --allow-run-as-root")
        self.ok(SCOREP + "size = int(os.environ['OMPI_COMM_WORLD_SIZE'])")
        self.ok("%%scorep_launcher -")
        self.assertEqual(self.ok("size").result, "3")

    def test_marshalling(self):
        self.addCleanup(self.ok, "%%marshalling_settings PROCESS=auto MODE=memory MARSHALLER=cloudpickle")
        for process, way in (("launch", "launched"), ("forked", "in a forked copy"), ("session", "in the session")):
            self.ok(f"%%marshalling_settings PROCESS={process}")
            self.assertIn(way, self.measured().report)
        with open(os.path.join(self.work, "noted_marshaller.py"), "w") as file:
            file.write("from cloudpickle import dumps\nfrom pickle import loads as load\ncalled = 0\ndef loads(b):\n    global called; called += 1; return load(b)\n")
        self.ok("import sys; sys.path.insert(0, os.getcwd())")
        self.ok("%%marshalling_settings PROCESS=launch MARSHALLER=noted_marshaller")
        self.measured("x = [1]")
        self.assertGreater(int(self.ok("import noted_marshaller; noted_marshaller.called").result), 0)

    def test_environment(self):
        self.ok("%%scorep_env\nMINE=1")
        self.assertEqual(self.ok("os.environ['MINE']").result, "'1'")
        self.ok("%%scorep_env\n-MINE")
        self.assertEqual(self.ok("'MINE' in os.environ").result, "False")

    def test_viewers(self):
        program = os.path.join(self.work, "bin", "vampir")
        os.makedirs(os.path.dirname(program), exist_ok=True)
        with open(program, "w") as file:
            file.write('#!/bin/sh\necho "$1" > "$(dirname "$0")/started"\n')
        os.chmod(program, 0o755)
        self.with_variable("DISPLAY", ":99")
        path = self.ok("os.environ['PATH']").result
        self.ok(f"os.environ['PATH'] = {os.path.dirname(program)!r} + ':' + {path}")
        self.ok("%%enable_vampir_launch_on_scorep_instrumented")
        outcome = self.measured()
        self.assertIn("Vampir shows", outcome.text())
        self.ok("%%disable_vampir_launch")
        self.assertNotIn("Vampir", self.measured().text())
        self.ok(f"os.environ['PATH'] = {path}")


class SettingsByScoreP(ByScoreP, Settings):
    score_p = True

    def test_measurement(self):
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "scorep")
        self.assertIn("by Score-P", self.measured().report)
        self.with_variable("SCOREPKERNEL_MEASUREMENT", "auto")
        self.assertIn("by Score-P", self.measured().report)

    def test_unset_means_its_default(self):
        needs_scorep()
        outcome = self.measured()
        self.assertTrue(os.path.exists(os.path.join(outcome.experiment, "profile.cubex")))
        done = subprocess.run(["grep", "-c", "SCOREP_ENABLE_TRACING=true", os.path.join(outcome.experiment, "scorep.cfg")])
        self.assertEqual(done.returncode, 0)


class Visible(TracedCase):
    """What a terminal would obey is shown instead."""

    def test_the_environment(self) -> None:
        self.ok("import os; os.environ['SCOREP_LINES'] = 'one\\ntwo'")
        try:
            said = self.ok("%%scorep_env\nSCOREP_NAME=a\x1b]0;title\x07\u202eb").text()
            self.assertIn("SCOREP_NAME=a\\x1b]0;title\\x07\\u202eb\n", said)
            self.assertIn("SCOREP_LINES=one\\ntwo\n", said)
        finally:
            self.ok("for name in ('SCOREP_NAME', 'SCOREP_LINES'): os.environ.pop(name, None)")

    def test_what_is_refused(self) -> None:
        self.ok("import os; os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = '/proc/a\\x1b[31mb'")
        try:
            said = self.fails("%%execute_with_scorep\n1", "NotMeasured").reply["evalue"]
            self.assertIn("a\\x1b[31mb", said)
            outcome = self.run_cell("%%marshalling_settings MODE=a\x1b[31mb")
            said = str(outcome.reply) + outcome.text("stderr") + outcome.text()
            self.assertNotIn("\x1b", said)
            self.assertIn("x1b[31mb", said)
        finally:
            self.ok("del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")


if __name__ == "__main__":
    unittest.main()
