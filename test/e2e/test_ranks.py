# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run as many ranks, started by a real launcher."""

import glob
import json
import os
import queue
import re
import signal
import subprocess
import unittest

import ranked
from kernel import PATIENCE, TREE, Trace
from launching import plain
from processes import until
from ranked import of_ranks, ranks


class Ranks(ranked.RanksCase):
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
        with self.variable("SCOREP_EXPERIMENT_DIRECTORY", path):
            for _ in range(2):
                self.assertEqual(self.measured(2, "leaf(1)").experiment, path)
            self.assertEqual(Trace(path).calls("leaf"), 2)
            self.assertEqual(len(glob.glob(path + "*")), 2, "the first one was renamed")

    def test_arrays_stay_on_their_file(self) -> None:
        self.ok("import numpy as np\nm = np.memmap('mapped', 'i8', 'w+', shape=(100,)); same = id(m)")
        self.measured(3, "m[rank()] = 10 + rank()")
        self.assertEqual(self.value("m[:4].tolist(), np.fromfile('mapped', 'i8')[:4].tolist(), id(m) == same"),
                         ([10, 11, 12, 0], [10, 11, 12, 0], True))
        self.ok("del m; os.unlink('mapped')")

    def test_variables(self) -> None:
        self.ok("import numpy as np\na = np.arange(1000.)\nb, kept, gone = a, [1], 1\nclass Point:\n    x = 1")
        self.measured(3, "a *= 2\nmine = (rank(), float(a.sum()))\np = Point()\np.x = rank()\nkept.append(rank())\ndel gone",
                      "--gather mine,p")
        self.assertEqual(self.value("mine"), [(r, 999000.0) for r in range(3)])
        self.assertEqual(self.value("[one.x for one in p], [type(one) is Point for one in p]"), ([0, 1, 2], [True] * 3))
        self.assertEqual(self.value("float(a.sum()), b is a, kept, 'gone' in globals()"), (999000.0, True, [1, 0], False))

    def test_gathering_what_is_not_there(self) -> None:
        outcome = self.measured(2, "if rank(): there = 1", "--gather there")
        self.assertEqual(self.value("there"), [None, 1])
        self.assertIn("Rank 0: --gather there: there is none", outcome.report)

    def test_gathering_what_no_rank_can_send(self) -> None:
        code = "there = rank()\nopened = (i for i in range(2))"
        outcome = self.fails(ranks(2, code, "--gather there --gather opened"), "VariablesNotReturned")
        self.assertEqual(self.value("there, 'opened' in globals()"), ([0, 1], False))
        self.assertIn("--gather opened: no rank could send it", outcome.reply["evalue"])
        self.assertIn("Rank 0, 1: --gather opened: opened: ", outcome.report, "the report says why, with the path")

    def test_what_is_gathered_and_shown(self) -> None:
        self.ok("part = 0\nclass Box: pass\nbox = also = Box(); boxes = [box]\nplaces = id(also), id(boxes)")
        outcome = self.measured(2, "part = rank() + 10\npart", "--gather part")
        number = outcome.reply["execution_count"]
        self.assertEqual(self.value(f"part, Out[{number}]"), ([10, 11], 10))
        self.measured(2, "unrelated = 1", "--gather box")
        self.assertTrue(self.value("(id(also), id(boxes)) == places and boxes[0] is also"))
        self.assertEqual(self.value("[type(one) is Box for one in box]"), [True, True])

    def test_what_cannot_be_gathered(self) -> None:
        self.ok("kept = 1\nclass Bad:\n    def __reduce__(self): raise KeyboardInterrupt('of its own')")
        outcome = self.fails(ranks(2, "kept = Bad()", "--gather kept"), "VariablesNotReturned")
        self.assertRegex(outcome.report, "--gather kept.*of its own")
        self.assertEqual(self.value("kept"), 1)

    def test_nothing_is_gathered_of_a_cell_that_did_not_run(self) -> None:
        self.ok("precious = 1")
        with self.started_by("false"):
            before = sorted(os.listdir(self.work))
            self.fails("%%execute_with_scorep --gather precious\nprecious = 2", "NotMeasured")
            self.assertEqual(sorted(os.listdir(self.work)), before)
        outcome = self.fails(ranks(2, "precious = 3\nos._exit(1)", "--gather precious"), "RankEnded")
        self.assertIn("the session keeps what it had", str(outcome.messages) + str(outcome.reply))
        self.assertEqual(self.value("precious"), 1)

    def test_output(self) -> None:
        outcome = self.measured(3, "print('alike')\nprint('I am', rank())\nprint('oh', file=sys.stderr)\nprint('end', end='')\n7")
        self.assertEqual(ranked.said(outcome), {r: ["alike", f"I am {r}", "end"] for r in range(3)})
        self.assertEqual(ranked.said(outcome, "stderr"), {r: ["oh"] for r in range(3)})
        self.assertEqual((outcome.result, self.value("_")), ("7", 7))

    def test_output_that_differs(self) -> None:
        # The ranks wait for one another: what one shows much later than the others is shown by itself.
        meet = "open(f'here-{rank()}', 'w').close()\nwhile not os.path.exists(f'here-{1 - rank()}'): time.sleep(0.001)\n"
        shows = "from IPython.display import display\n" + meet + "display('shown')\ndisplay(rank())\nrank() * 10"
        outcome = self.measured(2, shows)
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
        self.assertEqual(ranked.said(outcome), {0: wanted, 1: wanted})

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
        # Each rank's once: without a label what all said at the same time, which a busy machine may not let them.
        labels = re.findall(r"^\[([\d,-]+)\]:$", outcome.text(), re.M)
        self.assertEqual(len(outcome.of("error")), max(1, len(labels)))
        self.assertEqual(sorted(sum(map(ranked.ranks_of, labels), [])), [0, 1, 2] if labels else [])
        self.assertEqual(self.value("y"), 5)
        self.assertEqual(len(Trace(outcome.experiment).stacks), 3)

    def test_ends_of_one(self) -> None:
        for code, said in (
            ("ctypes.string_at(0)", "SIGSEGV"),
            ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
            ("os._exit(3)", "exit code 3"),
            ("os.closerange(3, 65536)", "its connection to the kernel had been closed"),
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
        self.ok("import os; os.mkdir('elsewhere'); os.chdir('elsewhere'); os.mkdir('on disk')")
        try:
            self.measured(2, "d = rank() + 1", "--gather d")
            with self.variable("SCOREP_JUPYTER_PERSISTENCE_DIR", "on disk"):
                self.measured(2, "e = rank() + 1", "--gather e")
            with self.variable("SCOREP_JUPYTER_PERSISTENCE_DIR", "/proc/nowhere"):
                said = self.fails(ranks(2, "1"), "NotMeasured").reply["evalue"]
                self.assertRegex(said, "nowhere.*SCOREP_JUPYTER_PERSISTENCE_DIR")
            self.leaves_no_experiment()
        finally:
            self.ok("os.chdir('..')")
            self.ok("%%marshalling_settings MODE=memory")
        self.assertEqual(self.value("d, e"), ([1, 2], [1, 2]))

    def leaves_no_experiment(self) -> None:
        """A cell that is not run makes no experiment directory, and leaves those that there are as they are."""
        path = os.path.join(self.work, "older")
        with self.variable("SCOREP_EXPERIMENT_DIRECTORY", path):
            self.measured(2, "leaf(1)")
        before = set(os.listdir(self.work))
        with self.variable("SCOREP_JUPYTER_PERSISTENCE_DIR", "/proc/nowhere"):
            self.fails(ranks(2, "1"), "NotMeasured")
            with self.variable("SCOREP_EXPERIMENT_DIRECTORY", path):
                self.fails(ranks(2, "1"), "NotMeasured")
        self.assertEqual(set(os.listdir(self.work)), before)

    def test_what_a_launcher_that_fails_leaves(self) -> None:
        path = os.path.join(self.work, "old-one")
        with self.variable("SCOREP_EXPERIMENT_DIRECTORY", path):
            self.measured(2, "leaf(1)")
            with self.started_by("false"):
                outcome = self.fails("%%execute_with_scorep\nx = 2", "NotMeasured")
        self.assertEqual(len(glob.glob(path + "*")), 1)
        self.assertIn(f"The experiment that was at {path} is now at {path}-", outcome.text("stderr"))

    def test_variables_out_of_reach(self) -> None:
        # As on another machine: the ranks do not see the process that has the variables.
        hidden = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*hidden, "true"], capture_output=True).returncode:
            self.skipTest("no process namespace can be made here")
        self.ok("import numpy as np\nbig = np.arange(3_000_000.)")
        with self.started_by(f"mpirun -n 2 {' '.join(hidden)}"):
            self.ok("%%execute_with_scorep --gather total\ntotal = float(big.sum()) + rank()\nbig[0] = 7")
        self.assertEqual(self.value("[one - total[0] for one in total], float(big[0])"), ([0.0, 1.0], 7.0))

    def test_size_is_told(self) -> None:
        self.ok("import numpy as np\nbig = np.ones(1_000_000)")
        self.assertRegex(self.measured(2, "big[1] = 2").report, r"\(8[.\d]* MB of variables to each, 8[.\d]* MB back\)")
        self.ok("del big")

    def test_launchers(self) -> None:
        with self.started_by("mpirun --oversubscribe"):
            self.measured(3, "leaf(1)")
        with self.started_by("mpirun -n 2 --oversubscribe"):
            self.assertEqual(Trace(self.ok("%%execute_with_scorep\nleaf(1)").experiment).calls("leaf"), 2)
        with self.started_by("env"):
            outcome = self.ok("%%execute_with_scorep\nleaf(1); print('alone')")
            self.assertEqual((outcome.text(), Trace(outcome.experiment).calls("leaf")), ("alone\n", 1))

    def test_bad_launchers(self) -> None:
        for command, said in (
            ("false", "exit code 1"),
            ("no-such-launcher -x", "is not on PATH"),
            ("sh -c 'echo out of nodes >&2; exit 4'", "out of nodes"),
            ("sh -c 'kill -9 $$'", "SIGKILL"),
            ("mpirun --no-such-option", "no-such-option"),
        ):
            with self.subTest(command), self.started_by(command):
                outcome = self.fails("%%execute_with_scorep\nx = 2", "NotMeasured")
                self.assertIn(said, outcome.reply["evalue"])
                self.assertIn("scorep_launcher", outcome.reply["evalue"])

    def test_an_interrupt_before_the_ranks_are_there(self) -> None:
        with self.started_by("sh -c 'echo waiting; sleep 600'"):
            request = self.wait_for("%%execute_with_scorep\nx = 2", "waiting")
            self.km.interrupt_kernel()
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")

    def test_one_process_is_asked_for(self) -> None:
        for process in ("session", "forked"):
            self.ok(f"%%marshalling_settings PROCESS={process}")
            self.assertIn(f"PROCESS={process}", self.fails(ranks(2, "1"), "NotMeasured").reply["evalue"])
        self.ok("%%marshalling_settings PROCESS=launch")
        self.measured(2, "leaf(1)")
        self.ok("%%marshalling_settings PROCESS=auto")

    def test_a_directory_that_cannot_be(self) -> None:
        with self.variable("SCOREP_EXPERIMENT_DIRECTORY", "/proc/nowhere/x"):
            self.assertIn("SCOREP_EXPERIMENT_DIRECTORY", self.fails(ranks(2, "1"), "NotMeasured").reply["evalue"])


class Ends(ranked.RanksCase):
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
        keeper = self.keeper()
        request = self.wait_for(self.code, "now")
        subprocess.run(["pkill", "-KILL", "-P", str(keeper), "-f", f"^{TREE}/lib/scorepkernel/scorepkernel-ranks job "], check=True)
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


if __name__ == "__main__":
    unittest.main()
