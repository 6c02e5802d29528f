# SPDX-License-Identifier: BSD-3-Clause
"""Many measured cells in one notebook, errors, threads, interrupts and crashes among them: each trace right, and
nothing grows.

Fifty in the ordinary suite; SPK_SOAK says how many (`make soak`: 1,500).
"""
# runs alone: it looks at what the whole machine does.

import os
import re
import shutil
import subprocess
import unittest

from kernel import Outcome, Trace
from measuring import SCOREP, TracedCase, needs_scorep

CELLS = int(os.environ.get("SPK_SOAK", "50"))
SETTLED = 50  # from here on nothing may grow; seen each time so many cells later
GUARDED = "%%execute_with_scorep --guard\n"

# What a notebook has that is worth measuring: beside it, what IPython keeps of each cell (In, Out, its lines: about
# 1 KiB, measured or not) is not to be taken for a leak.
DEFINITIONS = """
import ctypes, os, signal, threading, time
try:
    import matplotlib.pyplot
except ImportError:
    pass
def leaf(n): return n
def work(n): return sum(leaf(i) for i in range(n))
def beat(): pass
def go_on():
    while not stop.wait(0.002): beat()
def lowest_free_key():
    key = ctypes.c_uint()
    assert ctypes.CDLL(None).pthread_key_create(ctypes.byref(key), None) == 0
    assert ctypes.CDLL(None).pthread_key_delete(key) == 0
    return key.value
"""
# Each: the cell, how it ends, and how often leaf is called.
KINDS = (
    ("work(100)", "ok", 100),
    ("[leaf(i) for i in range(20)]\nwork(10)", "ok", 30),
    ("leaf(1)\n1/0", "error", 1),
    ("t = [threading.Thread(target=work, args=(10,)) for _ in range(3)]\nfor x in t: x.start()\nfor x in t: x.join()", "ok", 30),
    ("leaf(1)\nimport sys; sys.exit(1)", "error", 1),
    ("print('x' * 100)\nwork(5)", "ok", 5),
)
# One thread after another that lives on over the next cells, and ends in one.
KINDS_WITH_THREADS = KINDS + (
    ("stop = threading.Event(); t = threading.Thread(target=go_on); t.start()\nwork(10)", "ok", 10),
    ("work(20)", "ok", 20),
    ("leaf(1)\n1/0", "error", 1),
    ("stop.set(); t.join()\nwork(7)", "ok", 7),
)
ENDS = ("os.kill(os.getpid(), signal.SIGKILL)", "ctypes.string_at(0)")


def usage(pid: int) -> dict:
    descriptors = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            # SQLite opens IPython's history, its journal and their directory as it needs them.
            if "/ipython/profile_default" not in os.readlink(f"/proc/{pid}/fd/{number}"):
                descriptors.append(number)
        except OSError:
            continue
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    return {
        "resident KiB": int(fields["VmRSS"].split()[0]),
        "descriptors": len(descriptors),
        "threads": int(fields["Threads"]),
    }


# What IPython keeps of each cell, measured or not: its input, its result, its source for tracebacks.
FORGET = """
import gc, linecache
get_ipython().run_line_magic("reset", "-f in out")
for _kept in (linecache.cache, getattr(linecache, "_ipython_cache", {}), get_ipython().compile._filename_map):
    _kept.clear()
gc.collect()
"""


def processes_of_session(pid: int) -> int:
    count, session = 0, str(os.getsid(pid))
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    count += file.read().rsplit(")", 1)[1].split()[3] == session
            except OSError:
                continue
    return count


class Soak(TracedCase):
    kinds = KINDS

    def snapshot(self) -> dict:
        """What is in use now. The session's process is another one after a crash."""
        self.ok(FORGET)
        worker, keeper, key = eval(self.ok("os.getpid(), os.getppid(), lowest_free_key()").result)
        found = {}
        for name, pid in (("host", self.km.provisioner.pid), ("worker", worker), ("keeper", keeper)):
            found.update({f"{name} {what}": value for what, value in usage(pid).items()})
        found["resident KiB"] = sum(value for what, value in found.items() if what.endswith("resident KiB"))
        found["processes"] = processes_of_session(worker)
        found["shared memory"] = len(os.listdir("/dev/shm"))
        found["lowest free pthread key"] = key
        return found

    def check(self, experiment: str, leaves: int, code: str) -> None:
        self.assertEqual(Trace(experiment).calls("leaf"), leaves, code)

    def measure(self, number: int) -> None:
        code, status, leaves = self.kinds[number % len(self.kinds)]
        outcome = self.run_cell(SCOREP + code)
        self.assertEqual(outcome.reply["status"], status, outcome.reply)
        self.check(outcome.experiment, leaves, code)
        shutil.rmtree(outcome.experiment)

    def test_many_measured_cells(self):
        self.ok(DEFINITIONS)
        settled = final = {}
        for i in range(CELLS):
            self.measure(i)
            # Garbage that waits for Python's collector is no growth: a full collection comes by itself only when
            # the garbage has grown to a quarter of what lives. So it is collected at each of these.
            if (i + 1) % SETTLED == 0:
                final = self.snapshot()
                settled = settled or final
                if os.environ.get("SPK_SOAK_VERBOSE"):
                    print(f"{i + 1}: {final}", flush=True)
        report = [f"{what}: {settled[what]} after {SETTLED}, {final[what]} after {CELLS}" for what in final]
        if os.environ.get("SPK_SOAK"):
            print("\n" + "\n".join(report))
        # The memory of the three processes together: a page or two more in the smallest says nothing.
        counted = [what for what in final if not what.endswith(" resident KiB")]
        grown = [what for what in counted if final[what] > 1.02 * settled[what]]
        self.assertEqual(grown, [], report)


class SoakByScoreP(Soak):
    """The same by the real Score-P, with interrupts, with threads that outlive their cells, and with cells that end the
    session."""

    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep"}
    kinds = KINDS_WITH_THREADS

    @classmethod
    def setUpClass(cls) -> None:
        needs_scorep()
        if not shutil.which("cube_stat"):
            raise unittest.SkipTest("there is no cube_stat, which reads Score-P's profiles")
        super().setUpClass()

    def check(self, experiment: str, leaves: int, code: str) -> None:
        super().check(experiment, leaves, code)
        command = ["cube_stat", "-m", "visits", "-r", "__main__:leaf", os.path.join(experiment, "profile.cubex")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        # One line for each thread.
        visits = sum(int(count) for count in re.findall(r"^EXCL\(__main__:leaf\),(\d+)$", done.stdout, re.M))
        self.assertEqual(visits, leaves, (code, done.stdout, done.stderr))

    def measure(self, number: int) -> None:
        if number % 50 == 30:
            self.crash(ENDS[number // 50 % len(ENDS)])
        elif number % 25 == 12:
            self.interrupt()
        else:
            super().measure(number)

    def interrupt(self) -> None:
        code = "work(3)\nprint('on', flush=True)\nwhile True: time.sleep(0.001)"
        request = self.kc.execute(SCOREP + code, allow_stdin=False)
        self.wait_for_text(request, "on\n")
        self.km.interrupt_kernel()
        outcome = Outcome(None, self.outputs_of(request))
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.check(outcome.experiment, 3, code)
        shutil.rmtree(outcome.experiment)

    def crash(self, end: str) -> None:
        before = set(os.listdir(self.work))
        self.fails(f"{GUARDED}work(3)\n{end}", "SessionRestored")
        for name in set(os.listdir(self.work)) - before:
            shutil.rmtree(os.path.join(self.work, name))


if __name__ == "__main__":
    unittest.main()
