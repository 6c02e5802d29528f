# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run as many ranks, started by a real launcher."""

import glob
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import unittest

from kernel import PATIENCE, PYTHON, TREE, KernelCase, Trace
from launching import plain
from measuring import needs_tracer
from processes import until
from slurm_node import SlurmNode

DEFINITIONS = """
import ctypes, os, signal, subprocess, sys, time
def leaf(n):
    return n
def rank():
    return int(os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ.get("PMI_RANK") or os.environ["SLURM_PROCID"])
"""


def ranks(count: int, code: str, more: str = "") -> str:
    return f"%%execute_with_scorep --ranks {count} {more}\n{code}"


def mpi_score_p() -> str:
    """The directory of a scorep-config that was built with MPI, on PATH or where sites put it."""
    for path in [shutil.which("scorep-config"), *sorted(glob.glob("/opt/*/bin/scorep-config"))]:
        if path and subprocess.run([path, "--mpp=mpi", "--libs"], capture_output=True).returncode == 0:
            return os.path.dirname(path)
    raise unittest.SkipTest("there is no Score-P with MPI: no such scorep-config on PATH or in /opt/*/bin")


def has_mpi4py() -> bool:
    return subprocess.run([PYTHON, "-c", "import mpi4py"], capture_output=True).returncode == 0


