# SPDX-License-Identifier: BSD-3-Clause
"""Where something runs out: memory, disk, permissions, descriptors. And that nothing runs out by and by."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import CELL, SANITIZED, Case, Trace  # noqa: E402

CALLS = "def f(): pass\ndef g():\n    f()\n    f()\nfor _ in range(%d): g()"


class Memory(Case):
    def test_flushes_at_the_limit(self):
        result, trace = self.measure(CALLS % 60000, memory_limit=1 << 20)
        self.assertGreaterEqual(result["flushes"], 4)
        self.assertEqual(trace.visits(), {CELL: 1, "__main__:f": 120000, "__main__:g": 60000})
        self.assertEqual(trace.text.count("\nBUFFER_FLUSH "), result["flushes"])

    def test_flushes_of_several_threads(self):
        cell = """
import threading
def f(): pass
def work():
    for _ in range(20000): f()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
        result, trace = self.measure(cell, memory_limit=1 << 20)
        self.assertGreater(result["flushes"], 4)
        self.assertEqual(trace.visits()["__main__:f"], 160000)

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory")
    def test_the_limit_holds(self):
        driver = """
import resource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
measure(%r, memory_limit=4 << 20)
report(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""" % (CALLS % 300000)
        result, grown = self.drive(driver)
        self.assertEqual(result["events"], 1800002)
        self.assertLess(grown, 8 << 10)

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory")
    def test_measuring_again_and_again(self):
        """Memory, descriptors and mappings stay where they are."""
        driver = """
import gc, shutil
def used():
    # Walks the page tables: statm's counters lag behind by up to 64 pages a thread.
    with open("/proc/self/smaps_rollup") as file: kib = int(file.read().split("Rss:")[1].split()[0])
    with open("/proc/self/maps") as file: maps = len(file.readlines())
    return kib, len(os.listdir("/proc/self/fd")), maps
code = compile(%r, "<cell>", "exec")
def once():
    begin()
    tracer.start(); exec(code, new_names()); tracer.stop()
    result = tracer.end()
    shutil.rmtree(os.path.join(DIRECTORY, "1"))
    gc.collect()  # a cell's functions and their namespace refer to each other
    return result["events"], result["error"]
for _ in range(200): once()
before = used()
results = {once() for _ in range(1500)}
report([before, used(), sorted(results)])
""" % (CALLS % 300 + "\nimport threading\nt = threading.Thread(target=g); t.start(); t.join()")
        (((kib, fds, maps), after, results),) = self.drive(driver)
        self.assertEqual([error for _, error in results], [None] * len(results))
        # Python itself takes a quarter of a megabyte more as threads come and go, without the tracer, too.
        self.assertLess(after[0], kib + 512)
        self.assertEqual(after[1], fds)
        self.assertLessEqual(after[2], maps + 2)

    def test_stack_deeper_than_any(self):
        cell = """
import threading, sys
def down(n): return n and down(n - 1)
def work():
    sys.setrecursionlimit(60000)
    down(50000)
threading.stack_size(512 << 20)
thread = threading.Thread(target=work); thread.start(); thread.join()
"""
        _, trace = self.measure(cell)
        self.assertEqual(trace.visits()["__main__:down"], 50001)


