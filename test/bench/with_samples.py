# SPDX-License-Identifier: BSD-3-Clause
"""What sampling costs the cell, what tracing costs a call, and how long the report takes: rows of `make bench`."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import List, Tuple

from bench import OURS, Kernel

DEFINITIONS = """
import os, time
try:
    import numpy as np
    vector = np.random.rand(200_000)
except ImportError:
    np = None
def timed(function):
    begin = time.perf_counter()
    function()
    print(time.perf_counter() - begin)
def loop():
    total = 0
    for i in range(6_000_000):
        total += i & 7
def operators():
    for _ in range(400):
        vector * vector + vector
def calls():
    for _ in range(1_000_000):
        empty()
def no_calls():
    for _ in range(1_000_000):
        pass
def empty(): pass
"""
MANY = "\n".join(f"def f{i}(): pass" for i in range(1000)) + "\ndef many():\n" + "\n".join(f"    f{i}()" for i in range(1000))


def _seconds(kernel: Kernel, code: str) -> float:
    """What the code itself measures and prints."""
    _, outputs = kernel.run(code)
    text = "".join(message["content"]["text"] for message in outputs if message["msg_type"] == "stream")
    return float(text.split()[0])


def _sampled(kernel: Kernel, function: str, count: int) -> float:
    """The ratio of the medians of the same measured cell, sampled and not, in turn, each as often the first."""
    found: Tuple[List[float], List[float]] = ([], [])
    for number in range(count):
        turns = list(zip(found, ("on", "off")))
        for times, setting in turns if number % 2 else reversed(turns):
            kernel.run(f"os.environ['SCOREPKERNEL_SAMPLING'] = {setting!r}")
            times.append(_seconds(kernel, f"%%execute_with_scorep --no-guard\ntimed({function})"))
    kernel.run("del os.environ['SCOREPKERNEL_SAMPLING']")
    return statistics.median(found[0]) / statistics.median(found[1])


def _call(kernel: Kernel, is_traced: bool, count: int) -> float:
    """Nanoseconds that a call of an empty function takes longer where the built-in tracer records it."""
    kernel.run(f"os.environ['SCOREP_ENABLE_TRACING'] = {str(is_traced).lower()!r}")
    traced = [_seconds(kernel, "%%execute_with_scorep --no-guard\ntimed(calls)") for _ in range(count)]
    plain = [_seconds(kernel, "timed(calls)") for _ in range(count)]
    return 1e9 * (statistics.median(traced) - statistics.median(plain)) / 1_000_000


def _drawing(kernel: Kernel) -> float:
    """Milliseconds for a report of 1,000 regions, from the request to its display."""
    kernel.run(MANY)
    kernel.run("%%execute_with_scorep --no-guard\nmany()\ntime.sleep(0.1)")
    took = []
    for _ in range(9):
        begin = time.perf_counter()
        kernel.run("%scorep_report --top 1000")
        took.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(took)


READ = """
import sys; sys.path.insert(0, sys.argv.pop(1))
from spk_worker.experiments import trace_process
trace_process.main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(file.read(), file=sys.stderr)
"""


def _ended(command: List[str]) -> Tuple[float, float]:
    """How many seconds a command takes, and the MB that it has resident at most, if it writes its own status to stderr: what
    wait4 says of that begins with what this process had when it forked."""
    begin = time.perf_counter()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    took = time.perf_counter() - begin
    peaks = [int(line.split()[1]) / 1024 for line in ended.stderr.split("\n") if line.startswith("VmHWM:")]
    return took, peaks[0] if peaks else 0


def _reading(kernel: Kernel, calls: int, tree: str) -> List[Tuple[str, str]]:
    """Rows for reading a trace of so many calls, beside OTF2's own tool."""
    kernel.run("os.environ['SCOREP_ENABLE_TRACING'] = 'true'")
    _, outputs = kernel.run(f"%%execute_with_scorep --no-guard\nfor _ in range({calls}):\n    empty()")
    text = next(m["content"]["data"]["text/plain"] for m in outputs if "Experiment: " in str(m["content"]))
    experiment = next(line for line in text.split("\n") if line.startswith("Experiment: "))[len("Experiment: ") :]
    anchor = os.path.join(experiment, "traces.otf2")
    reader = [sys.executable, "-c", READ, os.path.join(tree, "lib", "scorepkernel", "worker"), anchor, "together"]
    size = sum(os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(experiment) for name in names)
    (took, peak_mb), (otf2_took, _) = _ended(reader), _ended(["otf2-print", anchor])
    shutil.rmtree(experiment)
    what = f"the call tree of a trace of {size / 1e9:.2f} GB"
    return [
        (f"{what}, s", f"{took:.1f}"),
        ("the same / otf2-print of it", f"{took / otf2_took:.2f}"),
        ("the same, peak memory, MB", f"{peak_mb:.0f}"),
    ]


def show(directory: str, quick: bool, tree: str) -> None:
    """Measure, and print a table."""
    kernel = Kernel(OURS, directory)
    count = 5 if quick else 15
    kernel.run(DEFINITIONS)
    kernel.run("os.environ['SCOREPKERNEL_MEASUREMENT'] = 'built-in'")
    has_numpy = "True" in str(kernel.run("np is not None")[1])
    rows = [
        ("a loop of Python, sampled / not sampled", f"{_sampled(kernel, 'loop', count):.2f}"),
        (
            "operators on arrays, sampled / not sampled",
            f"{_sampled(kernel, 'operators', count):.2f}" if has_numpy else "not measured: there is no NumPy",
        ),
        ("a call of an empty function by the built-in tracer, ns more", f"{_call(kernel, True, count):.0f}"),
        ("the same without a trace (SCOREP_ENABLE_TRACING=false), ns more", f"{_call(kernel, False, count):.0f}"),
        ("a report of 1,000 regions, from the request to the display, ms", f"{_drawing(kernel):.1f}"),
    ]
    rows += _reading(kernel, 1_000_000 if quick else 42_000_000, tree)
    kernel.stop()
    print(f"\n| {'sampling and the report':63} | {'':>6} |\n|{'-' * 65}|{'-' * 7}:|")
    for what, value in rows:
        print(f"| {what:63} | {value:>6} |")
