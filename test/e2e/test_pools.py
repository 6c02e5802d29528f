# SPDX-License-Identifier: BSD-3-Clause
"""Pools of threads and processes, and libraries with threads of their own, in guarded cells and after a takeover: they
work, or say that they do not; nothing waits for ever."""

import unittest

from guarding import KILL, GuardCase
from kernel import EachItsKernel
from measuring import SCOREP, ByScoreP

NATIVE = """
libc = ctypes.CDLL(None)
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
libc.pthread_setname_np(thread, b"wooden-3")
"""


class Pools(EachItsKernel, GuardCase):
    def needs(self, module: str) -> None:
        if self.run_cell(f"import {module}").reply["status"] != "ok":
            self.skipTest(f"the package {module} is not installed")

    def test_threads_that_are_all_started(self):
        self.ok(
            "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
            "gate = threading.Event()\nfor each in [pool.submit(time.sleep, 0.01) for _ in range(4)]: each.result()"
        )
        self.restored(KILL)
        self.assertEqual(self.ok("[pool.submit(fib, n).result(30) for n in (5, 6, 7)]").result, "[5, 8, 13]")
        self.assertEqual(self.ok("list(pool.map(fib, (5, 6)))").result, "[5, 8]")

    def test_work_of_threads(self):
        self.ok(
            "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\nbegun = threading.Event()\n"
            "def work():\n    begun.set()\n    time.sleep(1000)\n"
            "runs, waits = pool.submit(work), pool.submit(fib, 5); begun.wait()"
        )
        self.restored(KILL)
        self.fails("runs.result()", "RuntimeError")
        self.assertEqual(self.ok("waits.result()").result, "5")

    def test_the_loops_executor(self):
        self.ok("loop = asyncio.get_event_loop(); n = 2\nfor _ in range(n): await loop.run_in_executor(None, fib, 5)")
        self.restored(KILL)
        self.assertEqual(self.ok("await loop.run_in_executor(None, fib, 6)").result, "8")

    def test_processes(self):
        self.ok(
            "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing\n"
            "pool = ProcessPoolExecutor(2); pool.submit(abs, -1).result()\n"
            "other = multiprocessing.Pool(2); other.map(abs, [-1])"
        )
        self.restored(KILL)
        outcome = self.fails("pool.submit(abs, -1).result()", "BrokenProcessPool")
        self.assertIn("Make a new one, and submit the work again", outcome.reply["evalue"])
        self.assertIn("multiprocessing.pool.Pool (1) does not work any more", outcome.text("stderr"))
        self.fails("other.map(abs, [-1])", "ValueError")
        self.assertEqual(self.ok("with multiprocessing.Pool(2) as third: print(third.map(abs, [-1]))").text(), "[1]\n")
        self.ok("with ProcessPoolExecutor(1) as fourth: fourth.submit(abs, -1).result()")

    def test_joblib(self):
        self.needs("joblib")
        parallel = "joblib.Parallel(2)(joblib.delayed(abs)(n) for n in (-1, -2))"
        self.assertEqual(self.ok(parallel).result, "[1, 2]")
        self.assertEqual(self.measured(parallel)[0].result, "[1, 2]")
        for _ in range(2):
            self.restored(KILL)
            outcome = self.ok(f"import gc; found = {parallel}; gc.collect(); found")
            self.assertEqual((outcome.result, outcome.text("stderr")), ("[1, 2]", ""))

    def test_dask(self):
        self.needs("dask")
        parallel = "sum(dask.compute(*(dask.delayed(abs)(n) for n in range(-100, 0)), scheduler='threads'))"
        self.assertEqual(self.ok(parallel).result, "5050")
        self.restored(KILL)
        self.assertEqual(self.ok(parallel).result, "5050")

    def test_tqdm(self):
        self.needs("tqdm")
        bar = "bar = tqdm.tqdm(range(3)); list(bar); bar.monitor.is_alive()"
        self.assertEqual(self.ok(bar).result, "True")
        self.restored(KILL)
        self.assertEqual(self.ok(bar).result, "True")

    def test_gevent(self):
        self.needs("gevent")
        self.ok("from gevent import monkey; monkey.patch_all()\nimport gevent, select, selectors")
        self.measured("leaf(1)")
        self.restored(KILL)
        said = self.ok("1").text("stderr")
        self.assertNotIn("TraitError", said)
        self.assertEqual(self.ok("gevent.spawn(leaf, 5).get()").result, "5")
        self.assertEqual(self.ok("t = threading.Thread(target=print, args=('on',)); t.start(); t.join()").text(), "on\n")
        self.assertEqual(self.ok("await asyncio.sleep(0.01, 7)").result, "7")
        request = self.begin("print('on', flush=True)\nwhile True: time.sleep(0.1)")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.measured("leaf(1)")

    def test_native_threads(self):
        self.ok("os.environ['SCOREPKERNEL_GUARD_BUDGET'] = '1000000'\n" + NATIVE)
        outcome, _ = self.measured("leaf(1)", SCOREP)
        self.assertIn("unguarded", outcome.report)
        self.assertIn("wooden (1)", outcome.report)
        outcome, _ = self.measured("leaf(1)")
        self.assertIn("wooden (1)", outcome.text("stderr"))
        self.assertIn("1 thread", self.restored(KILL).reply["evalue"])
        said = self.ok("1").text("stderr")
        self.assertIn("native threads (wooden (1)), which this copy of it does not have", said)
        self.assertIn("only a restart of the kernel helps", said)
        outcome, _ = self.measured("leaf(1)", SCOREP)
        self.assertIn(", guarded", outcome.report)

    def test_polars(self):
        self.needs("polars")
        self.ok("polars.DataFrame({'a': range(1000)}).lazy().select(polars.col('a').sum()).collect()")
        outcome, _ = self.measured("leaf(1)", SCOREP)
        self.assertIn("polars", outcome.report)


class PoolsByScoreP(ByScoreP, Pools):
    pass


if __name__ == "__main__":
    unittest.main()
