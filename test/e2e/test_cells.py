# SPDX-License-Identifier: BSD-3-Clause
"""Ordinary cells through a real client: output and its order, errors, input, interrupts, crashes, and the end."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import venv
from typing import Optional
from unittest import mock

from kernel import PATIENCE, TREE, KernelCase


class Cells(KernelCase):
    def test_results_and_numbers(self):
        first = self.ok("40 + 2")
        self.assertEqual(first.result, "42")
        count = first.reply["execution_count"]
        self.assertEqual(self.ok("_ + 1").result, "43")
        self.assertEqual(self.ok(f"Out[{count}]").result, "42")
        self.assertEqual(self.ok("None").result, None)
        silent = self.ok("x = 99", silent=True)
        self.assertEqual(silent.messages, [])
        self.assertEqual(self.ok("x").reply["execution_count"], count + 4)

    def test_output_is_live(self):
        request = self.kc.execute("import time\nprint('first')\nwhile not globals().get('go'): time.sleep(0.01)")
        self.wait_for_text(request, "first")  # although the cell runs on
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.reply_of(request)
        request = self.kc.execute("import time\nprint('a piece', end='')\nwhile True: time.sleep(0.01)")
        self.wait_for_text(request, "a piece")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        self.reply_of(request)

    def test_order(self):
        code = (
            "import os, sys\n"
            "for i in range(20):\n"
            "    print('python', i)\n"
            "    os.system(f'echo child {i}')\n"
            "    display(i)\n"
            "    os.write(1, f'raw {i}\\n'.encode())\n"
            "    print('error', i, file=sys.stderr)\n"
        )
        seen = []
        for message in self.ok(code).messages:
            content = message["content"]
            if message["msg_type"] == "stream":
                seen += [(content["name"], line) for line in content["text"].splitlines()]
            elif message["msg_type"] == "display_data":
                seen.append(("display", content["data"]["text/plain"]))
        wanted = []
        for i in range(20):
            wanted += [("stdout", f"python {i}"), ("stdout", f"child {i}"), ("display", str(i)), ("stdout", f"raw {i}")]
            wanted += [("stderr", f"error {i}")]
        self.assertEqual(seen, wanted)

    def test_much_output_is_whole(self):
        outcome = self.ok("for i in range(30000): print('line', i)")
        self.assertEqual(outcome.text(), "".join(f"line {i}\n" for i in range(30000)))
        self.assertLess(len(outcome.of("stream")), 1000)
        outcome = self.ok("print('\\N{SNOWMAN}' * 1000000)")
        self.assertEqual(outcome.text(), "\N{SNOWMAN}" * 1000000 + "\n")
        self.assertTrue(all(len(c["text"].encode()) <= 1 << 20 for c in outcome.of("stream")))

    def test_bytes_that_are_no_text(self):
        self.assertEqual(self.ok("import os; os.write(1, b'a\\xffb'); os.write(1, b'\\xe2\\x82')").text(), "a\ufffdb\ufffd")
        outcome = self.ok("import os, sys\nos.write(1, b'\\xe2')\nsys.stdout.flush()\nos.write(1, b'\\x82\\xac')")
        self.assertEqual(outcome.text(), "€")
        self.assertEqual(self.ok("print('\\udc80')").text(), "\\udc80\n")
        self.assertEqual(self.ok("print('a\\0b')").text(), "a\0b\n")

    def test_late_output_goes_to_the_cell_that_started_it(self):
        code = "import threading\ngate = threading.Event()\ndef late():\n    gate.wait()\n    print('late')\nthreading.Thread(target=late).start()"
        request = self.kc.execute(code)
        self.outputs_of(request)
        self.reply_of(request)
        second = self.kc.execute("print('second'); gate.set()\nimport time; time.sleep(0.3); print('end')")
        texts = {request: "", second: ""}
        while "end" not in texts[second] or "late" not in texts[request]:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            parent = message["parent_header"].get("msg_id")
            if message["msg_type"] == "stream" and parent in texts:
                texts[parent] += message["content"]["text"]
        self.reply_of(second)
        self.assertEqual((texts[request], texts[second].replace("\n", " ")), ("late\n", "second end "))

    def test_a_child_that_keeps_stdout_open(self):
        began = time.monotonic()
        self.ok("import subprocess; p = subprocess.Popen('sleep 60; echo never', shell=True)")
        self.assertLess(time.monotonic() - began, 30)
        self.ok("p.kill()")

    def test_errors(self):
        outcome = self.fails("def f():\n    return 1/0\nf()", "ZeroDivisionError")
        self.assertEqual(len(outcome.of("error")), 1)
        self.assertIn("line 2", "\n".join(outcome.reply["traceback"]))
        self.fails("x = = 1", "SyntaxError")
        self.fails("class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad", "Bad")
        self.fails("import sys; sys.exit(3)", "SystemExit")
        self.fails("%no_such_magic", "UsageError")
        self.fails("raise KeyboardInterrupt", "KeyboardInterrupt")
        self.ok("1")

    def test_an_error_stops_the_queue(self):
        requests = [self.kc.execute(code) for code in ("import time; time.sleep(0.3); 1/0", "a = 1", "b = 2")]
        self.assertEqual([self.reply_of(r)["status"] for r in requests], ["error", "aborted", "aborted"])
        requests = [self.kc.execute(c, stop_on_error=False) for c in ("1/0", "c = 3")]
        self.assertEqual([self.reply_of(r)["status"] for r in requests], ["error", "ok"])

    def test_input(self):
        request = self.kc.execute("name = input('who? ')\nprint('hello', name)", allow_stdin=True)
        question = self.kc.get_stdin_msg(timeout=PATIENCE)["content"]
        self.assertEqual(question, {"prompt": "who? ", "password": False})
        self.kc.input("Grace \N{SNOWMAN}")
        messages = self.outputs_of(request)
        self.reply_of(request)
        self.assertEqual("".join(m["content"].get("text", "") for m in messages), "hello Grace \N{SNOWMAN}\n")
        request = self.kc.execute("import getpass; secret = getpass.getpass()", allow_stdin=True)
        self.assertTrue(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["password"])
        self.kc.input("s3cret")
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.ok("secret").result, "'s3cret'")
        self.fails("input()", "StdinNotImplementedError")

    def test_interrupting_input(self):
        request = self.kc.execute("input('never answered')", allow_stdin=True)
        self.kc.get_stdin_msg(timeout=PATIENCE)
        self.km.interrupt_kernel()
        self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.kc.input("too late")
        request = self.kc.execute("answer = input('again? ')", allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "again? ")
        self.kc.input("right")
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.ok("answer").result, "'right'")

    def interrupted(self, code: str) -> dict:
        request = self.kc.execute(code)
        self.wait_for_text(request, "on")
        self.km.interrupt_kernel()
        self.outputs_of(request)
        return self.reply_of(request)

    def test_interrupts(self):
        busy = "x = 0\nprint('on', flush=True)\nwhile True: x += 1"
        self.assertEqual(self.interrupted(busy)["ename"], "KeyboardInterrupt")
        self.ok("assert x > 0")
        waiting = "import asyncio\nprint('on', flush=True)\nawait asyncio.sleep(1000)"
        self.assertEqual(self.interrupted(waiting)["ename"], "KeyboardInterrupt")
        computing = "import asyncio\nasync def f():\n    while True: pass\nprint('on', flush=True)\nawait f()"
        self.assertEqual(self.interrupted(computing)["ename"], "KeyboardInterrupt")
        task = "import asyncio\nasync def f():\n    while True: pass\nt = asyncio.create_task(f())\nprint('on', flush=True)\nawait t"
        self.assertEqual(self.interrupted(task)["ename"], "KeyboardInterrupt")
        child = "import subprocess\nprint('on', flush=True)\nsubprocess.run(['sleep', '1000'])"
        self.assertEqual(self.interrupted(child)["ename"], "KeyboardInterrupt")
        printing = "while True: print('on')"
        self.assertEqual(self.interrupted(printing)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ok("'alive'").result, "'alive'")

    def test_an_interrupt_as_soon_as_a_cell_is_busy(self):
        for _ in range(20):
            # No blocking call: a signal that comes just before one does not end it, in any Python.
            request = self.kc.execute("while True: pass")
            message = None
            while not message or message["msg_type"] != "execute_input" or message["parent_header"]["msg_id"] != request:
                message = self.kc.get_iopub_msg(timeout=PATIENCE)
            self.km.interrupt_kernel()
            self.assertEqual(self.reply_of(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_an_output_that_is_too_large_costs_only_itself(self):
        self.ok("kept = 1")
        outcome = self.fails("'x' * 140_000_000", "TooLarge")
        self.assertIn("write it to a file", outcome.reply["evalue"])
        self.assertEqual(self.ok("kept").result, "1")

    def test_an_interrupt_of_what_is_no_cell(self):
        request = self.kc.execute("", user_expressions={"endless": "[0 for _ in iter(int, 1)]"})
        while self.kc.get_iopub_msg(timeout=PATIENCE)["parent_header"].get("msg_id") != request:
            continue
        self.km.interrupt_kernel()
        reply = self.reply_of(request)  # the interrupt came before the expression, or in it
        self.assertEqual(reply.get("ename") or reply["user_expressions"]["endless"]["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_an_interrupt_between_a_cell_and_its_expressions(self):
        code = (
            "import gc, time\n(cells,) = [each for each in gc.get_objects() if type(each).__name__ == 'Cells']\n"
            "def between(how):\n    del cells.leave_if_forked\n    before = cells._connection.interrupts.received\n"
            "    print('on', flush=True)\n    while cells._connection.interrupts.received == before: time.sleep(0.005)\n"
            "cells.leave_if_forked = between"
        )
        request = self.kc.execute(code, user_expressions={"endless": "[0 for _ in iter(int, 1)]"})
        self.wait_for_text(request, "on\n")
        self.km.interrupt_kernel()
        self.assertEqual(self.end(request)["ename"], "KeyboardInterrupt")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_an_interrupt_between_cells_means_nothing(self):
        self.ok("x = 1")
        self.kc.control_channel.send(self.kc.session.msg("interrupt_request", {}))
        self.assertEqual(self.kc.get_control_msg(timeout=PATIENCE)["msg_type"], "interrupt_reply")
        self.assertEqual(self.ok("x").result, "1")

    def test_input_in_other_places(self):
        code = "import threading\nt = threading.Thread(target=lambda: print('got', input('in a thread? ')))\nt.start(); t.join()"
        request = self.kc.execute(code, allow_stdin=True)
        self.assertEqual(self.kc.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"], "in a thread? ")
        self.kc.input("it")
        messages = self.outputs_of(request)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertIn("got it\n", "".join(m["content"].get("text", "") for m in messages))
        code = "import multiprocessing as mp\np = mp.get_context('fork').Process(target=input, args=('child? ',))\np.start(); p.join(); p.exitcode"
        self.assertEqual(self.ok(code, allow_stdin=True).result, "1")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_forked_children(self):
        fork = "import os\npid = os.fork()\nif pid == 0:\n    print('child'); os._exit(7)\nelse:\n    code = os.waitpid(pid, 0)[1]"
        for directive in ("", "%%execute_with_scorep\n"):
            outcome = self.ok(directive + fork)
            self.assertIn("child\n", outcome.text())
            self.assertEqual(self.ok("code >> 8").result, "7")
            outcome = self.ok(directive + "pid = os.fork()\nos.waitpid(pid, 0)[1] if pid else print('runs on')")
            self.assertEqual((outcome.result, outcome.text()), ("0", "runs on\n"))
        outcome = self.ok("pid = os.fork()\nif pid == 0: raise ValueError('in the child')\nos.waitpid(pid, 0)[1] >> 8")
        self.assertEqual(outcome.result, "1")
        self.assertIn("in the child", outcome.text("stderr"))

    def test_shared_memory_is_given_back(self):
        before = set(os.listdir("/dev/shm"))
        self.ok("from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=100)")
        self.assertNotEqual(set(os.listdir("/dev/shm")), before)
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while set(os.listdir("/dev/shm")) - before:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_await_and_tasks(self):
        code = "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 7\nawait f()"
        self.assertEqual(self.ok(code).result, "7")
        code = "async def later():\n    await asyncio.sleep(0.05)\n    globals()['done'] = True\ntask = asyncio.create_task(later())"
        self.ok(code)
        deadline = time.monotonic() + PATIENCE
        while self.ok("globals().get('done')").result != "True":
            self.assertLess(time.monotonic(), deadline)
        self.ok("import contextvars; v = contextvars.ContextVar('v'); t = v.set(5)")
        self.assertEqual(self.ok("v.get()").result, "5")

    def test_magics_and_shell(self):
        self.assertEqual(self.ok("%%bash\necho from bash").text(), "from bash\n")
        self.assertIn("listed", self.ok("!echo listed").text())
        self.assertEqual(self.ok("found = !echo one two\nfound.s").result, "'one two'")
        self.assertIn("Docstring", str(self.ok("len?").reply["payload"]))
        self.assertIn("Wall time", self.ok("%time 1").text())

    def test_rich_display(self):
        outcome = self.ok("from IPython.display import HTML, display\nh = display(HTML('<b>x</b>'), display_id='d')\nh.update(HTML('<i>y</i>'))")
        self.assertEqual(outcome.of("display_data")[0]["transient"], {"display_id": "d"})
        self.assertEqual(outcome.of("update_display_data")[0]["data"]["text/html"], "<i>y</i>")
        self.assertEqual(len(self.ok("from IPython.display import clear_output; clear_output(wait=True)").of("clear_output")), 1)
        self.assertEqual(self.ok("import math\nfrom IPython.display import JSON\ndisplay({'application/json': {'x': math.nan}}, raw=True)").of("display_data")[0]["data"]["application/json"], {"x": "nan"})

    def test_matplotlib_inline(self):
        if self.run_cell("import matplotlib").reply["status"] != "ok":
            self.skipTest("matplotlib is not installed for the session's Python")
        outcome = self.ok("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('after')")
        self.assertIn("image/png", outcome.of("display_data")[0]["data"])

    def test_questions(self):
        self.ok("value = 3\ndef documented():\n    'What it does.'")
        self.kc.complete("val")
        self.assertIn("value", self.kc.get_shell_msg(timeout=PATIENCE)["content"]["matches"])
        self.kc.inspect("documented")
        self.assertIn("What it does.", self.kc.get_shell_msg(timeout=PATIENCE)["content"]["data"]["text/plain"])
        self.kc.inspect("no_such_name")
        self.assertFalse(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["found"])
        for code, status in (("1", "complete"), ("def f():", "incomplete"), ("import = 1", "invalid")):
            self.kc.is_complete(code)
            self.assertEqual(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["status"], status)
        self.kc.history(hist_access_type="tail", n=3)
        self.assertEqual(len(self.kc.get_shell_msg(timeout=PATIENCE)["content"]["history"]), 3)

    def test_user_expressions(self):
        reply = self.ok("", user_expressions={"good": "1+1", "bad": "1/0"}).reply["user_expressions"]
        self.assertEqual(reply["good"]["data"]["text/plain"], "2")
        self.assertEqual(reply["bad"]["status"], "error")

    def test_what_users_do_to_the_process(self):
        self.ok("import sys, os\nsys.stdout = open(os.devnull, 'w')\nprint('nowhere')\nsys.stdout = sys.__stdout__")
        self.assertEqual(self.ok("print('back')").text(), "back\n")
        self.ok("sys.stdout.close()")
        self.assertEqual(self.ok("print('still')").text(), "still\n")
        self.ok("os.closerange(3, 100)")
        self.assertIn("closed", self.ok("print('closed')").text())  # some IPythons tell of their lost history
        self.ok("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
        self.assertEqual(self.interrupted("print('on', flush=True)\nwhile True: pass")["ename"], "KeyboardInterrupt")
        self.ok("import builtins, json, time; kept = builtins.open, builtins.print, json.dumps, time.sleep")
        self.ok("builtins.open = builtins.print = json.dumps = time.sleep = None")
        self.assertEqual(self.ok("1 + 1").result, "2")
        self.ok("builtins.open, builtins.print, json.dumps, time.sleep = kept")
        self.ok("os.chdir('/')")
        self.assertEqual(self.ok("os.fork() == 0 or 'parent'").result, "'parent'")
        names = self.ok("[n for n in dir() if 'spk' in n or 'scorepkernel' in n]").result
        self.assertEqual(names, "[]")
        self.assertEqual(self.ok("__name__").result, "'__main__'")
        self.assertEqual(self.ok("import pickle\nclass K: pass\npickle.loads(pickle.dumps(K())).__class__ is K").result, "True")

    def test_crashes_are_named(self):
        self.ok("x = 1")
        outcome = self.fails("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SessionDied")
        self.assertIn("SIGSEGV", outcome.reply["evalue"])
        self.fails("x", "NameError")
        self.assertIn("exit code 7", self.fails("import os; os._exit(7)", "SessionDied").reply["evalue"])
        self.assertIn("SIGABRT", self.fails("import os; os.abort()", "SessionDied").reply["evalue"])
        self.assertIn("SIGKILL", self.fails("import os; os.kill(os.getpid(), 9)", "SessionDied").reply["evalue"])
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_output_before_a_crash_is_shown(self):
        outcome = self.fails("print('the last words')\nimport os; os.abort()", "SessionDied")
        self.assertIn("the last words\n", outcome.text())


class End(KernelCase):
    """How a kernel ends; each test has one of its own."""

    @classmethod
    def setUpClass(cls) -> None:
        """Not here: in setUp."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Not here: in tearDown."""

    def setUp(self) -> None:
        KernelCase.setUpClass.__func__(type(self))

    def tearDown(self) -> None:
        KernelCase.tearDownClass.__func__(type(self))

    def wait_until_gone(self, pids: list) -> None:
        deadline = time.monotonic() + 20
        while [pid for pid in pids if os.path.exists(f"/proc/{pid}") and not self.is_zombie(pid)]:
            self.assertLess(time.monotonic(), deadline, "a process is left")
            time.sleep(0.02)

    @staticmethod
    def is_zombie(pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    def test_a_killed_host_leaves_nothing(self):
        mine = int(self.ok("import os, subprocess; p = subprocess.Popen(['sleep', '1000']); os.getpid()").result)
        child = int(self.ok("p.pid").result)
        keeper = int(self.ok("os.getppid()").result)
        detached = int(self.ok("q = subprocess.Popen(['sleep', '1000'], start_new_session=True); q.pid").result)
        host = self.km.provisioner.pid
        os.kill(host, signal.SIGKILL)
        self.wait_until_gone([mine, keeper, child, detached])

    def test_restart(self):
        self.km.restart_kernel(now=True)
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.ok("x = 1")
        self.km.restart_kernel(now=False)
        self.kc.wait_for_ready(timeout=PATIENCE)
        self.fails("x", "NameError")

    def test_a_cell_that_ignores_interrupts_can_be_stopped(self):
        worker = int(self.ok("import os; os.getpid()").result)
        stubborn = "print('on', flush=True)\nimport time\nwhile True:\n    try: time.sleep(1000)\n    except BaseException: pass"
        request = self.kc.execute(stubborn)
        self.wait_for_text(request, "on")
        self.km.interrupt_kernel()
        self.km.shutdown_kernel(now=False)
        self.wait_until_gone([worker])

    def test_a_clean_end_spares_what_was_detached(self):
        self.ok("import atexit, os, subprocess; atexit.register(lambda: open('atexit-ran', 'w'))")
        child = int(self.ok("p = subprocess.Popen(['sleep', '1000']); p.pid").result)
        hup = int(self.ok("n = subprocess.Popen(['nohup', 'sleep', '1000'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); n.pid").result)
        worker = int(self.ok("os.getpid()").result)
        deadline = time.monotonic() + PATIENCE
        while open(f"/proc/{hup}/comm").read() != "sleep\n":  # nohup has done its work
            self.assertLess(time.monotonic(), deadline)
        self.km.shutdown_kernel(now=False)
        self.wait_until_gone([worker, child])
        self.assertTrue(os.path.exists(os.path.join(self.work, "atexit-ran")))
        self.assertFalse(self.is_zombie(hup))
        os.kill(hup, signal.SIGKILL)


class BadPython(unittest.TestCase):
    """Pythons that cannot serve: a message that names the remedy, in the notebook."""

    def message_for(self, python: Optional[str], *cells: str) -> str:
        class Kernel(KernelCase):
            def runTest(self) -> None:
                pass

        case = Kernel()
        Kernel.setUpClass()
        try:
            if python is None:
                return [case.run_cell(code).reply["evalue"] for code in cells][-1]
            spec = os.path.join(Kernel.directory, "share/jupyter/kernels/scorep-python/kernel.json")
            with open(spec) as file:
                content = json.load(file)
            content["argv"][-1] = python
            with open(spec, "w") as file:
                json.dump(content, file)
            Kernel.km._kernel_spec = None
            Kernel.km.restart_kernel(now=True)
            Kernel.kc.wait_for_ready(timeout=PATIENCE)
            return case.run_cell("1").reply["evalue"]
        finally:
            Kernel.tearDownClass()

    def test_for_which_the_tracer_was_not_built(self):
        with tempfile.TemporaryDirectory() as directory:
            tree = os.path.join(directory, "tree")
            shutil.copytree(TREE, tree)
            modules = os.path.join(tree, "lib", "scorepkernel", "worker", "spk_worker")
            for name in os.listdir(modules):
                if name.startswith("_tracer"):
                    os.remove(os.path.join(modules, name))
            with mock.patch("kernel.TREE", tree):
                message = self.message_for(None, "x = 1\n1/0", "%%execute_with_scorep\nx = 2")
        self.assertIn("the built-in tracer was not built for this Python", message)
        self.assertIn("make install PYTHONS=", message)

    def test_missing(self):
        self.assertIn("scorepkernel install --python", self.message_for("/nowhere/python3"))

    def test_not_a_python(self):
        self.assertIn("scorepkernel install --python", self.message_for("/bin/false"))

    def test_without_ipython(self):
        with tempfile.TemporaryDirectory() as directory:
            try:
                venv.create(directory, with_pip=False, symlinks=True)
            except (OSError, subprocess.CalledProcessError) as problem:
                self.skipTest(f"no virtual environment can be made: {problem}")
            self.assertIn("-m pip install ipython", self.message_for(os.path.join(directory, "bin", "python")))


if __name__ == "__main__":
    unittest.main()