def of_ranks() -> list:
    """The processes of ranks that there are, by their commands."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                command = file.read()
        except OSError:
            continue
        if os.path.join(TREE, "lib", "scorepkernel", "scorepkernel-ranks") in command:
            found.append(command)
    return found


def said(outcome, name: str = "stdout") -> dict:
    """The lines of each rank: "[0-1,3] text" is said by 0, 1 and 3. Which of them said it at the same time is left open."""
    found: dict = {}
    for label, text in re.findall(r"^\[([\d,-]+)\] (.*)$", outcome.text(name), re.M):
        for part in label.split(","):
            first, _, last = part.partition("-")
            for rank in range(int(first), int(last or first) + 1):
                found.setdefault(rank, []).append(text)
    return found


class RanksCase(KernelCase):
    """A kernel for cells that run as ranks."""

    launcher = ""

    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        if not shutil.which("mpirun"):
            raise unittest.SkipTest("there is no MPI: mpirun is not on PATH (Debian: openmpi-bin)")
        super().setUpClass()

    def setUp(self) -> None:
        self.ok(DEFINITIONS)
        if self.launcher:
            self.ok(f"%%scorep_launcher {self.launcher}")

    def tearDown(self) -> None:
        until(lambda: not of_ranks(), "the end of all ranks")

    def needs_mpi(self) -> None:
        if not has_mpi4py():
            self.skipTest("mpi4py is not installed (Debian: python3-mpi4py)")

    def measured(self, count: int, code: str, more: str = ""):
        outcome = self.ok(ranks(count, code, more))
        self.assertRegex(outcome.report or "", f"as {count} ranks?, by ", outcome.messages)
        return outcome

    def value(self, code: str):
        return eval(self.ok(code).result)

    def wait_for(self, code: str, text: str) -> str:
        """A cell that runs, and has said the text: its request."""
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, text)
        return request


class Ranks(RanksCase):
    """By the built-in tracer, without MPI in the cells."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    def test_one_experiment(self) -> None:
        outcome = self.measured(4, "for i in range(10 + rank()): leaf(i)")
        trace = Trace(outcome.experiment)
        self.assertEqual(trace.calls("leaf"), 4 * 10 + 0 + 1 + 2 + 3)
        self.assertEqual(len(trace.stacks), 4)
        self.assertIn("in 4 locations", outcome.report)
        self.assertNotIn("Warning", outcome.report)
        self.assertRegex(outcome.report, r" 46 +leaf")
        self.assertFalse(glob.glob(os.path.join(outcome.experiment, "rank-*")))
        with open(os.path.join(outcome.experiment, "scorepkernel.json"), encoding="utf-8") as file:
            record = json.load(file)
        self.assertEqual((record["ranks"], record["locations"], record["status"]), (4, 4, "ok"))
        with open(os.path.join(outcome.experiment, "cell.py"), encoding="utf-8") as file:
            self.assertIn("leaf(i)", file.read())

    def test_threads(self) -> None:
        code = "import threading\nt = threading.Thread(target=leaf, args=(1,)); t.start(); t.join()"
        trace = Trace(self.measured(2, code).experiment)
        self.assertEqual((trace.calls("leaf"), len(trace.stacks)), (2, 4))

    def test_chosen_directory(self) -> None:
        path = os.path.join(self.work, "chosen")
        self.ok(f"os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = {path!r}")
        try:
            for _ in range(2):
                self.assertEqual(self.measured(2, "leaf(1)").experiment, path)
            self.assertEqual(Trace(path).calls("leaf"), 2)
            self.assertEqual(len(glob.glob(path + "*")), 2, "the first one was renamed")
        finally:
            self.ok("del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")

    def test_variables(self) -> None:
        self.ok("import numpy as np\na = np.arange(1000.)\nb, kept, gone = a, [1], 1\nclass Point:\n    x = 1")
        self.measured(3, "a *= 2\nmine = (rank(), float(a.sum()))\np = Point()\np.x = rank()\nkept.append(rank())\ndel gone",
                      "--gather mine,p")
        self.assertEqual(self.value("mine"), [(r, 999000.0) for r in range(3)])
        self.assertEqual(self.value("[one.x for one in p], [type(one) is Point for one in p]"), ([0, 1, 2], [True] * 3))
        self.assertEqual(self.value("float(a.sum()), b is a, kept, 'gone' in globals()"), (999000.0, True, [1, 0], False))

    def test_gathering_what_is_not_there(self) -> None:
        outcome = self.measured(2, "if rank(): there = 1\nopened = (i for i in range(2))", "--gather there --gather opened")
        self.assertEqual(self.value("there, opened"), ([None, 1], [None, None]))
        self.assertIn("--gather there: there is none in rank 0", outcome.report)
        self.assertIn("--gather opened: rank 1", outcome.report)

    def test_nothing_is_gathered_of_a_cell_that_did_not_run(self) -> None:
        self.ok("precious = 1")
        self.ok("%%scorep_launcher false")
        try:
            before = sorted(os.listdir(self.work))
            self.fails("%%execute_with_scorep --gather precious\nprecious = 2", "NotMeasured")
            self.assertEqual(sorted(os.listdir(self.work)), before)
        finally:
            self.ok("%%scorep_launcher -")
        outcome = self.fails(ranks(2, "precious = 3\nos._exit(1)", "--gather precious"), "RankEnded")
        self.assertIn("the session keeps what it had", str(outcome.messages) + str(outcome.reply))
        self.assertEqual(self.value("precious"), 1)

    def test_output(self) -> None:
        outcome = self.measured(3, "print('alike')\nprint('I am', rank())\nprint('oh', file=sys.stderr)\nprint('end', end='')\n7")
        self.assertEqual(said(outcome), {r: ["alike", f"I am {r}", "end"] for r in range(3)})
        self.assertEqual(said(outcome, "stderr"), {r: ["oh"] for r in range(3)})
        self.assertEqual((outcome.result, self.value("_")), ("7", 7))

    def test_output_that_differs(self) -> None:
        outcome = self.measured(2, "from IPython.display import display\ndisplay('shown')\ndisplay(rank())\nrank() * 10")
        shown = [content["data"]["text/plain"] for content in outcome.of("display_data")]
        self.assertEqual(shown.count("'shown'"), 1)
        self.assertEqual(sorted(shown[1:4]), ["0", "1", "10"])
        self.assertEqual(outcome.result, "0")
        self.assertFalse([c for c in outcome.of("display_data") if "execution_count" in c])
        self.assertIn("[1]:\n", outcome.text())

    def test_output_is_live(self) -> None:
        request = self.wait_for(ranks(2, "print('early', flush=True)\ntime.sleep(600)"), "[0-1] early")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")

    def test_much_output(self) -> None:
        outcome = self.measured(2, "for i in range(20000): print(i)\nprint('x' * 300000, end='')")
        wanted = [*map(str, range(20000)), "x" * 300000]
        self.assertEqual(said(outcome), {0: wanted, 1: wanted})

    def test_input(self) -> None:
        request = self.kc.execute(ranks(2, "name = input('who? ') if rank() == 0 else ''"), allow_stdin=True)
        question = self.kc.get_stdin_msg(timeout=PATIENCE)
        self.assertEqual(question["content"]["prompt"], "who? ")
        self.kc.input("me")
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.value("name"), "me")

    def test_input_in_all(self) -> None:
        code = "name = input('who? ')\nrank() and input('more? ')\ngot = name + str(rank())"
        request = self.kc.execute(ranks(3, code, "--gather got"), allow_stdin=True)
        self.answer_all(request)
        self.assertEqual(self.value("got"), ["me0", "me1", "me2"])

    def answer_all(self, request: str) -> None:
        """Ranks that ask the same at different times may do so one by one."""
        while True:
            try:
                self.kc.get_stdin_msg(timeout=0.5)
                self.kc.input("me")
            except queue.Empty:
                try:
                    reply = self.kc.get_shell_msg(timeout=0.5)
                except queue.Empty:
                    continue
                if reply["parent_header"].get("msg_id") == request:
                    self.assertEqual(reply["content"]["status"], "ok")
                    self.outputs_of(request)
                    return

    def test_an_error_in_one(self) -> None:
        for others in ("pass", "time.sleep(600)"):
            outcome = self.fails(ranks(3, f"x = 1\nif rank() == 1:\n    leaf(1 / 0)\n{others}"), "ZeroDivisionError")
            (error,) = outcome.of("error")
            self.assertIn("leaf(1 / 0)", plain("".join(error["traceback"])))
            self.assertIn("[1]:\n", outcome.text())
            self.assertTrue(outcome.report, "what was measured is reported")
        self.measured(2, "leaf(1)")

    def test_an_error_while_another_sends_its_variables(self) -> None:
        # It takes longer than one that does not react is given.
        self.ok("class Slow:\n    def __getstate__(self):\n        time.sleep(2)\n        return {'late': 1}\nlate = None")
        code = "if rank() == 1:\n    time.sleep(0.3)\n    1 / 0\nlate = Slow()"
        outcome = self.fails(ranks(2, code), "ZeroDivisionError")
        self.assertNotIn("did not end when interrupted", str(outcome.messages))
        self.assertEqual(self.value("vars(late)"), {"late": 1})
        self.ok("del late, Slow")

    def test_an_error_in_all(self) -> None:
        outcome = self.fails(ranks(3, "y = 5\n1 / 0"), "ZeroDivisionError")
        self.assertEqual(len(outcome.of("error")), 1)
        self.assertEqual(self.value("y"), 5)
        self.assertEqual(len(Trace(outcome.experiment).stacks), 3)

    def test_ends_of_one(self) -> None:
        for code, said in (
            ("ctypes.string_at(0)", "SIGSEGV"),
            ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
            ("os._exit(3)", "exit code 3"),
        ):
            self.ok("z = 'before'")
            outcome = self.fails(ranks(2, f"z = 'after'\nif rank() == 1: {code}\ntime.sleep(600)"), "RankEnded")
            self.assertIn("Rank 1 ", outcome.reply["evalue"])
            self.assertIn(said, outcome.reply["evalue"])
        self.assertEqual(Trace(self.measured(2, "leaf(1)").experiment).calls("leaf"), 2)

    def test_sys_exit(self) -> None:
        self.fails(ranks(2, "sys.exit(rank() + 3)"), "SystemExit")

    def test_interrupt(self) -> None:
        request = self.wait_for(ranks(3, "w = 1\nprint('now', flush=True)\ntime.sleep(600)"), "now")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("w"), 1)

    def test_interrupt_of_what_does_not_react(self) -> None:
        code = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nprint('now', flush=True)\ntime.sleep(600)"
        request = self.wait_for(ranks(2, code), "now")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertEqual(reply["ename"], "KeyboardInterrupt")
        self.assertIn("did not end when interrupted", reply["evalue"])
        self.measured(2, "leaf(1)")

    def test_multicell(self) -> None:
        self.ok("%%enable_multicellmode")
        self.ok("first = leaf(rank())")
        self.ok("leaf(2)\nsecond = first + 10")
        outcome = self.ok("%%finalize_multicellmode --ranks 2 --gather second")
        self.assertEqual(self.value("second"), [10, 11])
        trace = Trace(outcome.experiment)
        self.assertEqual((trace.calls("leaf"), len(trace.stacks)), (4, 2))
        self.assertEqual(sum(name.startswith("cell ") for name in trace.enters), 2)

    def test_by_way_of_disk(self) -> None:
        self.ok("%%marshalling_settings MODE=disk")
        try:
            self.measured(2, "d = rank() + 1", "--gather d")
        finally:
            self.ok("%%marshalling_settings MODE=memory")
        self.assertEqual(self.value("d"), [1, 2])

    def test_variables_out_of_reach(self) -> None:
        # As on another machine: the ranks do not see the process that has the variables.
        hidden = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*hidden, "true"], capture_output=True).returncode:
            self.skipTest("no process namespace can be made here")
        self.ok("import numpy as np\nbig = np.arange(3_000_000.)")
        self.ok(f"%%scorep_launcher mpirun -n 2 {' '.join(hidden)}")
        try:
            self.ok("%%execute_with_scorep --gather total\ntotal = float(big.sum()) + rank()\nbig[0] = 7")
        finally:
            self.ok("%%scorep_launcher -")
        self.assertEqual(self.value("[one - total[0] for one in total], float(big[0])"), ([0.0, 1.0], 7.0))

    def test_size_is_told(self) -> None:
        self.ok("import numpy as np\nbig = np.ones(1_000_000)")
        self.assertRegex(self.measured(2, "big[1] = 2").report, r"\(8[.\d]* MB of variables to each, 8[.\d]* MB back\)")
        self.ok("del big")

    def test_launchers(self) -> None:
        try:
            self.ok("%%scorep_launcher mpirun --oversubscribe")
            self.measured(3, "leaf(1)")
            self.ok("%%scorep_launcher mpirun -n 2 --oversubscribe")
            self.assertEqual(Trace(self.ok("%%execute_with_scorep\nleaf(1)").experiment).calls("leaf"), 2)
            self.ok("%%scorep_launcher env")
            outcome = self.ok("%%execute_with_scorep\nleaf(1); print('alone')")
            self.assertEqual((outcome.text(), Trace(outcome.experiment).calls("leaf")), ("alone\n", 1))
        finally:
            self.ok("%%scorep_launcher -")

    def test_bad_launchers(self) -> None:
        try:
            for command, said in (
                ("false", "exit code 1"),
                ("no-such-launcher -x", "is not on PATH"),
                ("sh -c 'echo out of nodes >&2; exit 4'", "out of nodes"),
                ("sh -c 'kill -9 $$'", "SIGKILL"),
                ("mpirun --no-such-option", "no-such-option"),
            ):
                self.ok(f"%%scorep_launcher {command}")
                outcome = self.fails("%%execute_with_scorep\nx = 2", "NotMeasured")
                self.assertIn(said, outcome.reply["evalue"])
                self.assertIn("scorep_launcher", outcome.reply["evalue"])
        finally:
            self.ok("%%scorep_launcher -")

    def test_an_interrupt_before_the_ranks_are_there(self) -> None:
        self.ok("%%scorep_launcher sh -c 'echo waiting; sleep 600'")
        try:
            request = self.wait_for("%%execute_with_scorep\nx = 2", "waiting")
            self.km.interrupt_kernel()
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        finally:
            self.ok("%%scorep_launcher -")

    def test_one_process_is_asked_for(self) -> None:
        for process in ("session", "forked"):
            self.ok(f"%%marshalling_settings PROCESS={process}")
            self.assertIn(f"PROCESS={process}", self.fails(ranks(2, "1"), "NotMeasured").reply["evalue"])
        self.ok("%%marshalling_settings PROCESS=launch")
        self.measured(2, "leaf(1)")
        self.ok("%%marshalling_settings PROCESS=auto")

    def test_a_directory_that_cannot_be(self) -> None:
        self.ok("os.environ['SCOREP_EXPERIMENT_DIRECTORY'] = '/proc/nowhere/x'")
        try:
            self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", self.fails(ranks(2, "1"), "NotMeasured").reply["evalue"])
        finally:
            self.ok("del os.environ['SCOREP_EXPERIMENT_DIRECTORY']")


