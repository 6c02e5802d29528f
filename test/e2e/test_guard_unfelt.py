# SPDX-License-Identifier: BSD-3-Clause
"""Which cells are guarded, and that they do not feel it: neither their files, locks and children, nor OpenMP."""
# runs alone: it looks at what the whole machine does.

import os
import shutil
import signal
import subprocess
import unittest

from guarding import DEFINITIONS, GUARDED, KILL, GuardCase
from kernel import PATIENCE
from measuring import SCOREP, UNGUARDED, ByScoreP
from processes import children_of, until

PARALLEL = """
#include <omp.h>
int region(int threads)
{
    int sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    sum += 1;
    return sum;
}
"""


class Unfelt(GuardCase):
    # --- a guard that is not felt ---------------------------------------------------------------------

    def test_the_spare_is_nobodys_child(self):
        self.assertEqual(self.measured("try: os.wait()\nexcept ChildProcessError: print('none')")[0].text(), "none\n")
        self.restored(KILL)
        self.assertEqual(self.measured("try: os.wait()\nexcept ChildProcessError: print('none')")[0].text(), "none\n")

    def test_the_end_of_a_pipe_is_seen(self):
        self.ok("p = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)")
        outcome, _ = self.measured("p.stdin.close()\np.wait(timeout=20)")
        self.assertEqual(outcome.result, "0")

    def test_the_end_of_a_socket_is_seen(self):
        self.ok("left, right = socket.socketpair(); right.settimeout(20)")
        self.assertEqual(self.measured("left.close()\nright.recv(1)")[0].result, "b''")

    def test_an_address_is_free_when_its_socket_is_closed(self):
        self.ok("s = socket.create_server(('127.0.0.1', 0)); address = s.getsockname()")
        outcome, _ = self.measured("s.close()\ns = socket.create_server(address)\ns.getsockname() == address")
        self.assertEqual(outcome.result, "True")
        self.ok("s.close()")

    def test_a_lock_is_free_when_its_file_is_closed(self):
        path = os.path.join(self.work, "lock")
        self.ok(f"f = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)")
        self.measured(f"f.close()\nf = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)")
        self.ok("f.close()")

    def test_objects_that_cannot_be_looked_at(self):
        path = os.path.join(self.work, "written")
        self.ok(
            "import io, weakref\nclass Gone: pass\nproxy = weakref.proxy(Gone())\n"
            "class Odd(list):\n    __class__ = property(lambda self: 1 / 0)\n    def __getattribute__(self, name): raise MemoryError\n"
            "class Strange(type):\n    def __eq__(self, other): raise MemoryError\n    __hash__ = type.__hash__\n"
            "class Kind(metaclass=Strange): pass\n"
            "class Named(threading.Thread):\n    name = property(lambda self: 1 / 0, lambda self, value: None)\n"
            "class File(io.TextIOWrapper):\n    def flush(self): raise MemoryError\n"
            "kept = [Odd(), Kind(), proxy, File(io.BytesIO())]; stop = threading.Event()\n"
            f"thread = Named(target=stop.wait, daemon=True); thread.start()\nf = open({path!r}, 'w'); f.write('before ')"
        )
        self.measured("f.write('in ')")
        self.restored(f"f.write('in '); f.flush()\n{KILL}")
        self.ok("f.write('after'); f.close(); del kept, proxy, thread")
        with open(path) as file:
            self.assertEqual(file.read(), "before in in after")

    def test_a_thread_that_waits_in_a_write(self):
        path = os.path.join(self.work, "other")
        self.ok(
            f"f = open({path!r}, 'w')  # so that files are flushed\nread, write = os.pipe()\npipe = open(write, 'wb')\n"
            "def fill(): pipe.write(b'x' * 1_000_000)\nthread = threading.Thread(target=fill, daemon=True); thread.start()"
        )
        self.measured("leaf(1)")
        self.ok("count = 0\nwhile count < 1_000_000: count += len(os.read(read, 100_000))")
        self.ok("thread.join(); pipe.close(); os.close(read); f.close()")

    def test_the_end_of_a_terminal_is_seen(self):
        self.ok("import pty\npid, end = pty.fork()\nif pid == 0: os.execvp('cat', ['cat'])")
        code = "os.close(end)\nfor _ in range(500):\n    done = os.waitpid(pid, os.WNOHANG)[0]\n    if done: break\n    time.sleep(0.01)\ndone == pid"
        self.assertEqual(self.measured(code)[0].result, "True")

    def test_children_of_a_guarded_cell(self):
        code = "leaf(1)\npid = os.fork()\nif pid == 0: fib(5); os._exit(3)\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
        outcome, trace = self.measured(code)
        self.assertEqual((outcome.result, trace.calls("leaf"), trace.calls("fib")), ("3", 1, 0))
        code = "leaf(1)\npid = os.fork()\nif pid: os.waitpid(pid, 0)"  # the child runs on past the cell's end
        self.assertEqual(self.measured(code)[1].calls("leaf"), 1)

        def pools() -> None:
            for method in ("fork", "spawn"):
                code = f"import math, multiprocessing as m\nwith m.get_context('{method}').Pool(2) as pool: r = pool.map(math.sqrt, [4, 9])\nr"
                self.assertEqual(self.measured(code)[0].result, "[2.0, 3.0]")

        pools()
        self.restored(KILL)
        pools()

    def test_a_child_that_crashes_is_not_the_session(self):
        code = "pid = os.fork()\nif pid == 0: os.kill(os.getpid(), signal.SIGKILL)\nos.waitpid(pid, 0)[1]"
        self.assertEqual(self.measured(code)[0].result, "9")

    def test_a_thread_that_writes_meanwhile(self):
        request = self.kc.execute(
            "stop = False\ndef write():\n    n = 0\n    while not stop: print('line', n); n += 1; time.sleep(0.0002)\n"
            "    print('total', n)\nt = threading.Thread(target=write); t.start()",
            allow_stdin=False,
        )
        self.outputs_of(request)
        self.reply_of(request)
        text, requests = "", [self.kc.execute(GUARDED + "leaf(1)", allow_stdin=False) for _ in range(20)]
        requests.append(self.kc.execute("stop = True; t.join()", allow_stdin=False))
        while "total" not in text:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                text += message["content"]["text"]
        for one in requests:
            self.assertEqual(self.reply_of(one)["status"], "ok")
        numbers = [int(line[5:]) for line in text.splitlines() if line.startswith("line ")]
        # What was written before the first cell's idle was read above.
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        self.assertEqual(int(text.rsplit("total", 1)[1]), numbers[-1] + 1)

    def test_the_spare_is_given_up(self):
        worker, keeper = self.value("os.getpid(), os.getppid()")
        self.ok("x = 1")
        path = os.path.join(self.work, "go-on")
        wait = f"print('on', flush=True)\nwhile not os.path.exists({path!r}): time.sleep(0.005)\n"
        request = self.begin(GUARDED + wait + "x = 2\nleaf(1)")
        (spare,) = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(spare, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")
        open(path, "w").close()
        self.assertEqual(self.end(request)["status"], "ok")
        self.assertEqual(self.value("x"), 2)
        os.unlink(path)
        request = self.begin(GUARDED + wait + KILL)
        (spare,) = [pid for pid in children_of(keeper) if pid != worker]
        os.kill(spare, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{spare}"), "the end of the spare")
        open(path, "w").close()
        self.assertEqual(self.end(request)["ename"], "SessionDied")
        os.unlink(path)
        self.ok(DEFINITIONS)
        self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)

    def test_the_spare_goes_with_its_cell(self):
        worker, keeper = self.value("os.getpid(), os.getppid()")
        self.measured("leaf(1)")
        until(lambda: children_of(keeper) == [worker], "the end of the spare")

    # --- OpenMP and such ------------------------------------------------------------------------------

    def test_parallel_regions_of_c_code(self):
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("there is no C compiler")
        source, library = os.path.join(self.work, "p.c"), os.path.join(self.work, "p.so")
        with open(source, "w") as file:
            file.write(PARALLEL)
        done = subprocess.run([compiler, "-fopenmp", "-shared", "-fPIC", "-o", library, source], capture_output=True, text=True)
        if done.returncode:
            self.skipTest(f"no OpenMP can be compiled: {done.stderr}")
        self.ok(f"parallel = ctypes.CDLL({library!r})")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.restored("parallel.region(4)\nos.abort()")
        self.assertEqual(self.value("parallel.region(3)"), 3)
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")
        self.ok("t = threading.Thread(target=parallel.region, args=(2,)); t.start(); t.join()")
        self.assertEqual(self.measured("parallel.region(4)")[0].result, "4")

    def test_linear_algebra(self):
        self.ok("import numpy\na = numpy.ones((600, 600))")
        code = "float((a @ a)[0, 0])"
        self.assertEqual(self.value(code), 600)
        self.assertEqual(self.measured(code)[0].result, "600.0")
        self.assertEqual(self.value(code), 600)
        self.restored(f"{code}\nos.abort()")
        self.assertEqual(self.value(code), 600)
        self.assertEqual(self.measured(code)[0].result, "600.0")

    # --- the choice -----------------------------------------------------------------------------------

    def test_the_choice(self):
        def way(head: str, budget: str) -> str:
            self.ok(f"os.environ['SCOREPKERNEL_GUARD_BUDGET'] = {budget!r}")
            outcome, _ = self.measured("leaf(1)", head)
            said = self.record(outcome)["way"]
            self.assertIn(said, outcome.report)
            return said

        try:
            self.assertRegex(way(SCOREP, "0"), r"^in the session, unguarded \(a copy of the session could slow the cell by [1-9].*--guard")
            self.assertRegex(way(SCOREP, "1000000"), r"^in the session, guarded \(a copy of the session slows it by at most [0-9.]+ ms\)")
            self.assertEqual(way(GUARDED, "0"), "in the session, guarded (as asked)")
            self.assertEqual(way(UNGUARDED, "1000000"), "in the session, unguarded (as asked)")
            self.assertRegex(way(SCOREP, ""), r"^in the session, (un)?guarded \(")
            self.ok("os.environ['SCOREPKERNEL_GUARD_BUDGET'] = '1000000'\nx = 1")
            self.fails(SCOREP + f"x = 2\n{KILL}", "SessionRestored")
            self.assertEqual(self.value("x"), 1)
            for nonsense in ("plenty", "20 ms", "nan", "-5"):
                self.ok(f"os.environ['SCOREPKERNEL_GUARD_BUDGET'] = {nonsense!r}")
                outcome = self.fails(SCOREP + "x = 2", "NotMeasured")
                self.assertIn(f"SCOREPKERNEL_GUARD_BUDGET is {nonsense!r}", outcome.reply["evalue"])
            self.assertEqual(self.value("x"), 1)
        finally:
            self.ok("del os.environ['SCOREPKERNEL_GUARD_BUDGET']")

    def test_an_unguarded_cell_takes_the_session_along(self):
        outcome = self.fails(UNGUARDED + KILL, "SessionDied")
        self.assertIn("SIGKILL", outcome.reply["evalue"])

    def test_shared_memory_does_not_outlive_its_session(self):
        self.ok(  # what makes it so is done a moment after the session's start
            "import asyncio, multiprocessing.resource_tracker as tracker\n"
            "while signal.SIGHUP not in tracker._IGNORED_SIGNALS: await asyncio.sleep(0.01)"
        )
        self.ok("kept = __import__('multiprocessing').get_context('spawn').Lock(); name = kept._semlock.name")
        file = f"/dev/shm/sem.{self.value('name')[1:]}"
        self.assertTrue(os.path.exists(file))
        self.fails(KILL, "SessionDied")
        until(lambda: not os.path.exists(file), file)

    def test_a_measured_cell_that_is_well_formed_no_longer(self):
        self.ok("x = 1")
        self.fails(GUARDED + "x = = 1", "SyntaxError")
        self.fails(GUARDED + "x = 2\n1/0", "ZeroDivisionError")
        self.fails(GUARDED + "x = 3\nsys.exit(1)", "SystemExit")
        self.assertEqual(self.value("x"), 3)


class UnfeltByScoreP(ByScoreP, Unfelt):
    pass


if __name__ == "__main__":
    unittest.main()
