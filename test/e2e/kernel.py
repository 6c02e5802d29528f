# SPDX-License-Identifier: BSD-3-Clause
"""A kernel of the build tree and a real Jupyter client of it, for tests."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from typing import Any, Dict, List, Optional

TREE = os.path.abspath(os.environ.get("SPK_TREE", "build/release/tree"))
PYTHON = os.environ.get("PYTHON", sys.executable)
PATIENCE = 60
# A sanitized tracer needs its runtime in the interpreter from the start.
SANITIZER = {"LD_PRELOAD": os.environ["SPK_PRELOAD"]} if os.environ.get("SPK_PRELOAD") else {}


class Outcome:
    """What came of a cell."""

    def __init__(self, reply: dict, messages: List[dict]) -> None:
        self.reply = reply
        self.messages = messages

    def of(self, kind: str) -> List[dict]:
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def text(self, name: str = "stdout") -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == name)

    @property
    def result(self) -> Optional[str]:
        found = self.of("execute_result")
        return found[0]["data"]["text/plain"] if found else None

    @property
    def report(self) -> Optional[str]:
        for content in self.of("display_data"):
            if "Experiment: " in content["data"].get("text/plain", ""):
                return content["data"]["text/plain"]
        return None

    @property
    def experiment(self) -> str:
        found = re.search(r"^Experiment: (.*)$", self.report or "", re.M)
        assert found, (self.reply, self.messages)
        return found.group(1)


class Trace:
    """What otf2-print, OTF2's own tool, says of an experiment."""

    def __init__(self, experiment: str) -> None:
        done = subprocess.run(
            ["otf2-print", os.path.join(experiment, "traces.otf2")], capture_output=True, text=True, check=True
        )
        assert not done.stderr, done.stderr
        self.text = done.stdout
        self.stacks: Dict[str, List[str]] = {}
        self.enters: Dict[str, int] = {}
        self.leaves: Dict[str, int] = {}
        for kind, location, region in re.findall(r'^(ENTER|LEAVE) +(\d+) .*?Region: "(.*?)" <\d+>$', done.stdout, re.M):
            stack = self.stacks.setdefault(location, [])
            if kind == "ENTER":
                stack.append(region)
                self.enters[region] = self.enters.get(region, 0) + 1
            else:
                assert stack and stack.pop() == region, f"{region} is left where it was not entered last"
                self.leaves[region] = self.leaves.get(region, 0) + 1
        assert not any(self.stacks.values()), f"still open at the end: {self.stacks}"
        assert self.enters == self.leaves

    def calls(self, function: str) -> int:
        return self.enters.get("__main__:" + function, 0)

    def calls_of_method(self, owner: str, method: str) -> int:
        """Before Python 3.11, code does not know its qualified name."""
        return self.enters.get(f"__main__.{owner}:{method}", 0) or self.calls(method)


class KernelCase(unittest.TestCase):
    """A test class with a kernel of its own; self.run_cell and self.kc speak to it."""

    kernel_arguments: List[str] = []  # of the kernel's command line, beside those of its kernelspec
    environment: Dict[str, str] = {}
    patience: float = PATIENCE

    @classmethod
    def setUpClass(cls) -> None:
        from jupyter_client.manager import KernelManager

        cls.directory = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-test-"))
        cls.work = os.path.join(cls.directory, "notebooks")
        os.mkdir(cls.work)
        program = os.path.join(TREE, "bin", "scorepkernel")
        if not os.path.exists(program):
            raise unittest.SkipTest(f"{program} has not been built")
        subprocess.run(
            [program, "install", "--prefix", cls.directory, "--python", PYTHON], check=True, stdout=subprocess.DEVNULL
        )
        cls.km = KernelManager(kernel_name="scorep-python")
        cls.km.kernel_spec_manager.kernel_dirs = [os.path.join(cls.directory, "share", "jupyter", "kernels")]
        cls.log = open(os.path.join(cls.directory, "log"), "w+")
        cls.km.start_kernel(
            cwd=cls.work, env=cls.kernel_environment(), stderr=cls.log, extra_arguments=cls.kernel_arguments
        )
        cls.kc = cls.km.blocking_client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(timeout=PATIENCE)
        cls.patience = PATIENCE

    @classmethod
    def kernel_environment(cls) -> Dict[str, str]:
        beginning = {"IPYTHONDIR": os.path.join(cls.directory, "ipython"), **cls.environment, **SANITIZER}
        return {name: value for name, value in {**os.environ, **beginning}.items() if name != "SCOREP_EXPERIMENT_DIRECTORY"}

    @classmethod
    def tearDownClass(cls) -> None:
        cls.kc.stop_channels()
        if cls.km.has_kernel:
            cls.km.shutdown_kernel(now=not cls.km.is_alive())
        cls.log.seek(0)
        log = cls.log.read()
        cls.log.close()
        shutil.rmtree(cls.directory, ignore_errors=True)
        assert "ERROR: " not in log and "runtime error" not in log, log

    def next_message(self, channel: str) -> dict:
        """A kernel that has not answered once is not waited for again: its other tests fail soon, and the report comes."""
        try:
            return getattr(self.kc, f"get_{channel}_msg")(timeout=self.patience)
        except queue.Empty:
            type(self).patience = 1
            raise

    def outputs_of(self, request: str, until_idle: bool = True) -> List[dict]:
        """What a request published."""
        messages: List[dict] = []
        while True:
            message = self.next_message("iopub")
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle" and until_idle:
                    return messages
                continue
            messages.append(message)

    def reply_of(self, request: str) -> dict:
        while True:
            message = self.next_message("shell")
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def run_cell(self, code: str, **options: Any) -> Outcome:
        options.setdefault("allow_stdin", False)
        request = self.kc.execute(code, **options)
        messages = self.outputs_of(request)
        return Outcome(self.reply_of(request), messages)

    def wait_for_text(self, request: str, text: str) -> dict:
        """The stream message of a running cell that holds the text."""
        while True:
            message = self.next_message("iopub")
            if message["parent_header"].get("msg_id") == request and message["msg_type"] == "stream":
                if text in message["content"]["text"]:
                    return message

    def ok(self, code: str, **options: Any) -> Outcome:
        outcome = self.run_cell(code, **options)
        self.assertEqual(outcome.reply["status"], "ok", outcome.reply)
        return outcome

    def fails(self, code: str, name: str, **options: Any) -> Outcome:
        outcome = self.run_cell(code, **options)
        self.assertEqual((outcome.reply["status"], outcome.reply.get("ename")), ("error", name), outcome.reply)
        return outcome

    def value(self, code: str) -> Any:
        """What an ordinary cell says that an expression is."""
        return eval(self.ok(code).result or "")

    def begin(self, code: str) -> str:
        """A cell that runs when this returns; it says "on"."""
        request = self.kc.execute(code, allow_stdin=False)
        self.wait_for_text(request, "on\n")
        return request

    def end(self, request: str) -> dict:
        self.outputs_of(request)
        return self.reply_of(request)


class EachItsKernel:
    """First among a test class's bases: each test has a kernel of its own, and may end it."""

    @classmethod
    def setUpClass(cls) -> None:
        """Not here: in setUp."""

    @classmethod
    def tearDownClass(cls) -> None:
        """Not here: after each test."""

    def setUp(self) -> None:
        kernel = super(EachItsKernel, type(self))
        kernel.setUpClass()
        self.addCleanup(kernel.tearDownClass)
        super().setUp()