class Ends(RanksCase):
    """Whatever ends the session ends the ranks."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}
    code = ranks(2, "print('now', flush=True)\ntime.sleep(600)")

    def keeper(self) -> int:
        return int(self.ok("os.getppid()").result)

    def again(self) -> None:
        until(lambda: not of_ranks(), "the end of all ranks")
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.setUp()
        self.measured(2, "leaf(1)")

    def test_restart(self) -> None:
        self.wait_for(self.code, "now")
        self.km.restart_kernel()
        self.again()

    def test_the_host_is_killed(self) -> None:
        self.wait_for(self.code, "now")
        self.km.restart_kernel(now=True)
        self.again()

    def test_the_job_is_killed(self) -> None:
        request = self.wait_for(self.code, "now")
        subprocess.run(["pkill", "-KILL", "-f", f"^{TREE}/lib/scorepkernel/scorepkernel-ranks job "], check=True)
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "error")
        self.again()

    def test_the_keeper_is_killed(self) -> None:
        keeper = self.keeper()
        request = self.wait_for(self.code, "now")
        os.kill(keeper, signal.SIGKILL)
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "error")
        self.again()


class WithMpi(RanksCase):
    """Cells that use MPI, by the built-in tracer."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}

    def setUp(self) -> None:
        self.needs_mpi()
        super().setUp()

    def test_distributed_sum(self) -> None:
        for count in (2, 4):
            self.ok("import numpy as np\ndata = np.arange(10000.)")
            code = (
                "from mpi4py import MPI\nworld = MPI.COMM_WORLD\nme, size = world.Get_rank(), world.Get_size()\n"
                "part = float(data[me::size].sum())\nfor i in range(5): leaf(i)\ntotal = np.zeros(1)\n"
                "world.Allreduce(np.array([part]), total)\nworld.Barrier()\nwhole = float(total[0])\ndel world"
            )
            outcome = self.measured(count, code, "--gather me,size,whole")
            self.assertEqual(self.value("me, size"), (list(range(count)), [count] * count))
            self.assertEqual(self.value("whole"), [49995000.0] * count)
            trace = Trace(outcome.experiment)
            self.assertEqual((trace.calls("leaf"), len(trace.stacks)), (5 * count, count))
            self.look_at_mpi(trace, count)

    def look_at_mpi(self, trace: Trace, count: int) -> None:
        pass

    def test_one_fails_while_others_wait_for_it(self) -> None:
        code = "from mpi4py import MPI\nif MPI.COMM_WORLD.Get_rank() == 1: raise ValueError('of one')\nMPI.COMM_WORLD.Barrier()"
        outcome = self.fails(ranks(2, code), "ValueError")
        self.assertEqual(outcome.reply["evalue"], "of one")
        self.measured(2, "leaf(1)")

    def test_interrupt_of_a_deadlock(self) -> None:
        code = (
            "from mpi4py import MPI\nprint('now', flush=True)\ntime.sleep(0.5)\n"
            "MPI.COMM_WORLD.recv(source=1 - MPI.COMM_WORLD.Get_rank())"
        )
        request = self.wait_for(ranks(2, code), "now")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.measured(2, "leaf(1)")

    def test_no_mpi_in_the_cell(self) -> None:
        self.assertEqual(len(Trace(self.measured(2, "leaf(1)").experiment).stacks), 2)


