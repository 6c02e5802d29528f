# SPDX-License-Identifier: BSD-3-Clause
"""Ranks that use MPI, by the tracer and by a Score-P with MPI; and ranks that a batch system starts."""

import os
import re
import shutil
import subprocess
import unittest

import ranked
from kernel import PATIENCE, Trace
from ranked import mpi_score_p, ranks
from slurm_node import SlurmNode


class WithMpi(ranked.RanksCase):
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
                "world.Allreduce(np.array([part]), total)\nworld.Barrier()\nwhole = float(total[0])"
            )
            outcome = self.measured(count, code, "--gather me,size,whole")
            self.assertEqual(self.value("me, size"), (list(range(count)), [count] * count))
            self.assertEqual(self.value("whole"), [49995000.0] * count)
            trace = Trace(outcome.experiment)
            self.assertEqual((trace.calls("leaf"), len(trace.stacks)), (5 * count, count))
            self.look_at_mpi(trace, count)

    def look_at_mpi(self, trace: Trace, count: int) -> None:
        pass

    def test_communicators_travel(self) -> None:
        code = "from mpi4py import MPI\ncomm, op, kind = MPI.COMM_WORLD, MPI.SUM, MPI.DOUBLE\nhalves = comm.Split(comm.Get_rank())"
        outcome = self.measured(2, code)
        self.assertRegex(outcome.report, "halves")
        self.assertNotRegex(outcome.report, r"Warning: .*\b(comm|op|kind)\b")
        self.assertEqual(self.value("comm is MPI.COMM_WORLD, kind is MPI.DOUBLE, comm.Get_size()"), (True, True, 1))
        self.ok("class Box: pass\none, two = Box(), Box(); one.comm = two.comm = comm; place = id(two)")
        self.measured(2, "one.x = 1\ntotal = comm.allreduce(comm.Get_rank() + 1, op=op)")
        self.assertTrue(self.value("one.x == 1 and one.comm is two.comm is comm and id(two) == place"))
        self.assertEqual(self.value("total"), 3)

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

    def test_the_bindings_interface(self) -> None:
        self.ok("%%scorep_python_binding_arguments --noinstrumenter")
        self.addCleanup(self.ok, "%%scorep_python_binding_arguments -")
        code = (
            "import scorep\nfrom mpi4py import MPI\nme = MPI.COMM_WORLD.Get_rank()\nleaf(0)\n"
            "with scorep.instrumenter.enable('lit'):\n    leaf(1)\n    scorep.user.parameter_string('rank', f'number {me}')\n"
            "scorep.user.rewind_begin('r')\nwith scorep.user.region('back'): pass\nscorep.user.rewind_end('r', True)\n"
            "scorep.user.region_end('never begun') if me else None\nMPI.COMM_WORLD.Barrier()"
        )
        outcome = self.measured(2, code)
        trace = Trace(outcome.experiment)
        lit, back = trace.enters["user_instrumenter:lit"], trace.enters.get("user:back", 0)
        self.assertEqual((trace.calls("leaf"), lit, back, trace.enters["error_region"]), (2, 2, 0, 1))
        for value in ('"number 0"', '"number 1"', '"user:never begun"'):
            self.assertEqual(trace.text.count(f"Value: {value}"), 1, value)
        self.assertRegex(outcome.text("stderr"), r"\[1\] scorep.user.region_end\('never begun'\)")

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
        with self.variable("SCOREP_TOTAL_MEMORY", "1k"):
            self.assertIn("SCOREP_TOTAL_MEMORY", str(self.fails(ranks(2, "leaf(1)"), "NotMeasured").reply))
        self.measured(2, "leaf(1)")


class WithoutMpiInScoreP(ranked.RanksCase):
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

    def test_arguments_it_does_not_know(self) -> None:
        said = self.fails("%%scorep_python_binding_arguments --mpp=typo", "ScorePDirectiveError").reply["evalue"]
        self.assertRegex(said, "Nothing was changed: this Score-P does not take --mpp=typo. .*'typo'")
        self.assertNotIn("SCOREPKERNEL_MEASUREMENT", said)

    def test_it_is_wanted(self) -> None:
        with self.variable("SCOREPKERNEL_MEASUREMENT", "scorep"):
            self.assertIn("has no MPI", self.fails(ranks(2, "leaf(1)"), "NotMeasured").reply["evalue"])


class InSlurm(ranked.RanksCase):
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
        with self.started_by(f"{launcher}"):
            outcome = self.ok(f"%%execute_with_scorep --gather me {more}\nleaf(1)\nme = rank()")
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
        with self.started_by("sbatch"):
            request = self.wait_for(ranks(2, "print('now', flush=True)\ntime.sleep(600)"), "now")
            self.km.interrupt_kernel()
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")

    def test_mpi(self) -> None:
        self.needs_mpi()
        if "pmix" not in self.node.mpi_types:
            self.skipTest("this Slurm starts no MPI ranks: it has no pmix")
        with self.started_by("srun --mpi=pmix"):
            self.measured(2, "from mpi4py import MPI\nsize = MPI.COMM_WORLD.Get_size()", "--gather size")
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


if __name__ == "__main__":
    unittest.main()
