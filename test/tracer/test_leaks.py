# SPDX-License-Identifier: BSD-3-Clause
"""Everything that the tracer allocates is freed, also after failures: a sanitizer's word for it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SANITIZED, Case  # noqa: E402

DRIVER = """
import shutil
cell = '''
import threading
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def gen():
    yield 1
    yield 2
next(gen())
threads = [threading.Thread(target=fib, args=(9,)) for _ in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
tracer.region_begin("a", "b", 1); tracer.region_begin("c", "d", 2); tracer.region_end("a")
for i in range(300): exec("def f%d(): pass\\\\nf%d()" % (i, i))
'''
for i in range(5): measure(cell, str(i), memory_limit=1 << 20)
try: begin("0")
except FileExistsError: pass
for directory, own in (("/nonexistent", ("a",)), (DIRECTORY, ("a", "")), (DIRECTORY, (1,))):
    try: tracer.begin(directory, cell="c", own=own, library=("b",))
    except (OSError, TypeError, ValueError): pass
    if tracer.active(): tracer.end()
"""

# The files are gone when they are to be written. OTF2 then loses its writers, 40 bytes each.
FAILS = """
begin("x"); run(cell); shutil.rmtree(os.path.join(DIRECTORY, "x")); report(tracer.end()["error"])
"""
MERGES = """
def merge(*ranks, into="whole"):
    os.makedirs(os.path.join(DIRECTORY, into), exist_ok=True)
    try: tracer.merge([(os.path.join(DIRECTORY, str(rank)), rank, "here", 5 * rank) for rank in ranks], os.path.join(DIRECTORY, into))
    except (OSError, ValueError) as problem: report(type(problem).__name__)
    else: report(None)
merge()
merge(0, 0)
merge(0, 9)
merge(0, 1)
merge(2, 3)
os.truncate(os.path.join(DIRECTORY, "3", "traces.def"), 300)
merge(2, 3, into="other")
shutil.copy(os.path.join(DIRECTORY, "4", "traces.def"), os.path.join(DIRECTORY, "3"))
os.truncate(os.path.join(DIRECTORY, "2", "traces", "0.evt"), 300)
merge(3, 2, into="other")
"""
LOST_BY_OTF2 = ("otf2_evt_writer_new", "otf2_def_writer_new", "otf2_global_def_writer_new")


@unittest.skipUnless(SANITIZED, "needs a build with SANITIZE=address")
class Leaks(Case):
    def leaks(self, driver):
        options = os.environ.get("ASAN_OPTIONS", "") + ":fast_unwind_on_malloc=0"
        self.said = self.drive(driver, leaks=True, ASAN_OPTIONS=options, PYTHONMALLOC="malloc")
        self.assertNotIn("Traceback", self.messages)
        return [block for block in self.messages.split("\n\n") if " leak of " in block and "_tracer" in block]

    def test_without_failures(self):
        self.assertEqual(self.leaks(DRIVER), [])

    def test_merging(self):
        self.assertEqual(self.leaks(DRIVER + MERGES), [])
        self.assertEqual(self.said[-7:], ["ValueError", "ValueError", "FileNotFoundError", None, "FileExistsError", "ValueError", "ValueError"])

    def test_with_failures(self):
        """What OTF2 loses is found in some runs only: a pointer to it may lie about somewhere."""
        found = self.leaks(DRIVER + FAILS)
        self.assertEqual([block for block in found if not any(name in block for name in LOST_BY_OTF2)], [])


if __name__ == "__main__":
    unittest.main()