class WithMpiByScoreP(WithMpi):
    """The same by a Score-P with MPI."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.environment = {
            "SCOREPKERNEL_MEASUREMENT": "scorep",
            "PATH": mpi_score_p() + os.pathsep + os.environ["PATH"],
        }
        super().setUpClass()

    def look_at_mpi(self, trace: Trace, count: int) -> None:
        self.assertEqual((trace.enters["MPI_Allreduce"], trace.enters["MPI_Barrier"]), (count, count))

    def test_its_profile(self) -> None:
        outcome = self.measured(2, "from mpi4py import MPI\nMPI.COMM_WORLD.Barrier()\nleaf(1)")
        self.assertIn("Measured in ", outcome.report)
        self.assertRegex(outcome.report, r" 2 +MPI_Barrier")
        self.assertNotIn("MPI_Init", outcome.report)
        self.assertTrue(os.path.exists(os.path.join(outcome.experiment, "profile.cubex")))

    def test_its_memory_is_too_small(self) -> None:
        self.ok("os.environ['SCOREP_TOTAL_MEMORY'] = '1k'")
        try:
            self.assertIn("SCOREP_TOTAL_MEMORY", str(self.fails(ranks(2, "leaf(1)"), "NotMeasured").reply))
        finally:
            self.ok("del os.environ['SCOREP_TOTAL_MEMORY']")
        self.measured(2, "leaf(1)")


class InSlurm(RanksCase):
    """Ranks that a batch system starts."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.node = SlurmNode()
        cls.node.__enter__()
        cls.addClassCleanup(cls.node.__exit__, None, None, None)
        cls.environment = {"SCOREPKERNEL_MEASUREMENT": "built-in", **cls.node.environment, **cls.more_environment()}
        super().setUpClass()

    @classmethod
    def more_environment(cls) -> dict:
        return {}

    def by(self, launcher: str, more: str = "") -> None:
        self.ok(f"%%scorep_launcher {launcher}")
        try:
            outcome = self.ok(f"%%execute_with_scorep --gather me {more}\nleaf(1)\nme = rank()")
        finally:
            self.ok("%%scorep_launcher -")
        self.assertEqual(self.value("me"), [0, 1])
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 2)

    def test_srun(self) -> None:
        self.by("srun -n 2")
        self.by("srun", "--ranks 2")

    def test_salloc(self) -> None:
        self.by("salloc --quiet -n 2 srun")

    def test_sbatch(self) -> None:
        self.by("sbatch", "--ranks 2")

    def test_interrupt_of_a_batch_job(self) -> None:
        self.ok("%%scorep_launcher sbatch")
        try:
            request = self.wait_for(ranks(2, "print('now', flush=True)\ntime.sleep(600)"), "now")
            self.km.interrupt_kernel()
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        finally:
            self.ok("%%scorep_launcher -")

    def test_mpi(self) -> None:
        self.needs_mpi()
        if "pmix" not in self.node.mpi_types:
            self.skipTest("this Slurm starts no MPI ranks: it has no pmix")
        self.ok("%%scorep_launcher srun --mpi=pmix")
        try:
            self.measured(2, "from mpi4py import MPI\nsize = MPI.COMM_WORLD.Get_size()", "--gather size")
        finally:
            self.ok("%%scorep_launcher -")
        self.assertEqual(self.value("size"), [2, 2])


