# SPDX-License-Identifier: BSD-3-Clause
"""What must not make a cell hang: cells that cut the kernel's own connection off, or take the loop apart that it
listens on; each has its reply, and the next cell runs."""

import queue
import time
import unittest

from guarding import DEFINITIONS, GUARDED
from kernel import KernelCase, Outcome
from launching import ForkedCase, ProcessCase
from measuring import SCOREP, TracedCase

LOOP = "loop = asyncio.get_event_loop()\n"
SOCKETS = (
    "import os, stat\n"
    "sockets = [int(n) for n in os.listdir('/proc/self/fd') if int(n) > 255 and os.path.exists(f'/proc/self/fd/{n}')\n"
    "           and stat.S_ISSOCK(os.stat(f'/proc/self/fd/{n}').st_mode)]\n"
)
CLOSED = "its connection to the kernel had been closed"


class CutOff(KernelCase):
    """The worker's connection is closed."""

    def lost(self, code: str) -> None:
        self.ok("x = 1")
        outcome = self.fails(code, "SessionDied")
        self.assertIn(CLOSED, outcome.reply["evalue"])
        self.fails("x", "NameError")

    def test_everything_is_closed(self):
        self.lost("import os; os.closerange(3, 65536)")

    def test_everything_is_closed_and_the_cell_goes_on(self):
        self.lost("import os\nos.closerange(0, 65536)\nwhile True: pass")

    def test_sockets_are_closed(self):
        self.lost(SOCKETS + "for number in sockets: os.close(number)")

    def test_another_file_has_its_number(self):
        self.ok("import os; written = os.open('written', os.O_RDWR | os.O_CREAT)")
        self.lost(SOCKETS + "for number in sockets: os.dup2(written, number)\nprint('on')")
        self.assertEqual(self.value("__import__('os').path.getsize('written')"), 0)

    def test_another_program_is_run(self):
        self.lost("import os; os.execvp('sleep', ['sleep', '1000'])")

    def test_a_child_has_the_connection_open(self):
        self.ok("import os, time\npid = os.fork()\nif not pid:\n    time.sleep(1000)\n")
        outcome = self.fails("os.closerange(3, 65536)", "SessionDied")
        self.assertIn("exit code 1", outcome.reply["evalue"])
        self.assertIn("closed its connection", outcome.text("stderr"))
        self.ok("1")

    def test_a_pipe_has_its_number(self):
        """The pipes are made anew, as something is printed, and the first of them gets the number that is free."""
        self.ok("import os, sys, time\npid = os.fork()\nif not pid:\n    time.sleep(1000)\n")
        outcome = self.fails("os.closerange(3, 65536)\nprint('on')\nsys.stdout.flush()", "SessionDied")
        self.assertIn("exit code 1", outcome.reply["evalue"])
        self.ok("1")

    def test_between_cells(self):
        self.ok("import os, threading\ngate = threading.Timer(0.1, os.closerange, (3, 65536)); gate.start()")
        while True:
            message = self.next_message("iopub")
            if CLOSED in str(message["content"]):
                break
        self.ok("1")


