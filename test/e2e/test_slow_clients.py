#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Clients that read more slowly than a cell prints, or not at all: the cell waits, and the kernel does not grow."""

from __future__ import annotations

import os
import unittest
from typing import Any

import zmq
from jupyter_client.session import Session
from kernel import SANITIZER, EachItsKernel, KernelCase
from processes import alive, until

LIMIT_MB = 16
GROWTH_MB = 48  # the limit, what an interrupt adds to it, and what is in work
LINE = 999
LINES = 500_000  # 500 MB
FLOOD = f"for i in range({LINES}): print(f'{{i:0{LINE}}}')"


def expected(length: int) -> str:
    """The beginning of what FLOOD prints."""
    return "".join(f"{i:0{LINE}}\n" for i in range(length // (LINE + 1) + 1))[:length]


class SlowClients(EachItsKernel, KernelCase):
    environment = {"SCOREPKERNEL_OUTPUT_LIMIT": f"{LIMIT_MB}M"}

    def setUp(self) -> None:
        super().setUp()
        self.ok("pass")
        self.before_mb = self.memory_mb()

    @property
    def pid(self) -> int:
        return self.km.provisioner.process.pid

    def memory_mb(self, which: str = "VmRSS") -> float:
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(which)) / 1024

    def kernel_log(self) -> str:
        with open(os.path.join(self.directory, "log"), errors="replace") as log:
            return log.read()

    def subscriber(self) -> Any:
        """One that reads what it is asked to, and keeps hardly anything in its queue."""
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        subscriber = context.socket(zmq.SUB)
        subscriber.set(zmq.RCVHWM, 1)
        subscriber.set(zmq.SUBSCRIBE, b"")
        subscriber.connect(f"tcp://127.0.0.1:{self.kc.get_connection_info()['iopub_port']}")
        while not subscriber.poll(10):
            self.ok("pass")
        self.addCleanup(subscriber.close, 0)
        return subscriber

    def held(self) -> None:
        until(lambda: "Output is held back" in self.kernel_log(), "the log says that output is held back")

    def text_of(self, request: str, name: str = "stdout") -> str:
        messages = self.outputs_of(request)
        return "".join(m["content"]["text"] for m in messages if m["content"].get("name") == name)

    def interrupted(self, request: str) -> None:
        self.km.interrupt_kernel()
        reply = self.reply_of(request)
        self.assertEqual((reply["status"], reply.get("ename")), ("error", "KeyboardInterrupt"))

    def does_not_grow(self) -> None:
        if not SANITIZER:  # which keeps memory that has been given back for a while
            self.assertLess(self.memory_mb("VmHWM"), self.before_mb + GROWTH_MB)

    def gives_back(self) -> None:
        if not SANITIZER:
            until(lambda: self.memory_mb() < self.before_mb + 4, "the memory has been given back")

    def test_one_that_never_reads(self) -> None:
        subscriber = self.subscriber()
        request = self.kc.execute(FLOOD, allow_stdin=False)
        self.held()
        until(lambda: "No client has taken any output" in self.kernel_log(), "the log says that nothing moves")
        self.kc.kernel_info()
        self.interrupted(request)
        seen = self.outputs_of(request)
        text = "".join(m["content"]["text"] for m in seen if m["content"].get("name") == "stdout")
        self.assertGreater(len(text), LIMIT_MB << 19)
        self.assertEqual(text, expected(len(text)))
        said = "".join(m["content"]["text"] for m in seen if m["content"].get("name") == "stderr")
        self.assertIn("The kernel holds this output back", said)
        # Small cells go on with it.
        self.assertEqual(self.ok("print('on')").text(), "on\n")
        self.does_not_grow()
        subscriber.close(0)
        self.gives_back()
        until(lambda: "Output is not held back any more" in self.kernel_log(), "the log says that all has been taken")

    def test_one_that_reads_late_gets_everything(self) -> None:
        subscriber = self.subscriber()
        request = self.kc.execute(FLOOD.replace(str(LINES), "100_000"), allow_stdin=False)
        self.held()
        session, text = Session(key=self.kc.session.key), ""
        while len(text) < 100_000 * (LINE + 1):
            message = session.deserialize(session.feed_identities(subscriber.recv_multipart())[1])
            text += message["content"]["text"] if message["msg_type"] == "stream" else ""
        self.assertEqual(text, expected(100_000 * (LINE + 1)))
        self.assertEqual(self.text_of(request), text)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.does_not_grow()
        self.gives_back()

    def test_one_print_of_much(self) -> None:
        self.subscriber()
        request = self.kc.execute("print('\u00e9' * 50_000_000)", allow_stdin=False)
        self.held()
        self.interrupted(request)
        self.assertEqual(self.text_of(request).strip("\u00e9"), "")
        self.does_not_grow()

    def test_displays(self) -> None:
        self.subscriber()
        show = "while True: display({'text/plain': 'x' * 1_000_000}, raw=True)"
        request = self.kc.execute(show, allow_stdin=False)
        self.held()
        self.interrupted(request)
        self.does_not_grow()

    def test_programs(self) -> None:
        self.subscriber()
        request = self.kc.execute("import subprocess; subprocess.run(['yes'])", allow_stdin=False)
        self.held()
        self.interrupted(request)
        self.does_not_grow()

    def test_requests_alone_hold_nothing_back(self) -> None:
        """Their status messages name the request, and wait for ever for a client that does not read."""
        self.subscriber()
        session = Session(key=self.kc.session.key, username="u" * 8000)
        request = self.kc.execute("import time; time.sleep(1); print('on')", allow_stdin=False)
        for _ in range(6000):  # about 96 MB of status messages
            self.kc.control_channel.send(session.msg("kernel_info_request", {}))
            self.kc.get_control_msg(timeout=60)
        self.assertEqual(self.reply_of(request)["status"], "ok")
        self.assertEqual(self.ok("print('on')").text(), "on\n")
        self.assertNotIn("Output is held back", self.kernel_log())
        self.assertIn("status messages of requests on control are dropped", self.kernel_log())

    def test_shutdown(self) -> None:
        self.subscriber()
        self.kc.execute(FLOOD, allow_stdin=False)
        self.held()
        pid = self.pid
        self.km.shutdown_kernel()
        self.assertFalse(alive(pid))
        self.assertNotIn("could not be ended", self.kernel_log())


if __name__ == "__main__":
    unittest.main()
