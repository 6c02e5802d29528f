# SPDX-License-Identifier: BSD-3-Clause
"""Many measured cells in one notebook, errors and threads among them: each trace right, and nothing grows.

Fifty in the ordinary suite; SPK_SOAK says how many (`make soak`: 1,500).
"""

import os
import shutil
import unittest

from kernel import KernelCase, Trace
from test_measured import SCOREP, needs_tracer

CELLS = int(os.environ.get("SPK_SOAK", "50"))
SETTLED = 50  # from here on nothing may grow

# What a notebook has that is worth measuring: beside it, what IPython keeps of each cell (In, Out, its lines: about
# 1 KiB, measured or not) is not to be taken for a leak.
DEFINITIONS = """
import os, threading
try:
    import matplotlib.pyplot
except ImportError:
    pass
def leaf(n): return n
def work(n): return sum(leaf(i) for i in range(n))
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


def processes_of_session(pid: int) -> int:
    count = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    count += file.read().rsplit(")", 1)[1].split()[3] == str(pid)
            except OSError:
                continue
    return count


class Soak(KernelCase):
    @classmethod
    def setUpClass(cls) -> None:
        needs_tracer()
        super().setUpClass()

    def snapshot(self) -> dict:
        found = {}
        for name, pid in (("host", self.km.provisioner.pid), ("worker", self.worker), ("keeper", self.keeper)):
            found.update({f"{name} {what}": value for what, value in usage(pid).items()})
        found["resident KiB"] = sum(value for what, value in found.items() if what.endswith("resident KiB"))
        found["processes"] = processes_of_session(self.worker)
        found["shared memory"] = len(os.listdir("/dev/shm"))
        return found

    def test_many_measured_cells(self):
        self.ok(DEFINITIONS)
        self.worker, self.keeper = eval(self.ok("os.getpid(), os.getppid()").result)
        settled = {}
        for i in range(CELLS):
            code, status, leaves = KINDS[i % len(KINDS)]
            outcome = self.run_cell(SCOREP + code)
            self.assertEqual(outcome.reply["status"], status, outcome.reply)
            self.assertEqual(Trace(outcome.experiment).calls("leaf"), leaves, code)
            shutil.rmtree(outcome.experiment)
            if (i + 1) % SETTLED == 0:
                # Garbage that waits for Python's collector is no growth: a full collection comes by itself only
                # when the garbage has grown to a quarter of what lives.
                self.ok("import gc; gc.collect()")
            if i + 1 == SETTLED:
                settled = self.snapshot()
        final = self.snapshot()
        report = [f"{what}: {settled[what]} after {SETTLED}, {final[what]} after {CELLS}" for what in final]
        if os.environ.get("SPK_SOAK"):
            print("\n" + "\n".join(report))
        # The memory of the three processes together: a page or two more in the smallest says nothing.
        counted = [what for what in final if not what.endswith(" resident KiB")]
        grown = [what for what in counted if final[what] > 1.02 * settled[what]]
        self.assertEqual(grown, [], report)


if __name__ == "__main__":
    unittest.main()