class Loop(KernelCase):
    """The loop that it listens on is taken apart: that costs nothing."""

    def setUp(self) -> None:
        self.ok("import asyncio, os, threading; pid = os.getpid()\n" + LOOP)

    def unharmed(self, code: str) -> None:
        self.ok("async def later():\n    await asyncio.sleep(0.01)\n    return 7\ntask = loop.create_task(later())")
        self.ok(code)
        self.assertEqual(self.ok("os.getpid() == pid").result, "True")
        self.assertEqual(self.ok("await task").result, "7")
        self.assertEqual(self.ok("await loop.run_in_executor(None, lambda: 5)").result, "5")
        self.assertEqual(self.ok("asyncio.get_event_loop() is loop").result, "True")

    def test_low_numbers_are_closed(self):
        self.unharmed("os.closerange(3, 256)")

    def test_readers_are_removed(self):
        self.unharmed("for number in list(loop._selector.get_map()): loop.remove_reader(number)")

    def test_readers_are_unregistered(self):
        self.unharmed("for number in list(loop._selector.get_map()): loop._selector.unregister(number)")

    def test_the_selector_is_closed(self):
        self.unharmed("loop._selector.close()")

    def test_the_selectors_descriptor_is_closed(self):
        self.unharmed("os.close(loop._selector.fileno())")

    def test_the_selectors_number_is_another_files(self):
        self.ok("written = open('other', 'w')")
        self.unharmed("number = loop._selector.fileno(); os.dup2(written.fileno(), number)")
        self.assertEqual(self.ok("os.fstat(number).st_ino == os.fstat(written.fileno()).st_ino").result, "True")

    def test_the_wakers_are_closed(self):
        self.unharmed("os.close(loop._csock.fileno())")
        self.unharmed("os.close(loop._ssock.fileno())")
        self.unharmed("loop._csock.close()")

    def test_the_loop_is_stopped(self):
        self.unharmed("loop.stop()")
        self.unharmed("loop.call_later(0.01, loop.stop)")

    def test_all_tasks_are_cancelled(self):
        self.run_cell("for each in asyncio.all_tasks(): each.cancel()")
        self.unharmed("pass")

    def test_the_selector_is_taken_away(self):
        self.unharmed("loop._selector = None")

    def test_threads_cannot_wake_it(self):
        self.ok("loop.call_soon_threadsafe = None")
        self.assertEqual(self.ok("os.getpid() == pid").result, "True")
        self.ok("del loop.call_soon_threadsafe")

    def test_what_a_task_removes_is_there_again_after_an_interrupt(self):
        self.ok(
            "removed = threading.Event()\ndef remove():\n"
            "    for number in list(loop._selector.get_map()): loop.remove_reader(number)\n    print('removed', flush=True)\n"
            "loop.call_later(0.1, remove); None"
        )
        while "removed" not in str(self.next_message("iopub")["content"]):
            pass
        request = self.kc.execute("1")
        while (message := self.next_message("iopub"))["msg_type"] != "execute_input":
            self.assertNotEqual(message["msg_type"], "error")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertIn(self.reply_of(request)["status"], ("ok", "error"))
        self.unharmed("pass")


class Deaf(KernelCase):
    """What can not be mended: the session ends with a word, and the next one serves."""

    def setUp(self) -> None:
        self.ok("import asyncio, builtins, signal, time; x = 1\n" + LOOP)

    def ends(self, said: str, interrupts: bool) -> None:
        request = self.kc.execute("x")
        if interrupts:
            self.busy(request)  # else the interrupt may be there before it
            self.km.interrupt_kernel()
        self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertEqual(reply["ename"], "SessionDied", reply)
        self.assertIn(said, reply["evalue"])
        self.fails("x", "NameError")

    def test_the_loop_does_not_run(self):
        self.ok("import asyncio.base_events; asyncio.base_events.BaseEventLoop.run_forever = None; loop.stop()")
        self.ends("cannot run its event loop any more (TypeError", False)

    def test_nothing_is_taken(self):
        self.ok("loop.call_later(0.2, setattr, asyncio.Event, 'set', lambda self: None); time.sleep(0.3)")
        self.ends("takes no requests any more", True)

    def test_interrupts_are_ignored(self):
        ignore = "def ignore():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: time.sleep(1)\n"
        self.ok(ignore + "handle = loop.call_later(0.2, ignore)")
        self.ok("time.sleep(0.3)")
        self.ends("neither the request nor, for 10 seconds, the interrupt", True)

    def test_a_task_in_c_is_interrupted(self):
        self.ok("handle = loop.call_later(0.1, time.sleep, 1000)")
        self.ok("time.sleep(0.2)")
        request = self.kc.execute("x")
        self.busy(request)
        self.km.interrupt_kernel()
        self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertIn(reply.get("ename"), (None, "KeyboardInterrupt"), reply)
        self.assertEqual(self.ok("x").result, "1")

    def busy(self, request: str) -> None:
        while self.next_message("iopub")["parent_header"].get("msg_id") != request:
            pass

    def test_a_long_cell_is_not_deaf(self):
        """Although it is in C, and takes no interrupt."""
        self.ok("import ctypes\nblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])")
        request = self.begin("print('on', flush=True); ctypes.PyDLL(None).usleep(11_500_000)")
        self.km.interrupt_kernel()
        self.end(request)
        self.ok("signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])")
        self.assertEqual(self.ok("x").result, "1")


