# SPDX-License-Identifier: BSD-3-Clause
"""Guarded cells: whatever ends the session in one, the notebook goes on from just before it."""

import json
import os
import sqlite3
import subprocess
import unittest

from guarding import GUARDED, KILL, GuardCase
from kernel import PATIENCE, PYTHON
from measuring import SCOREP, ByScoreP
from processes import alive, family_of, open_files, until

# Each: what ends the session, and what names it.
ENDS = (
    ("ctypes.string_at(0)", "SIGSEGV"),
    ("ctypes.CDLL(None).abort()", "SIGABRT"),
    (KILL, "SIGKILL"),
    ("os._exit(7)", "7"),
    ("os._exit(0)", "0"),
    ("os.abort()", "SIGABRT"),
    ("t = threading.Thread(target=os.abort); t.start(); t.join()", "SIGABRT"),
    ("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
)


class Guarded(GuardCase):
    # --- the end of a session -------------------------------------------------------------------------

    def test_each_end_is_named_and_nothing_is_lost(self):
        for code, how in ENDS:
            with self.subTest(code):
                self.ok("x = ['before']; alias = x")
                outcome = self.restored(f"x.append('in the cell')\nnew = 1\nleaf(1)\nprint('begun')\n{code}", how)
                self.assertEqual(outcome.text(), "begun\n")
                self.assertNotRegex(outcome.reply["evalue"], "[0-9] (thread|child process)")
                self.assertEqual(self.value("(x, alias is x, 'new' in globals())"), (["before"], True, False))
                count = outcome.reply["execution_count"]
                outcome, trace = self.measured("leaf(1)\nfib(4)")
                self.assertEqual((trace.calls("leaf"), trace.calls("fib")), (1, 9))
                self.assertEqual(outcome.reply["execution_count"], count + 2)
                self.assertEqual(self.measured("fib(4)", SCOREP)[1].calls("fib"), 9)

    def test_awaiting(self):
        self.restored("await asyncio.sleep(0)\nos._exit(7)", "7")
        self.assertEqual(self.measured("await asyncio.sleep(0)\nleaf(await asyncio.sleep(0, 3))")[0].result, "3")

    def test_the_record_of_the_cell_that_ended(self):
        before = set(os.listdir(self.work))
        self.restored(KILL)
        (left,) = set(os.listdir(self.work)) - before
        with open(os.path.join(self.work, left, "scorepkernel.json")) as file:
            record = json.load(file)
        self.assertEqual(record["status"], "running")
        self.assertRegex(record["way"], "guarded")

    def test_sockets_that_wait_for_a_short_time_only(self):
        # What users' code has all sockets do is not for the one by which the copy learns that it is needed.
        self.ok("x = 'kept'; socket.setdefaulttimeout(0.01)")
        try:
            self.restored(f"time.sleep(0.5)\n{KILL}")  # many times as long as a socket of the user's would wait
            self.assertEqual(self.value("x, socket.getdefaulttimeout()"), ("kept", 0.01))
            self.assertEqual(len(self.ok("print('x' * 2_000_000)").text()), 2_000_001)
        finally:
            self.ok("import socket; socket.setdefaulttimeout(None)")

    def test_what_it_lacks_is_named(self):
        self.restored("os.abort()")  # what other tests left, or libraries have
        self.ok(
            "stop = threading.Event(); t = threading.Thread(target=stop.wait, daemon=True); t.start()\n"
            "p = subprocess.Popen(['sleep', '1000'])\nends = os.pipe()"
        )
        child = self.value("p.pid")
        try:
            said = self.restored("os.abort()", "SIGABRT").reply["evalue"]
            things = r"any more: 1 thread, 1 child process, 2 pipes and network connections"
            self.assertRegex(said, things)
            self.assertEqual(self.value("(t.is_alive(), threading.active_count() - len(threading.enumerate()))"), (False, 0))
            self.assertFalse(alive(child))
            self.assertNotIn("any more", self.restored("os.abort()").reply["evalue"])
        finally:
            self.ok("for end in ends: os.close(end)\nstop.set()")

    def test_all_that_it_wrote_is_shown(self):
        outcome = self.restored(f"for i in range(20000): print('line', i)\nprint('the end', end='', flush=True)\n{KILL}")
        self.assertEqual(outcome.text(), "".join(f"line {i}\n" for i in range(20000)) + "the end")

    def test_cells_that_wait_run_in_the_restored_session(self):
        self.ok("x = 'kept'")
        first = self.kc.execute(GUARDED + f"x = 'changed'\n{KILL}", allow_stdin=False, stop_on_error=False)
        second = self.kc.execute("x", allow_stdin=False)
        self.outputs_of(first)
        self.assertEqual(self.reply_of(first)["ename"], "SessionRestored")
        (result,) = [m for m in self.outputs_of(second) if m["msg_type"] == "execute_result"]
        self.assertEqual(result["content"]["data"]["text/plain"], "'kept'")
        self.assertEqual(self.reply_of(second)["status"], "ok")

    def test_nothing_grows_with_promotions(self):
        def usage() -> dict:
            worker, keeper = self.value("os.getpid(), os.getppid()")
            host = self.km.provisioner.pid
            processes = {"worker": worker, "keeper": keeper, "host": host}
            found: dict = {f"descriptors of the {who}": open_files(pid) for who, pid in processes.items()}
            found["processes"] = family_of(keeper)
            found["threads"] = os.listdir(f"/proc/{worker}/task")
            return {what: len(those) for what, those in found.items()}

        for number in range(1, 11):
            code = ENDS[number % len(ENDS)][0]
            self.restored(f"leaf(1)\n{code}")
            self.assertEqual(self.measured("leaf(1)")[1].calls("leaf"), 1)
            if number == 2:
                settled = usage()
        # What is about to end or to be closed is not left: what is stays.
        until(lambda: all(many <= settled[what] for what, many in usage().items()), f"no more than {settled}")

    # --- what the session has, on both sides ----------------------------------------------------------

    def test_random_numbers(self):
        self.ok("import numpy.random")
        draw = "[random.random(), numpy.random.random(), numpy.random.default_rng().random() < 1]"
        seed = "random.seed(1); numpy.random.seed(1)"
        first, second, third = self.value(f"{seed}\n[{draw} for _ in range(3)]")
        self.ok(seed)
        self.assertEqual(eval(self.measured(draw)[0].result), first)
        self.assertEqual(self.value(draw), second)
        self.restored(f"{draw}\nos.abort()")
        self.assertEqual(self.value(draw), third)
        self.ok(seed)
        self.restored("os.abort()")
        self.assertEqual(eval(self.measured(draw)[0].result), first)

    def test_files_are_written_once(self):
        path = os.path.join(self.work, "written")
        for cell, wanted in (
            ("f.write('in ')", "before in after"),
            (f"f.write('in ')\n{KILL}", "before after"),
            (f"f.flush()\n{KILL}", "before after"),
            (f"f.write('in '); f.flush()\n{KILL}", "before in after"),
        ):
            with self.subTest(cell):
                self.ok(f"f = open({path!r}, 'w'); f.write('before ')")
                self.run_cell(GUARDED + cell)
                self.ok("f.write('after'); f.close()")
                with open(path) as file:
                    self.assertEqual(file.read(), wanted)

    def test_files_of_c_code_are_written_once(self):
        path = os.path.join(self.work, "written-by-c")
        self.ok(
            "libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p\n"
            "def put(text): return libc.fputs(text, ctypes.c_void_p(f))"
        )
        for cell, wanted in (
            ("put(b'in ')", "before in after"),
            (f"put(b'in ')\n{KILL}", "before after"),
            (f"put(b'in '); libc.fflush(None)\n{KILL}", "before in after"),
        ):
            with self.subTest(cell):
                self.ok(f"f = libc.fopen({path.encode()!r}, b'w'); put(b'before ')")
                self.run_cell(GUARDED + cell)
                self.ok("put(b'after'); libc.fclose(ctypes.c_void_p(f))")
                with open(path) as file:
                    self.assertEqual(file.read(), wanted)

    # Each: how a file is opened and locked, how another process tries to.
    LOCKS = (
        ("fcntl.flock(f, fcntl.LOCK_EX)", "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"),
        ("fcntl.flock(f, fcntl.LOCK_SH)", "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"),
        ("fcntl.lockf(f, fcntl.LOCK_EX, 10, 5)", "fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 14)"),
        (
            "import struct; fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))",
            "fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        ),
    )

    def test_locked_files_stay_open_and_locked(self):
        for lock, attempt in self.LOCKS:
            with self.subTest(lock):
                path = os.path.join(self.work, "locked")
                program = f"import fcntl; f = open({path!r}, 'r+'); {attempt}"
                other = f"lambda: subprocess.run([sys.executable, '-c', {program!r}], stderr=subprocess.DEVNULL).returncode"
                self.ok(f"f = open({path!r}, 'w+b', 0); {lock}\nf.write(b'before'); g = os.dup(f.fileno()); other = {other}")
                self.assertEqual(self.value("other()"), 1)
                for _ in range(2):
                    said = self.restored("os.abort()").reply["evalue"]
                    self.assertNotIn("any more", said)
                    self.assertEqual(self.value("other()"), 1)
                outcome = self.ok("f.write(b' after'); f.seek(0); print(f.read()); f.close(); os.close(g)")
                self.assertEqual(outcome.text("stderr"), "")
                self.assertEqual(outcome.text(), "b'before after'\n")
                self.assertEqual(self.value("other()"), 0)

    def test_a_locked_file_that_has_no_name(self):
        self.ok("import tempfile\nf = tempfile.TemporaryFile(); fcntl.flock(f, fcntl.LOCK_EX); f.write(b'kept')")
        self.restored(KILL)
        self.assertEqual(self.value("f.seek(0), f.read(), f.close()"), (0, b"kept", None))

    def test_a_lock_that_another_process_has_taken(self):
        path = os.path.join(self.work, "taken")
        self.ok(f"f = open({path!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)")
        # One that waits for the lock, is not the session's to end, and has it when the session ends.
        waits = (
            "import fcntl, sys, time\nf = open(sys.argv[1])\nfcntl.flock(f, fcntl.LOCK_EX)\nopen(sys.argv[1] + '.held', 'w')\n"
            "time.sleep(1000)"
        )
        gives = "import time\nfcntl.flock(f, fcntl.LOCK_UN)\nwhile not os.path.exists(f.name + '.held'): time.sleep(0.01)\n"
        with subprocess.Popen([PYTHON, "-c", waits, path]) as process:
            try:
                until(lambda: self.waits_for_a_lock(process.pid), "the wait for the lock")
                self.restored(gives + KILL)
                outcome = self.fails("f.write('x'); f.flush()", "OSError")
                self.assertRegex(outcome.text("stderr"), f"The file {path} is closed in this process: another process")
                self.assertEqual(self.ok("1").text("stderr"), "")
            finally:
                process.kill()

    def waits_for_a_lock(self, pid: int) -> bool:
        with open("/proc/locks") as file:
            return any("->" in line and str(pid) in line.split() for line in file)

    def test_hdf5_files(self):
        if self.run_cell("import h5py").reply["status"] != "ok":
            self.skipTest("h5py is not installed (Debian: python3-h5py)")
        path = os.path.join(self.work, "t.h5")
        self.ok(f"f = h5py.File({path!r}, 'w'); f['x'] = list(range(10))")
        said = self.restored("f['y'] = 1\nos.abort()").reply["evalue"]
        self.assertNotIn("any more", said)
        self.ok("f['z'] = 3; f.close()")
        self.assertEqual(self.value(f"with h5py.File({path!r}) as f: kept = f['x'][:].tolist(), int(f['z'][()])\nkept"), (list(range(10)), 3))

    def test_the_standard_output_of_c_code(self):
        self.ok("libc = ctypes.CDLL(None)")
        request = self.kc.execute(GUARDED + f"libc.puts(b'from C'); libc.fflush(None)\n{KILL}", allow_stdin=False)
        messages = self.outputs_of(request)
        self.reply_of(request)
        self.assertEqual("".join(m["content"]["text"] for m in messages if m["msg_type"] == "stream"), "from C\n")
        self.assertEqual(self.ok("libc.puts(b'again'); libc.fflush(None); None").text(), "again\n")

    def test_history(self):
        self.ok("first_of_history = 1")
        self.measured("second_of_history = 2")
        self.restored(f"third_of_history = 3\n{KILL}")
        self.ok("fourth_of_history = 4")
        self.measured("fifth_of_history = 5")
        shown = self.ok("%history").text()
        for name in ("first", "second", "fourth", "fifth"):
            self.assertIn(f"{name}_of_history = ", shown)
        self.assertIn("fourth_of_history = 4", self.value("In[-4]"))
        request = self.kc.history(hist_access_type="tail", n=3, raw=True)
        found = self.reply_of(request)["history"]
        self.assertIn("fifth_of_history = 5", "".join(line for _, _, line in found))
        self.ok("get_ipython().history_manager.writeout_cache()")
        profile = os.path.join(self.directory, "ipython", "profile_default")
        self.assertEqual([name for name in os.listdir(profile) if "corrupt" in name], [])
        connection = sqlite3.connect(os.path.join(profile, "history.sqlite"))
        try:
            lines = "".join(line for (line,) in connection.execute("SELECT source_raw FROM history"))
        finally:
            connection.close()
        for name in ("first", "second", "fourth", "fifth"):
            self.assertEqual(lines.count(f"{name}_of_history = "), 1)

    def test_context_variables(self):
        self.ok("import contextvars, decimal\nv = contextvars.ContextVar('v', default=0); v.set(1); decimal.getcontext().prec = 5")
        look = "v.get(), decimal.getcontext().prec, str(decimal.Decimal(1) / 3)"
        for _ in range(2):
            self.restored(f"v.set(2); decimal.getcontext().prec = 7\n{KILL}")
            self.assertEqual(self.value(look), (1, 5, "0.33333"))
        self.restored(f"await asyncio.sleep(0)\n{KILL}")
        self.assertEqual(self.value(look), (1, 5, "0.33333"))
        self.measured("v.set(3)")
        self.restored(KILL)
        self.assertEqual(self.value(look)[0], 3)

    def test_how_numpy_prints_and_errs(self):
        self.ok("import numpy\nbefore = numpy.seterr(all='raise'); numpy.set_printoptions(precision=3)")
        look = "numpy.geterr()['divide'], numpy.get_printoptions()['precision'], str(numpy.array([1 / 3]))"
        self.restored(KILL)
        self.assertEqual(self.value(look), ("raise", 3, "[0.333]"))
        self.ok("numpy.seterr(**before); numpy.set_printoptions(precision=8)")

    def test_results_of_earlier_cells(self):
        number = self.ok("'an earlier result'").reply["execution_count"]
        self.restored(KILL)
        self.assertEqual(self.value(f"Out[{number}], _{number}"), ("an earlier result",) * 2)
        self.ok("'a later result'")
        self.assertEqual(self.value("_"), "a later result")

    def test_tasks_go_on(self):
        self.ok(
            "ticks = 0\nasync def tick():\n    global ticks\n    while True:\n        ticks += 1\n        await asyncio.sleep(0.005)\n"
            "task = asyncio.ensure_future(tick())"
        )
        more = "seen = ticks\nwhile ticks < seen + 5: await asyncio.sleep(0.01)\ntask.done()"
        self.assertEqual(self.ok(more).result, "False")
        self.measured("leaf(1)")
        self.assertEqual(self.ok(more).result, "False")
        self.restored(KILL)
        self.assertEqual(self.ok(more).result, "False")
        self.restored(KILL)
        self.assertEqual(self.ok(more).result, "False")
        self.ok("task.cancel()")

    def test_tasks_that_are_due_go_on(self):
        # In the very round of the loop in which the session is restored, and with threads that it had to lose.
        self.ok(
            "process = os.getpid(); restored = asyncio.Event()\n"
            "async def turn():\n    global process\n    while True:\n        await asyncio.sleep(0)\n"
            "        if process != os.getpid():\n            process = os.getpid()\n"
            "            await asyncio.get_running_loop().run_in_executor(None, restored.set)\n"
            "await asyncio.get_running_loop().run_in_executor(None, leaf, 3)\n"
            "task = asyncio.ensure_future(turn())"
        )
        for _ in range(3):
            self.restored(KILL)
            self.assertEqual(self.value("await asyncio.wait_for(restored.wait(), 20)\nrestored.clear()\ntask.done()"), False)
        self.ok("task.cancel()")

    def test_signals_of_the_loop(self):
        self.ok(
            "loop = asyncio.get_running_loop(); came = asyncio.Event()\n"
            "loop.add_signal_handler(signal.SIGUSR1, came.set)"
        )
        come = "came.clear(); os.kill(os.getpid(), signal.SIGUSR1)\nawait asyncio.wait_for(came.wait(), 20)"
        self.assertEqual(self.value(come), True)
        self.restored(KILL)
        self.assertEqual(self.value(come), True)
        self.ok("loop.remove_signal_handler(signal.SIGUSR1)")

    def test_a_server_in_the_notebook_goes_on(self):
        self.ok(
            "async def serve(reader, writer):\n    writer.write(await reader.readline()); writer.close()\n"
            "server = await asyncio.start_server(serve, '127.0.0.1', 0)\nport = server.sockets[0].getsockname()[1]"
        )
        ask = (
            "reader, writer = await asyncio.open_connection('127.0.0.1', port)\nwriter.write(b'echo\\n')\n"
            "line = await reader.readline()\nwriter.close()\nline"
        )
        self.assertEqual(self.ok(ask).result, repr(b"echo\n"))
        self.measured("leaf(1)")
        self.assertEqual(self.ok(ask).result, repr(b"echo\n"))
        self.ok("server.close()")

    def test_threads_for_awaiting_code(self):
        awaits = "await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, leaf, 3), 20)"
        self.assertEqual(self.ok(awaits).result, "3")
        self.restored(KILL)
        self.assertEqual(self.ok(awaits).result, "3")

    # --- what a user does next ------------------------------------------------------------------------

    def test_output_right_after(self):
        for _ in range(3):
            self.restored(KILL)
            outcome = self.ok("print('one')\nprint('two', file=sys.stderr)\n!echo three\nos.system('echo four >&2')\nprint('five')\n6")
            streams = [(c["name"], c["text"].replace("\r", "")) for c in outcome.of("stream")]
            self.assertEqual(
                streams,
                [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n"), ("stderr", "four\n"), ("stdout", "five\n")],
            )
            self.assertEqual(outcome.result, "6")

    def test_input_after(self):
        self.restored(KILL)
        for head in ("", GUARDED):
            request = self.kc.execute(head + "name = input('who? ')", allow_stdin=True)
            self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "who? ")
            self.kc.input("Ada")
            self.outputs_of(request)
            self.assertEqual(self.reply_of(request)["status"], "ok")
            self.assertEqual(self.value("name"), "Ada")

    def test_a_question_that_nobody_waits_for_any_more(self):
        code = GUARDED + "threading.Timer(0.1, os.abort).start()\nname = input('who? ')"
        request = self.kc.execute(code, allow_stdin=True)
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "SessionRestored")
        self.kc.input("too late")
        request = self.kc.execute("name = input('again? ')", allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "again? ")
        self.kc.input("Ada")
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.value("name"), "Ada")

    def test_interrupts(self):
        endless = "print('on', flush=True)\nwhile True: time.sleep(0.001); leaf(1)"
        self.ok("x = 1")
        request = self.begin(GUARDED + "x = 2\n" + endless)
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 2)
        self.restored(KILL)
        for head in ("", GUARDED, SCOREP):
            request = self.begin(head + endless)
            self.km.interrupt_kernel()
            self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        request = self.begin("print('on', flush=True)\nawait asyncio.sleep(1000)")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.value("x"), 2)

    def test_an_interrupted_cell_can_still_be_restored_from(self):
        self.ok("x = 1")
        code = "x = 2\ntry:\n    print('on', flush=True)\n    time.sleep(1000)\nexcept KeyboardInterrupt:\n    os.abort()"
        request = self.begin(GUARDED + code)
        self.km.interrupt_kernel()
        reply = self.end(request)
        self.assertEqual(reply["ename"], "SessionRestored")
        self.assertIn("SIGABRT", reply["evalue"])
        self.assertEqual(self.value("x"), 1)
        self.assertIn("SIGKILL", self.fails("os.kill(os.getpid(), signal.SIGKILL)", "SessionDied").reply["evalue"])

    def test_display_after(self):
        self.restored(KILL)
        outcome = self.ok("from IPython.display import HTML, display\nh = display(HTML('<b>x</b>'), display_id=True)\nh.update(HTML('y'))")
        self.assertEqual(outcome.of("display_data")[0]["data"]["text/html"], "<b>x</b>")
        self.assertEqual(outcome.of("update_display_data")[0]["data"]["text/html"], "y")

    def test_comms_after(self):
        if self.run_cell("import comm").reply["status"] != "ok":
            self.skipTest("there is no package comm")
        self.ok("got = []\nc = comm.create_comm('t')\nc.on_msg(lambda m: got.append(m['content']['data']))")
        comm = self.value("c.comm_id")
        self.restored(KILL)
        self.assertEqual(self.ok("c.send({'n': 1})").of("comm_msg")[0]["data"], {"n": 1})
        self.kc.shell_channel.send(self.kc.session.msg("comm_msg", {"comm_id": comm, "data": {"n": 2}}))
        self.assertEqual(self.value("got"), [{"n": 2}])

    def test_completion_and_inspection_after(self):
        self.ok("a_long_name = 1")
        self.restored(KILL)
        self.assertIn("a_long_name", self.reply_of(self.kc.complete("a_long"))["matches"])
        self.assertTrue(self.reply_of(self.kc.inspect("a_long_name"))["found"])

    def test_plots_after(self):
        if self.run_cell("import matplotlib.pyplot as plt").reply["status"] != "ok":
            self.skipTest("there is no matplotlib")
        self.ok("plt.plot([1, 2])")
        self.restored("plt.plot([1, 3])\n" + KILL)
        outcome = self.ok("plt.plot([1, 2]); plt.show()")
        self.assertEqual(["image/png" in c["data"] for c in outcome.of("display_data")], [True])


class GuardedByScoreP(ByScoreP, Guarded):
    pass


if __name__ == "__main__":
    unittest.main()
