# SPDX-License-Identifier: BSD-3-Clause
"""Cells that replace parts of the standard library: those that come after run all the same, each in its way."""

import unittest

from guarding import GUARDED, GuardCase
from measuring import SCOREP, ByScoreP

# Those in a line are replaced together, by something that refuses. Not here: what IPython uses in each cell (time.time,
# hashlib.sha1).
REPLACED = """
    json.dumps json.loads json.JSONEncoder json.JSONDecoder json.JSONEncoder.default
    socket.socket socket.socketpair socket.gethostname select.select selectors.DefaultSelector
    builtins.print io.open io.TextIOWrapper os.path.exists os.path.realpath
    os.open os.write os.read os.close os.pipe os.pipe2 os.fork os.listdir os.getpid
    os.mkdir os.makedirs os.rename os.readlink os.cpu_count os.sched_getaffinity
    time.perf_counter time.strftime time.time_ns
    subprocess.Popen subprocess.run shutil.which tempfile.gettempdir tempfile.mkstemp secrets.token_hex
    threading.Thread threading.enumerate threading.RLock queue.SimpleQueue queue.Queue
    signal.signal signal.pthread_sigmask signal.sigpending signal.getsignal
    random.random random.getstate random.setstate random.seed
    pickle.dumps pickle.loads pickle.Pickler hashlib.new mmap.mmap resource.getrusage zlib.crc32
    fcntl.fcntl gc.get_objects gc.collect struct.Struct struct.pack inspect.signature importlib.util.find_spec
    sysconfig.get_paths site.getsitepackages contextlib.suppress functools.lru_cache linecache.getline faulthandler.enable
    asyncio.ensure_future asyncio.Event asyncio.new_event_loop
    builtins.open builtins.sorted os.stat os.getcwd os.path.join os.path.isdir time.monotonic threading.Event
""".strip().split("\n")
# The last line is what IPython itself uses for completion, inspection and history.


class Replaced(GuardCase):
    def works(self) -> None:
        """What is done in a notebook, without a look at the session's variables."""
        self.assertEqual(self.ok("1 + x").result, "2")
        for head in (SCOREP, GUARDED):
            outcome = self.ok(head + "leaf(1); 2 + x")
            self.assertEqual(outcome.result, "3")
            self.assertIsNotNone(outcome.report, outcome.messages)
        self.restored("x = 5; signal.raise_signal(signal.SIGKILL)")
        for way in ("launch", "forked"):
            self.ok(f"%%marshalling_settings PROCESS={way}")
            self.assertEqual(self.ok(SCOREP + "leaf(1); y = x + 3; y").result, "4")
            self.assertEqual(self.ok("y + 0").result, "4")
        self.ok("%%marshalling_settings PROCESS=auto")
        self.assertEqual(self.ok("# the environment\n%%scorep_env\nSPK_REPLACED=1").reply["status"], "ok")

    def completes(self) -> None:
        self.assertIn("a_long_name", self.reply_of(self.kc.complete("a_long_n"))["matches"])
        self.assertTrue(self.reply_of(self.kc.inspect("a_long_name"))["found"])
        self.assertEqual(self.reply_of(self.kc.history(hist_access_type="tail", n=1))["status"], "ok")

    def test_what_is_replaced(self):
        self.ok("x = 1; a_long_name = 1\ndef refuse(*_, **__): raise RuntimeError('it has been replaced')")
        for line in REPLACED:
            names = line.split()
            modules = sorted({name.rpartition(".")[0].replace("json.JSONEncoder", "json") for name in names})
            with self.subTest(line.strip()):
                self.ok(f"import {', '.join(modules)}\nsys.saved = {', '.join(names)}\n{', '.join(names)} = [refuse] * {len(names)}")
                try:
                    self.works()
                    if line is not REPLACED[-1]:
                        self.completes()
                finally:
                    self.ok(f"{', '.join(names)} = sys.saved; x = 1")

    def test_a_clock_that_stands_still(self):
        self.ok("x = 1; import time, datetime\nsaved = time.time, time.monotonic, time.perf_counter, time.sleep")
        self.ok("time.time = time.monotonic = time.perf_counter = lambda: 1.0; time.sleep = lambda seconds: None")
        try:
            outcome = self.ok(SCOREP + "sum(leaf(n) for n in range(100_000))")
            self.assertNotIn("Measured in 0 ", outcome.report)
            self.works()
        finally:
            self.ok("time.time, time.monotonic, time.perf_counter, time.sleep = saved")

    def test_all_that_pytest_socket_does(self):
        self.ok(
            "x = 1; import socket; saved = socket.socket\nclass Guarded(socket.socket):\n"
            "    def __new__(cls, *a, **k): raise RuntimeError('a test was trying to use socket')\nsocket.socket = Guarded"
        )
        try:
            self.works()
        finally:
            self.ok("socket.socket = saved")


class ReplacedUnderScoreP(ByScoreP, Replaced):
    """The same."""


if __name__ == "__main__":
    unittest.main()