FILL = """
import os
files = []
def fill():
    try:
        while True: files.append(open(os.devnull))
    except OSError: pass
"""


class Descriptors(KernelCase):
    """Cells use up all descriptors: the next one runs, which can give them back."""

    def setUp(self) -> None:
        self.ok("import asyncio, os, resource, time; pid = os.getpid()\n" + LOOP + FILL)
        self.ok("limits = resource.getrlimit(resource.RLIMIT_NOFILE)\nresource.setrlimit(resource.RLIMIT_NOFILE, (1024, limits[1]))")

    def tearDown(self) -> None:
        self.ok("files.clear()")
        self.ok("resource.setrlimit(resource.RLIMIT_NOFILE, limits)")
        self.assertEqual(self.ok("os.getpid() == pid").result, "True")

    def test_all_are_used(self):
        self.ok("fill()")
        self.assertGreater(self.value("len(files)"), 900)

    def test_all_are_used_and_the_loop_is_taken_apart(self):
        for turn in range(3):
            self.ok("fill()\n" + LOOP + ("loop._selector.close()", "os.close(loop._csock.fileno())", "os.close(loop._ssock.fileno())")[turn])
            self.assertGreater(self.value("len(files)"), 900)
            self.ok("files.clear()")
            self.assertEqual(self.ok("await asyncio.get_event_loop().run_in_executor(None, lambda: 5)").result, "5")

    def test_a_few_are_left(self):
        self.ok("fill(); files[-3:] = []\n" + LOOP + "loop._selector.close()")
        self.assertGreater(self.value("len(files)"), 900)

    def test_none_is_allowed(self):
        self.ok("resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_nothing_is_printed_for_it(self):
        """What was to be done while the session is idle, and could not be."""
        outcome = self.ok("fill(); await asyncio.sleep(0.5)")
        self.assertNotIn("protect", outcome.text("stderr"))

    def test_a_guard_takes_over_with_high_numbers(self):
        self.ok("resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limits[1]), limits[1]))")
        self.ok("fill(); files[-200:] = []")
        self.fails(GUARDED + "os.abort()", "SessionRestored")
        self.assertGreater(self.value("len(files)"), 700)
        self.ok("pid = os.getpid()")


class Guarded(TracedCase):
    def test_a_guard_takes_over(self):
        self.ok(DEFINITIONS + "x = 1")
        for code in ("os.closerange(3, 65536)", "os.closerange(3, 65536)\nwhile True: pass"):
            outcome = self.fails(GUARDED + code, "SessionRestored")
            self.assertIn(CLOSED, outcome.reply["evalue"])
            self.assertEqual(self.ok("x").result, "1")

    def test_the_loop_of_a_session_that_took_over(self):
        self.ok(DEFINITIONS + LOOP)
        self.fails(GUARDED + "os.abort()", "SessionRestored")
        self.ok("for number in list(loop._selector.get_map()): loop.remove_reader(number)")
        self.ok(GUARDED + "loop._selector.close()")
        self.assertEqual(self.ok("await asyncio.sleep(0.01, 7)").result, "7")

    def test_a_session_that_takes_orphans_in(self):
        """As process managers do: the copy is then the session's child, and not one that could take its place."""
        self.ok("import ctypes, os\n" + DEFINITIONS + "x = 1\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)")
        try:
            for _ in range(3):
                outcome = self.ok(GUARDED + "x += 1")
                self.assertRegex(outcome.report, "unguarded .*the copy of the session ended at once")
                self.assertIn("Warning: the cell runs unguarded, although --guard asks for a copy", outcome.text("stderr"))
            self.ok("os.environ['SCOREPKERNEL_GUARD_BUDGET'] = '1000000'")
            outcome = self.ok("%%execute_with_scorep\nx += 1")
            self.assertRegex(outcome.report, "unguarded .*the copy of the session ended at once")
            self.assertEqual(outcome.text("stderr"), "")
            self.assertEqual(self.ok("x").result, "5")
        finally:
            self.ok("ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)\nos.environ.pop('SCOREPKERNEL_GUARD_BUDGET', None)")


class Launched(ProcessCase):
    def test_a_launched_cell_is_ended(self):
        outcome = self.fails(SCOREP + "os.closerange(3, 65536)\nwhile True: pass", "LaunchedProcessEnded")
        self.assertIn(CLOSED, outcome.reply["evalue"])


class Forked(ForkedCase, Launched):
    def test_one_that_goes_on_after_interrupts(self):
        self.ok("x = 1")
        code = "x = 2\nwhile True:\n    try: print('on', flush=True); time.sleep(1000)\n    except KeyboardInterrupt: print('more', flush=True)"
        request = self.begin(SCOREP + code)
        self.km.interrupt_kernel()
        self.wait_for_text(request, "more")
        time.sleep(1.1)  # it has so long after the first
        self.km.interrupt_kernel()
        self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertEqual(reply["ename"], "LaunchedProcessEnded", reply)
        self.assertIn("went on after an interrupt", reply["evalue"])
        self.assertEqual(self.ok("x").result, "1")
        self.ok(SCOREP + "x = 3")
        self.assertEqual(self.ok("x").result, "3")

    def test_a_session_that_takes_orphans_in(self):
        self.ok("import ctypes\nx = 1\nctypes.CDLL(None).prctl(36, 1, 0, 0, 0)")
        try:
            for _ in range(3):
                outcome = self.fails(SCOREP + "x += 1", "NotMeasured")
                self.assertIn("the copy of the session ended at once", outcome.reply["evalue"])
                self.assertIn("The variables are as before", outcome.reply["evalue"])
            self.assertEqual(self.ok("x").result, "1")
        finally:
            self.ok("ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)")
        self.ok(SCOREP + "x += 1")
        self.assertEqual(self.ok("x").result, "2")


LOOPING = """
class Looping:
    def __repr__(self):
        while True: pass
    def __dir__(self):
        while True: pass
class Answering:
    def __getattr__(self, name):
        while True: pass
class Stubborn:
    def spin(self):
        while True: pass
    def __repr__(self):
        while True:
            try:
                self.spin()
            except BaseException:
                if not self.seen: raise
                self.seen -= 1
    @property
    def sleeping(self):
        import time
        time.sleep(1000)
looping, answering, stubborn = Looping(), Answering(), Stubborn()
stubborn.seen = 2
"""


class Questions(KernelCase):
    """Completions and inspections whose objects loop."""

    def setUp(self) -> None:
        self.ok(LOOPING)

    def busy(self, request: str) -> None:
        while True:
            message = self.next_message("iopub")
            if message["parent_header"].get("msg_id") == request and message["msg_type"] == "status":
                return

    def interrupted(self, request: str) -> dict:
        """The reply; what is interrupted before it has begun is asked again."""
        self.busy(request)
        while True:
            self.km.interrupt_kernel()
            try:
                message = self.kc.get_shell_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def test_interrupts(self):
        for request in (
            lambda: self.kc.inspect("looping", 7),
            lambda: self.kc.complete("looping.", 8),
            lambda: self.kc.inspect("stubborn.sleeping", 17),
            lambda: self.kc.inspect("answering", 9),
            lambda: self.kc.complete("answering.", 10),
        ):
            replies = [self.interrupted(request())]
            while replies[-1].get("ename") == "KeyboardInterrupt" and len(replies) < 5:
                replies.append(self.interrupted(request()))  # it had not begun
            self.assertEqual(replies[-1]["status"], "ok", replies)
            self.assertEqual(self.ok("1 + 1").result, "2")

    def test_the_next_cell_runs(self):
        """Although nobody interrupts."""
        request, cell = self.kc.inspect("stubborn", 8), self.kc.execute("stubborn.seen")
        self.assertEqual(self.reply_of(request)["status"], "ok")
        messages = self.outputs_of(cell)
        self.assertEqual(Outcome(self.reply_of(cell), messages).result, "0")

    def test_one_that_catches_interrupts(self):
        self.ok(
            "import time\nclass Deaf:\n    def __repr__(self):\n        while True:\n"
            "            try: time.sleep(1)\n            except KeyboardInterrupt: pass\ndeaf = Deaf()"
        )
        self.assertEqual(self.reply_of(self.kc.inspect("deaf", 4))["status"], "ok")
        self.assertEqual(self.ok("type(deaf).__name__").result, "'Deaf'")

    def test_one_that_catches_all(self):
        self.ok(
            "import time\nclass Deaf:\n    def __dir__(self):\n        while True:\n"
            "            try: time.sleep(1)\n            except BaseException: pass\ndeaf = Deaf()"
        )
        reply = self.reply_of(self.kc.complete("deaf.", 5))
        self.assertEqual(reply["status"], "error")
        self.assertIn("a completion or an inspection", reply["evalue"])
        self.fails("deaf", "NameError")

    def test_a_transformer_is_interrupted(self):
        self.ok(
            "def endless(lines):\n    if lines and 'transformed' in lines[0]:\n        while True: pass\n    return lines\n"
            "get_ipython().input_transformers_cleanup.append(endless)"
        )
        request = self.kc.execute("'transformed'")
        self.busy(request)
        self.assertEqual(self.interrupted_cell(request)["ename"], "KeyboardInterrupt")
        request = self.kc.is_complete("'transformed'")
        self.assertEqual(self.interrupted(request)["status"], "unknown")
        self.ok("get_ipython().input_transformers_cleanup.remove(endless)")

    def interrupted_cell(self, request: str) -> dict:
        self.km.interrupt_kernel()
        self.outputs_of(request)
        return self.reply_of(request)

    def test_a_task_that_computes(self):
        begun = self.kc.execute(
            "import asyncio\nasync def forever():\n    print('begun', flush=True)\n    while True: pass\n"
            "task = asyncio.get_event_loop().create_task(forever())"
        )
        self.wait_for_text(begun, "begun")
        request = self.kc.execute("1")
        while (message := self.next_message("iopub"))["parent_header"].get("msg_id") != request:
            self.assertNotEqual(message["msg_type"], "error")
        self.interrupted_cell(request)
        self.assertEqual(self.ok("type(task.exception()).__name__").result, "'KeyboardInterrupt'")

    def test_a_widget_is_interrupted(self):
        code = (
            "import comm\ndef opened(comm, message):\n    print('on', flush=True)\n    while True: pass\n"
            "comm.get_comm_manager().register_target('endless', opened)"
        )
        if self.run_cell(code).reply["status"] != "ok":
            self.skipTest("the package comm is not installed")
        message = self.kc.session.msg("comm_open", {"comm_id": "1", "target_name": "endless", "data": {}})
        self.kc.shell_channel.send(message)
        self.wait_for_text(message["header"]["msg_id"], "on\n")
        self.km.interrupt_kernel()
        self.assertEqual(self.ok("1 + 1").result, "2")


ASKING = """
import threading
got = {}
def ask(name):
    got[name] = input(name)
def begin(*names):
    global threads
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    for thread in threads: thread.start()
"""


class Input(KernelCase):
    """Threads and cells ask at the same time."""

    def setUp(self) -> None:
        self.ok(ASKING)

    def question(self) -> dict:
        return self.kc.get_stdin_msg(timeout=self.patience)

    def answer(self, question: dict, line: str) -> None:
        reply = self.kc.session.msg("input_reply", {"value": line}, parent=question)
        self.kc.stdin_channel.send(reply)

    def execute(self, code: str) -> str:
        return self.kc.execute(code, allow_stdin=True)

    def end_of(self, request: str) -> None:
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")

    def until_got(self, count: int) -> dict:
        self.end_of(self.execute("for thread in threads: thread.join()"))
        got = self.value("got")
        self.assertEqual(len(got), count)
        return got

    def test_a_thread_and_a_cell(self):
        for turn in range(20):
            self.end_of(self.execute(f"begin('thread {turn}')"))
            in_thread = self.question()
            request = self.execute(f"ask('cell {turn}')")
            in_cell = self.question()
            pair = [in_thread, in_cell]
            for question in pair if turn % 2 else reversed(pair):
                self.answer(question, question["content"]["prompt"].upper())
            self.end_of(request)
        for name, line in self.until_got(40).items():
            self.assertEqual(line, name.upper())

    def test_clients_that_answer_one_after_the_other(self):
        """Their answers name nothing."""
        self.end_of(self.execute("begin('thread')"))
        self.question()
        request = self.execute("ask('cell')")
        self.question()
        self.kc.input("first")
        self.kc.input("second")
        self.end_of(request)
        self.assertEqual(self.until_got(2), {"thread": "first", "cell": "second"})

    def test_one_cell_asks_many_times_at_once(self):
        request = self.execute("begin(*'abcdefghijkl'); ask('main'); [thread.join() for thread in threads]; None")
        for _ in range(13):
            question = self.question()
            self.answer(question, question["content"]["prompt"] * 2)
        self.end_of(request)
        self.assertEqual(self.value("got"), {name: name * 2 for name in [*"abcdefghijkl", "main"]})

    def test_more_than_can_be_asked(self):
        for number in range(8):
            self.end_of(self.execute(f"begin('thread {number}')"))
        questions = [self.question() for _ in range(8)]
        request = self.execute("ask('one too many')")
        self.outputs_of(request)
        reply = self.reply_of(request)
        self.assertEqual(reply["ename"], "StdinNotImplementedError")
        self.assertIn("8 other questions wait", reply["evalue"])
        for question in reversed(questions):
            self.answer(question, "yes")
        self.assertEqual(set(self.until_got(8).values()), {"yes"})

    def test_a_late_answer(self):
        """To a question that the cell gave up, and not to the one that it asks then."""
        code = (
            "import signal\ndef give_up(*_): raise TimeoutError\nsignal.signal(signal.SIGALRM, give_up)\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n"
            "try: ask('slow')\nexcept TimeoutError: print('on', flush=True)\nask('again')"
        )
        request = self.execute(code)
        slow = self.question()
        self.wait_for_text(request, "on\n")
        again = self.question()
        self.answer(slow, "late")
        self.answer(again, "right")
        self.end_of(request)
        self.assertEqual(self.value("got"), {"again": "right"})

    def test_an_interrupted_cell_leaves_the_threads_question(self):
        self.end_of(self.execute("begin('thread')"))
        in_thread = self.question()
        request = self.execute("ask('cell')")
        in_cell = self.question()
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.answer(in_cell, "late")
        self.answer(in_thread, "right")
        self.assertEqual(self.until_got(1), {"thread": "right"})


if __name__ == "__main__":
    unittest.main()
