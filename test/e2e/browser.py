# SPDX-License-Identifier: BSD-3-Clause
"""A Chromium without a window, driven through the DevTools protocol. Its messages cross two pipes, each ended by a null
byte: no port is opened, and the browser ends when the pipes close, however the test ends."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from typing import Any, List, Optional

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 120  # seconds; JupyterLab loads slowly on a machine that does other things, too

# The shell puts the pipes where --remote-debugging-pipe expects them.
MOVED = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null'
OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-component-update",
    "--disable-background-networking",
    # nbconvert's pages name scripts of other hosts; what they look like is not to depend on a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_browser() -> Optional[str]:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """Owns the browser's processes and its files, which lie in the directory that it is given."""

    def __init__(self, program: str, directory: str) -> None:
        options = [*OPTIONS, f"--user-data-dir={os.path.join(directory, 'profile')}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # which Chromium does not have for root
        self.log = open(os.path.join(directory, "browser.log"), "w+")
        self.process = subprocess.Popen(
            ["sh", "-c", MOVED, "sh", program, *options, "about:blank"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "HOME": directory, "TMPDIR": directory, "XDG_CONFIG_HOME": directory},
            start_new_session=True,
        )
        assert self.process.stdin and self.process.stdout
        self.commands, self.answers = self.process.stdin.fileno(), self.process.stdout.fileno()
        self.received = b""
        self.events: List[dict] = []
        self.last = 0

    def call(self, method: str, session: Optional[str] = None, **parameters: Any) -> dict:
        """What the browser answers; events that come before it are kept."""
        self.last += 1
        command = {"id": self.last, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        rest = json.dumps(command).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.commands, rest) :]
        while True:
            message = self._next(method)
            if message.get("id") != self.last:
                self.events.append(message)
            elif "error" in message:
                raise AssertionError(f"{method}: {message['error']}")
            else:
                return message["result"]

    def wait_for(self, event: str, session: str) -> None:
        """Until the event has come since it was waited for last."""
        while not any((m.get("method"), m.get("sessionId")) == (event, session) for m in self.events):
            self.events.append(self._next(event))
        self.events.clear()

    def _next(self, awaited: str) -> dict:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.received:
            readable, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            if not readable:
                raise AssertionError(f"not within {PATIENCE} s from the browser: {awaited}")
            some = os.read(self.answers, 1 << 20)
            if not some:
                self.log.seek(0)
                raise AssertionError(f"the browser has ended before {awaited}: {self.log.read()}")
            self.received += some
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def open_page(self, width: int, height: int) -> Page:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, target, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        page.resize(width, height)
        return page

    def close(self) -> None:
        """Ends all of its processes: those that do not end by themselves are in its process group."""
        try:
            self.call("Browser.close")
            self.process.wait(PATIENCE)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            pass  # it is ended in the other way
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.communicate()
        self.log.close()


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict:
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def go_to(self, address: str) -> None:
        self.browser.events.clear()
        answer = self.call("Page.navigate", url=address)
        assert "errorText" not in answer, answer
        self.browser.wait_for("Page.loadEventFired", self.session)

    def value(self, expression: str) -> Any:
        """Of an expression of JavaScript; of a promise, what it is kept with."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def picture(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)
