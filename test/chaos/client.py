# SPDX-License-Identifier: BSD-3-Clause
"""A kernel of the chaos test, and a real Jupyter client of it, which is never taken by surprise: whatever comes is kept,
and whatever it waits for may be a dead kernel."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional

import machine

PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
_SANITIZER = {"LD_PRELOAD": os.environ["SPK_PRELOAD"]} if os.environ.get("SPK_PRELOAD") else {}
TREE = os.path.abspath(os.environ.get("SPK_TREE", os.path.join(os.path.dirname(__file__), "../../build/release/tree")))
START = 60.0  # seconds


class Silent(Exception):
    """Something did not come in time."""


class Dead(Exception):
    """The host has ended."""


class Kernel:
    """One host and what belongs to it."""

    def __init__(self, mark: str, system: str) -> None:
        from jupyter_client.manager import KernelManager

        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="scorepkernel-chaos-"))
        self.work, self.temporary = (os.path.join(self.directory, name) for name in ("notebooks", "tmp"))
        for path in (self.work, self.temporary):
            os.mkdir(path)
        program = os.path.join(TREE, "bin", "scorepkernel")
        install = [program, "install", "--prefix", self.directory, "--python", PYTHON]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        self.km = KernelManager(kernel_name="scorep-python")
        self.km.kernel_spec_manager.kernel_dirs = [os.path.join(self.directory, "share", "jupyter", "kernels")]
        own = {machine.MARK: mark, "TMPDIR": self.temporary, "IPYTHONDIR": os.path.join(self.directory, "ipython")}
        self._environment = {**os.environ, **own, **_SANITIZER, "SCOREPKERNEL_MEASUREMENT": system}
        self._log = open(os.path.join(self.directory, "log"), "w+")
        self.messages: List[dict] = []  # of iopub, since they were last looked at
        self._replies: Dict[str, dict] = {}
        self._idle: set = set()
        self.kc: Any = None
        self.start()

    def start(self) -> None:
        """Start the host."""
        self.km.start_kernel(cwd=self.work, env=self._environment, stderr=self._log)
        self.connect()

    def connect(self) -> None:
        """Have a new client. Silent: the kernel does not answer."""
        self.disconnect()
        self.kc = self.km.blocking_client()
        self.kc.start_channels()
        try:
            self.kc.wait_for_ready(timeout=START)
        except RuntimeError as problem:
            raise Silent(f"the kernel did not start: {problem}") from None

    def disconnect(self) -> None:
        """Have no client."""
        if self.kc is not None:
            self.kc.stop_channels()
            self.kc = None

    @property
    def host(self) -> int:
        """Its process number."""
        return self.km.provisioner.pid

    def is_alive(self) -> bool:
        """Whether the host is there."""
        return self.km.is_alive()

    def log(self) -> str:
        """The host's last lines."""
        self._log.flush()
        with open(self._log.name, errors="replace") as file:
            return file.read()[-4000:]

    # --- speaking --------------------------------------------------------------------------------------

    def pump(self, answer: Optional[Callable[[], str]] = None) -> None:
        """Take what has come, waiting for a moment."""
        for channel in ("iopub", "shell", "control", "stdin"):
            self._take(channel, answer)

    def _take(self, channel: str, answer: Optional[Callable[[], str]]) -> None:
        wait = 0.01 if channel == "iopub" else 0
        while True:
            try:
                message = getattr(self.kc, f"get_{channel}_msg")(timeout=wait)
            except queue.Empty:
                return
            wait = 0
            parent = message["parent_header"].get("msg_id", "")
            if channel == "iopub":
                self.messages.append(message)
                if message["content"].get("execution_state") == "idle":
                    self._idle.add(parent)
            elif channel == "stdin" and answer is not None:
                self.kc.input(answer())
            elif channel != "stdin":
                self._replies[parent] = message["content"]

    def reply(self, request: str, seconds: float, **options: Any) -> dict:
        """The reply to a request, when it is idle, too. Silent, Dead."""
        end = time.monotonic() + seconds
        meanwhile: Callable[[], None] = options.pop("meanwhile", lambda: None)
        while request not in self._replies or request not in self._idle:
            self.pump(options.get("answer"))
            meanwhile()
            if not self.is_alive():
                self.pump()
                if request in self._replies:
                    break
                raise Dead
            if time.monotonic() > end:
                what = "idle" if request in self._replies else "reply"
                raise Silent(f"no {what} within {seconds:.0f} s")
        return self._replies.pop(request)

    def said(self, request: str = "") -> str:
        """What was published of a request, or at all: the texts of outputs and errors."""
        found = []
        for message in self.messages:
            content = message["content"]
            if not request or message["parent_header"].get("msg_id") == request:
                found.append(content.get("text", "") or content.get("evalue", ""))
                found.append(str(content.get("data", {}).get("text/plain", "")))
        return "\n".join(filter(None, found))

    def descriptors(self) -> int:
        """How many the host has."""
        return len(os.listdir(f"/proc/{self.host}/fd"))

    # --- the end ---------------------------------------------------------------------------------------

    def end(self, mark: str) -> List[str]:
        """End it, orderly if it can be; what is left."""
        self.disconnect()
        if self.km.has_kernel:
            self.km.shutdown_kernel(now=not self.km.is_alive())
        left = [f"a process is left: {text}" for text in machine.until_gone(mark, 15)]
        left += [f"a file is left in TMPDIR: {name}" for name in machine.files(self.temporary, set())]
        left += [f"shared memory is left: {name}" for name in machine.shared(mark)]
        log = self.log()
        left += [f"the host's log has: {word}" for word in ("ERROR: ", "runtime error") if word in log]
        self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return left
