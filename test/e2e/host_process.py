# SPDX-License-Identifier: BSD-3-Clause
"""A host process with the echo plugin and a real Jupyter client of it, for test_host.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from typing import Any, Dict, List, Optional

from processes import PATIENCE

TREE = os.path.abspath(os.environ.get("SPK_TREE", "build/release/tree"))
HOST = os.path.join(TREE, "bin", "scorepkernel")
ECHO = os.path.abspath(os.environ.get("SPK_ECHO_PLUGIN", os.path.join(TREE, "..", "test", "abi", "echo_plugin.so")))


class HostCase(unittest.TestCase):
    """A directory of its own; what a test starts is ended after it, and its log looked through."""

    def setUp(self) -> None:
        for path in (HOST, ECHO):
            if not os.path.exists(path):
                self.skipTest(f"{path} has not been built")
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="spk-host-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.log_path = os.path.join(self.directory, "log")

    def log(self) -> str:
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """A run of the program that ends by itself."""
        done = subprocess.run(
            [HOST, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.directory,
            env={**os.environ, **environment},
        )
        self.assertNotIn("ERROR: ", done.stderr)
        self.assertNotIn("runtime error", done.stderr)
        return done


class KernelCase(HostCase):
    transport = "tcp"
    key = b"a key of these tests"
    environment: Dict[str, str] = {}

    def setUp(self) -> None:
        super().setUp()
        from jupyter_client.connect import write_connection_file

        self.connection_file = os.path.join(self.directory, "kernel.json")
        ip = "127.0.0.1" if self.transport == "tcp" else os.path.join(self.directory, "channel")
        _, self.connection = write_connection_file(self.connection_file, ip=ip, transport=self.transport, key=self.key)
        self.host = self.start()
        self.kc = self.connect()

    def start(self, **environment: str) -> subprocess.Popen:
        with open(self.log_path, "a") as log:
            host = subprocess.Popen(
                [HOST, "-f", self.connection_file, "--plugin", ECHO],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={**os.environ, **self.environment, **environment},
            )
        self.addCleanup(self.finish, host)
        return host

    def finish(self, host: subprocess.Popen) -> None:
        if host.poll() is None:
            host.send_signal(signal.SIGTERM)
            try:
                host.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                host.kill()
                host.wait()
                self.fail("the host did not end on SIGTERM: " + self.log())
        self.assertNotIn("ERROR: ", self.log())
        self.assertNotIn("runtime error", self.log())

    def connect(self) -> Any:
        from jupyter_client import BlockingKernelClient

        kc = BlockingKernelClient(connection_file=self.connection_file)
        kc.load_connection_file()
        kc.start_channels()
        self.addCleanup(kc.stop_channels)
        kc.wait_for_ready(timeout=PATIENCE)
        return kc

    # --- speaking --------------------------------------------------------------------------------------

    def send(self, kind: str, content: Any, channel: str = "shell", **options: Any) -> str:
        message = self.kc.session.msg(kind, parent=options.pop("parent", None), metadata=options.pop("metadata", None))
        # What is no object a Session sends only as it is.
        message["content"] = content if isinstance(content, dict) else json.dumps(content).encode()
        self.kc.session.send(getattr(self.kc, channel + "_channel").socket, message, **options)
        return message["header"]["msg_id"]

    def cell(self, code: str, **options: Any) -> str:
        options.setdefault("allow_stdin", True)
        return self.kc.execute(code, **options)

    def reply(self, request: Optional[str] = None, channel: str = "shell") -> dict:
        """The next reply, which must be to that request."""
        message = getattr(self.kc, f"get_{channel}_msg")(timeout=PATIENCE)
        if request:
            self.assertEqual(message["parent_header"]["msg_id"], request, message)
        return message

    def published(self, request: str) -> List[dict]:
        """What is published up to the request's idle, of whatever parent."""
        messages: List[dict] = []
        while True:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            messages.append(message)
            if message["parent_header"].get("msg_id") == request and message["content"] == {"execution_state": "idle"}:
                return messages

    def outputs(self, request: str) -> List[tuple]:
        """Type and content of what the request published between busy and idle, which must enclose it."""
        own = [m for m in self.published(request) if m["parent_header"].get("msg_id") == request]
        self.assertEqual(own[0]["content"], {"execution_state": "busy"})
        return [(m["msg_type"], m["content"]) for m in own[1:-1]]

    def until_stream(self, text: str) -> dict:
        while True:
            message = self.kc.get_iopub_msg(timeout=PATIENCE)
            if message["msg_type"] == "stream" and text in message["content"]["text"]:
                return message

    def control(self, kind: str, content: Optional[dict] = None) -> dict:
        return self.reply(self.send(kind, content or {}, "control"), "control")

    def arrived(self) -> None:
        """What was sent on other channels has reached the host when this returns: all share its one I/O thread."""
        for _ in range(3):
            self.control("kernel_info_request")

    def result(self, code: str, **options: Any) -> Any:
        """The result of a cell that must have one."""
        request = self.cell(code, **options)
        self.assertEqual(self.reply(request)["content"]["status"], "ok")
        return dict(self.outputs(request))["execute_result"]["data"]["echo"]

    def works(self) -> None:
        self.assertEqual(self.result("result on"), "on")


def connection_with(path: str, **members: Any) -> str:
    """A connection file with those members instead of the usual ones; None: without that member."""
    content = {"transport": "tcp", "ip": "127.0.0.1", "key": "k", "signature_scheme": "hmac-sha256"}
    content.update({name + "_port": 0 for name in ("shell", "control", "stdin", "iopub", "hb")})  # type: ignore[misc]
    content.update(members)
    with open(path, "w") as file:
        json.dump({name: value for name, value in content.items() if value is not None}, file)
    return path
