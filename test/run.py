#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run tests and sum up: programs (exit 0, 1, or 77 for "skipped", with the reason as last line of output) and
Python unittest files. Each in a process of its own, which must not be silent for too long; one more at a time than there
are processors, as they wait a lot, but one that has the line "# runs alone" by itself. One with the line "# not sanitized"
gives a sanitizer nothing to look at that other tests do not, and is skipped there. The last line counts what passed.

Under a sanitizer, a Python file that fails is run a second time, and both outcomes are shown: GCC's AddressSanitizer does not
hold its allocator's locks across fork, so a child of a process with threads may wait for one of them for ever."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import List, Tuple

CASE = re.compile(r"^(test\w+|setUp\w+) \((.+?)\)(?:\n.*?|.*?)\.\.\. (ok|FAIL|ERROR|expected failure|skipped ['\"](.*)['\"])$", re.M)
RAN = re.compile(r"^Ran (\d+) tests? in", re.M)
SUCCESS = re.compile(r"^test\w+ \(.+?\)(?:\n.*?|.*?)\.\.\. ok\n", re.M)
TOTALS = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.M)


@dataclass
class Summary:
    passed: int = 0
    failed: List[str] = field(default_factory=list)
    skipped: List[Tuple[str, str]] = field(default_factory=list)
    said: List[str] = field(default_factory=list)  # to be shown, when the test has ended

    def say(self, text: str) -> None:
        self.said.append(text)

    def add(self, other: Summary) -> None:
        """Sum up, and show it."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        print("\n".join(other.said), flush=True)


def run(command: List[str], limit: float) -> Tuple[int, str]:
    """The exit status (-1: it said nothing for too long) and the output of a command, in a process group of its own."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        status = _wait_while_it_speaks(process, output.fileno(), limit)
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def _wait_while_it_speaks(process: subprocess.Popen, output: int, limit: float) -> int:
    said, since = 0, time.monotonic()
    end = since + 10 * limit  # of one that says something for ever
    while time.monotonic() < min(since + limit, end):
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            if os.fstat(output).st_size > said:
                said, since = os.fstat(output).st_size, time.monotonic()
    os.killpg(process.pid, signal.SIGABRT)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return -1


def run_program(path: str, limit: float, summary: Summary) -> None:
    name = os.path.relpath(path)
    status, output = run([os.path.abspath(path)], limit)
    if status == 0:
        summary.passed += 1
        summary.say(f"  ok       {name}")
    elif status == 77:
        reason = output.strip().splitlines()[-1] if output.strip() else "no reason given"
        summary.skipped.append((name, reason))
        summary.say(f"  skipped  {name}: {reason}")
    else:
        summary.failed.append(name)
        summary.say(f"  FAILED   {name} ({'out of time' if status == -1 else f'exit {status}'})\n{output}")


def run_unittests(path: str, limit: float, summary: Summary) -> None:
    name = os.path.relpath(path)
    # By discovery: by its path, the file would be sought in Python's own package "test".
    where, file = os.path.split(path)
    found = ["-m", "unittest", "discover", "-v", "-s", where or ".", "-p", file]
    options = ["-X", "faulthandler", "-W", "ignore::ResourceWarning"]  # out of time, it says where
    began = time.monotonic()
    status, output = run([sys.executable, *options, *found], limit)
    ran = RAN.search(output)
    totals = TOTALS.search(output[ran.end() :]) if ran else None
    if not ran or not totals:
        summary.failed.append(name)
        summary.say(f"  FAILED   {name} ({'out of time' if status == -1 else f'exit {status}'})\n{SUCCESS.sub('', output)}")
        return
    counts = dict(re.findall(r"(\w+)=(\d+)", totals.group(1) or ""))
    failed, skipped = sum(int(counts.get(key, 0)) for key in ("failures", "errors")), int(counts.get("skipped", 0))
    summary.passed += max(0, int(ran.group(1)) - failed - skipped)
    cases = [case.groups() for case in CASE.finditer(output)]
    reasons = [(where if test.startswith("setUp") else test, why) for test, where, _, why in cases if why]
    reasons += [("?", "see the output")] * (skipped - len(reasons))
    summary.skipped += [(f"{name}:{case}", reason) for case, reason in reasons]
    summary.failed += [name] * failed
    seconds = time.monotonic() - began
    summary.say(f"  {'FAILED ' if status else 'ok     '}  {name} ({ran.group(1)} tests, {skipped} skipped, {seconds:.0f} s)")
    for case, reason in reasons:
        summary.say(f"  skipped  {name}:{case}: {reason}")
    if status:
        summary.say(SUCCESS.sub("", output))


def run_one(path: str, limit: float) -> Summary:
    summary = Summary()
    if os.environ.get("SPK_SANITIZE") and has_line(path, "# not sanitized"):
        reason = "a sanitizer sees nothing in it that it does not see in other tests"
        summary.skipped.append((os.path.relpath(path), reason))
        summary.say(f"  skipped  {os.path.relpath(path)}: {reason}")
        return summary
    (run_unittests if path.endswith(".py") else run_program)(path, limit, summary)
    if summary.failed and path.endswith(".py") and os.environ.get("SPK_SANITIZE"):
        again = Summary(said=[*summary.said, f"  again    {os.path.relpath(path)}"])
        run_unittests(path, limit, again)
        return again
    return summary


def has_line(path: str, line: str) -> bool:
    """Whether a Python test says that of itself."""
    if not path.endswith(".py"):
        return False
    with open(path, encoding="utf-8") as file:
        return f"\n{line}" in file.read()


def run_all(paths: List[str], jobs: int, limit: float) -> Summary:
    summary = Summary()
    # Those that look at what all of the machine does.
    alone = [path for path in paths if has_line(path, "# runs alone")]
    # Those with kernels take longest: begun first, none of them is left over at the end.
    together = sorted((path for path in paths if path not in alone), key=lambda path: "/e2e/" not in path)
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(lambda path: run_one(path, limit), together):
            summary.add(found)
    for path in alone:
        summary.add(run_one(path, limit))
    return summary


def left_behind(tree: str) -> List[str]:
    """Our processes that still run: the tests have ended them, or a test is at fault."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
            program = os.readlink(f"/proc/{entry}/exe")
        except OSError:
            continue
        if program.startswith(tree) or any(word.startswith(tree + "/lib/scorepkernel/worker") for word in words[1:]):
            found.append(f"{entry} {' '.join(word[:60] for word in words)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", required=True, help="the build's tree, whose processes must be gone at the end")
    parser.add_argument("--limit", type=float, default=600, help="seconds for which a test file may say nothing")
    jobs = len(os.sched_getaffinity(0)) + 1
    parser.add_argument("--jobs", type=int, default=jobs, help="so many tests at a time (one more than processors)")
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()
    tree = os.path.abspath(arguments.tree)
    os.environ["SPK_TREE"] = tree
    began = time.monotonic()
    summary = run_all(arguments.tests, arguments.jobs, arguments.limit)
    patience = time.monotonic() + 5
    while left_behind(tree) and time.monotonic() < patience:
        time.sleep(0.1)
    for process in left_behind(tree):
        summary.failed.append(f"left behind: {process}")
    print(f"\n{time.monotonic() - began:.0f} s")
    for name, reason in summary.skipped:
        print(f"skipped: {name}: {reason}")
    for name in summary.failed:
        print(f"failed: {name}")
    print(f"{summary.passed} passed, {len(summary.failed)} failed, {len(summary.skipped)} skipped")
    return 1 if summary.failed or not summary.passed else 0


if __name__ == "__main__":
    sys.exit(main())