class InAllocation(InSlurm):
    """The notebook itself runs in an allocation."""

    @classmethod
    def more_environment(cls) -> dict:
        there = {**os.environ, **cls.node.environment}
        allocated = ["salloc", "--no-shell", "-n", "4", "--job-name", "allocation"]
        done = subprocess.run(allocated, env=there, capture_output=True, text=True, check=True, timeout=PATIENCE)
        found = re.search(r"job allocation (\d+)", done.stderr)
        assert found, done
        cls.addClassCleanup(subprocess.run, ["scancel", found.group(1)], env=there, check=True)
        return {"SLURM_JOB_ID": found.group(1)}

    def test_it_is_used(self) -> None:
        outcome = self.measured(2, "me = rank()", "--gather me")
        self.assertIn("as 2 ranks, by srun", outcome.report)
        self.assertEqual(self.value("me"), [0, 1])

    # An allocation within an allocation is another matter.
    test_salloc = test_sbatch = test_interrupt_of_a_batch_job = None


class WithoutMpiInScoreP(RanksCase):
    """A Score-P that knows no MPI."""

    @classmethod
    def setUpClass(cls) -> None:
        config = shutil.which("scorep-config")
        if not config or subprocess.run([config, "--mpp=mpi", "--libs"], capture_output=True).returncode == 0:
            raise unittest.SkipTest("the Score-P on PATH knows MPI, or there is none")
        super().setUpClass()

    def test_the_tracer_does_it(self) -> None:
        outcome = self.measured(2, "leaf(1)")
        self.assertIn("Measured by the built-in tracer", outcome.report)
        self.assertIn("has no MPI", outcome.report)
        self.assertEqual(Trace(outcome.experiment).calls("leaf"), 2)

    def test_it_is_wanted(self) -> None:
        self.ok("os.environ['SCOREPKERNEL_MEASUREMENT'] = 'scorep'")
        try:
            self.assertIn("has no MPI", self.fails(ranks(2, "leaf(1)"), "NotMeasured").reply["evalue"])
        finally:
            self.ok("del os.environ['SCOREPKERNEL_MEASUREMENT']")


del RanksCase

if __name__ == "__main__":
    unittest.main()