class Disk(Case):
    def small_disk(self, size):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system takes root")
        directory = tempfile.mkdtemp(prefix="tracer-disk-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", directory]
        if subprocess.run(mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no permission to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", directory], check=False)
        self.directory = directory

    def check_cut_short(self, result, code, least):
        self.assertRegex(result["error"], r"^\[Errno %d\] " % code)
        self.assertGreater(result["lost"], 0)
        trace = self.trace()
        self.assertEqual(len(trace.events), result["events"])
        self.assertGreater(result["events"], least)
        # What is recorded is the beginning, without gaps.
        self.assertEqual(trace.order()[:4], ["+" + CELL, "+__main__:g", "+__main__:f", "-__main__:f"])

    def test_full_while_recording(self):
        """What fits is kept, and is a whole trace."""
        for limit in (256 << 20, 1 << 20):
            self.small_disk(4 << 20)
            (result,) = self.drive("measure(%r, memory_limit=%d)" % (CALLS % 200000, limit))
            self.check_cut_short(result, errno.ENOSPC, 150000)

    def test_filled_by_the_cell(self):
        """The cell takes all that is left: room for the trace's end was claimed before."""
        self.small_disk(4 << 20)
        cell = CALLS % 1000 + """
try:
    with open(%r, "wb", buffering=0) as file:
        while file.write(b"x" * 65536): pass
except OSError as problem: why = problem.errno
for _ in range(100000): g()
""" % os.path.join(self.directory, "hog")
        result, why = self.drive("report(measure(%r)['why'])" % cell)
        self.assertEqual(why, errno.ENOSPC)
        self.check_cut_short(result, errno.ENOSPC, 6000)

    def test_full_before_it_begins(self):
        self.small_disk(64 << 10)
        with open(os.path.join(self.directory, "hog"), "wb") as hog:
            hog.write(b"x" * (60 << 10))
        os.mkdir(os.path.join(self.directory, "1"))
        driver = "try: begin()\nexcept OSError as problem: report([problem.errno, problem.filename])\nreport(tracer.active())"
        (code, filename), active = self.drive(driver)
        self.assertEqual((code, active), (errno.ENOSPC, False))
        self.assertEqual(filename, os.path.join(self.directory, "1"))

    def test_limit_on_file_sizes(self):
        driver = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
measure(%r)
"""
        (result,) = self.drive(driver % (CALLS % 100000))
        self.check_cut_short(result, errno.EFBIG, 40000)

    def test_writing_fails(self):
        """An error that nothing could foresee: the files cannot even be opened."""
        driver = """
begin(memory_limit=1 << 20)
run(%r)
import shutil; shutil.rmtree(os.path.join(DIRECTORY, "1"))
%s
report(tracer.end())
measure("def f(): pass\\nf()", "2")
"""
        for more in ("", "run(%r)" % (CALLS % 100000)):
            result, again = self.drive(driver % (CALLS % 1000, more))
            self.assertRegex(result["error"], r"^\[Errno 2\] No such file or directory")
            self.assertIsNone(again["error"])
            self.trace("2")
            shutil.rmtree(os.path.join(self.directory, "2"))

    def test_writing_fails_in_the_middle(self):
        """The limit comes after the room was claimed: neither a crash nor a message."""
        driver = """
import resource, signal
begin(memory_limit=1 << 20)
names = run(%r)
resource.setrlimit(resource.RLIMIT_FSIZE, (600000, -1))
run("for _ in range(60000): g()", names)
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
report(tracer.end())
measure("def f(): pass\\nf()", "2")
"""
        result, _ = self.drive(driver % (CALLS % 20000))
        self.assertRegex(result["error"], r"^\[Errno 27\] File too large")
        self.trace("2")


class Directories(Case):
    def refused(self, directory):
        driver = """
try: tracer.begin(%r, cell="<cell>", own=(), library=())
except OSError as problem: report([problem.errno, problem.filename])
report(tracer.active())
measure("def f(): pass\\nf()")
"""
        (code, filename), active, _ = self.drive(driver % directory)
        self.assertEqual((filename, active), (directory, False))
        return code

    def test_missing(self):
        self.assertEqual(self.refused(os.path.join(self.directory, "none")), errno.ENOENT)

    def test_a_file(self):
        path = os.path.join(self.directory, "file")
        open(path, "w").close()
        self.assertEqual(self.refused(path), errno.ENOTDIR)

    def test_not_writable(self):
        if os.geteuid() == 0:
            self.assertIn(self.refused("/proc/self"), (errno.ENOENT, errno.EPERM, errno.EACCES))
            return
        path = os.path.join(self.directory, "locked")
        os.mkdir(path, 0o555)
        self.assertEqual(self.refused(path), errno.EACCES)

    def test_read_only_file_system(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a read-only file system takes root")
        path = os.path.join(self.directory, "mounted")
        os.mkdir(path)
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", path]
        if subprocess.run(mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no permission to mount a read-only file system")
        self.addCleanup(subprocess.run, ["umount", path], check=False)
        self.assertEqual(self.refused(path), errno.EROFS)

    def test_a_trace_is_there_already(self):
        path = os.path.join(self.directory, "2")
        driver = "measure('def f(): pass\\nf()', '2')\ntry: begin('2')\nexcept FileExistsError as problem: report(problem.filename)"
        _, filename = self.drive(driver)
        self.assertEqual(filename, path)
        self.assertEqual(len(Trace(path).events), 4)

    def test_name_that_is_not_utf8(self):
        driver = "os.mkdir(os.path.join(DIRECTORY, 'x\\udcff'))\nmeasure('def f(): pass\\nf()', 'x\\udcff')"
        (result,) = self.drive(driver)
        self.assertIsNone(result["error"])

    def test_no_descriptors_left(self):
        driver = """
import resource
os.mkdir(os.path.join(DIRECTORY, "1")); os.mkdir(os.path.join(DIRECTORY, "2"))
begin()
run("def f(): pass\\nf()")
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
result = tracer.end()
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
report(result)
measure("def f(): pass\\nf()", "2")
"""
        result, again = self.drive(driver)
        self.assertRegex(result["error"], r"^\[Errno 24\] ")
        self.assertIsNone(again["error"])


if __name__ == "__main__":
    unittest.main()
