#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure the kernel beside ipykernel, in one run, with one client: what `make bench` prints.

The two kernels take turns, so that both see the same machine. What counts is the ratio of the medians; an absolute
time says as much about the machine as about the kernel. Nothing here passes or fails by a time; a wrong result does.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable, Dict, List, Optional, Tuple

from jupyter_client.manager import KernelManager

OURS, THEIRS = "scorep-python", "python3"
MEASURED = """%%execute_with_scorep --no-guard
for _ in range(1000):
    called()"""
ORDINARY = MEASURED.split("\n", 1)[1]


class Kernel:
    """A running kernel and a client of it."""

    def __init__(self, name: str, directory: str) -> None:
        began = time.perf_counter()
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(cwd=directory)
        self.pid = int(getattr(self.manager.provisioner, "pid", 0))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.kernel_info()
        self.client.get_shell_msg(timeout=60)
        self.info_ms = 1e3 * (time.perf_counter() - began)
        self._await_reply(self.client.execute("1+1", allow_stdin=False))
        self.first_ms = 1e3 * (time.perf_counter() - began)
        self._await_outputs()

    def _await_reply(self, request: str) -> None:
        while self.client.get_shell_msg(timeout=300)["parent_header"].get("msg_id") != request:
            continue

    def _await_outputs(self) -> None:
        """A subscription may arrive later than the first requests: ask until an output is heard."""
        heard = False
        while not heard:
            self._await_reply(self.client.kernel_info())
            try:
                self.client.get_iopub_msg(timeout=0.3)
                heard = True
            except queue.Empty:
                continue

    def run(self, code: str) -> Tuple[float, List[dict]]:
        """Run a cell; the milliseconds until it is idle again, and its outputs."""
        began = time.perf_counter()
        request = self.client.execute(code, allow_stdin=False)
        outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=300)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            outputs.append(message)
        self._await_reply(request)
        return 1e3 * (time.perf_counter() - began), outputs

    def complete(self, code: str) -> float:
        """Milliseconds until the completions of code are there."""
        began = time.perf_counter()
        request = self.client.complete(code)
        self._await_reply(request)
        return 1e3 * (time.perf_counter() - began)

    def interrupt(self) -> float:
        """Milliseconds from an interrupt of a busy cell to idle."""
        request = self.client.execute("import time\nprint('on', flush=True)\nwhile True: time.sleep(0.001)")
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream":
                break
        began = time.perf_counter()
        self.manager.interrupt_kernel()
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            same = message["parent_header"].get("msg_id") == request
            if same and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        self._await_reply(request)
        return 1e3 * (time.perf_counter() - began)

    def control_beside(self, code: str) -> float:
        """The longest of the milliseconds that control takes to answer while a request with this code is taken."""
        worst, began = 0.0, time.perf_counter()
        request = self.client.execute(code, silent=True, allow_stdin=False)
        while time.perf_counter() - began < 4:
            asked = time.perf_counter()
            self.client.control_channel.send(self.client.session.msg("kernel_info_request", {}))
            self.client.get_control_msg(timeout=300)
            worst = max(worst, 1e3 * (time.perf_counter() - asked))
        self._await_reply(request)
        return worst

    def stop(self) -> float:
        """Milliseconds until the kernel's process has ended."""
        began = time.perf_counter()
        self.client.shutdown()
        while self.manager.is_alive():
            time.sleep(0.001)
        took = 1e3 * (time.perf_counter() - began)
        self.client.stop_channels()
        self.manager.cleanup_resources()
        return took


def percentile(values: List[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


Rows = List[Tuple[str, Optional[float], Optional[float]]]


def both(rows: Rows, what: str, found: Dict[str, List[float]], pick: Callable = statistics.median) -> None:
    rows.append((what, pick(found[OURS]), pick(found[THEIRS])))


def check_trace(outputs: List[dict]) -> int:
    """The number of calls that the trace of a measured cell holds, by OTF2's own tool; the experiment is deleted."""
    text = next(m["content"]["data"]["text/plain"] for m in outputs if m["msg_type"] == "display_data")
    found = re.search(r"^Experiment: (.*)$", text, re.M)
    assert found, text
    listing = subprocess.run(
        ["otf2-print", os.path.join(found.group(1), "traces.otf2")], check=True, capture_output=True, text=True
    )
    assert not listing.stderr, listing.stderr
    enters = len(re.findall(r'^ENTER .*Region: "__main__:called"', listing.stdout, re.M))
    leaves = len(re.findall(r'^LEAVE .*Region: "__main__:called"', listing.stdout, re.M))
    assert enters == leaves == 1000, (enters, leaves)
    shutil.rmtree(found.group(1))
    return enters


def measured_cells(kernel: Kernel, count: int) -> Tuple[List[float], List[float]]:
    """Ordinary and measured cells of 1,000 calls in turn; every trace is verified."""
    kernel.run("def called(): pass")
    ordinary, measured = [], []
    for _ in range(count):
        ordinary.append(kernel.run(ORDINARY)[0])
        took, outputs = kernel.run(MEASURED)
        check_trace(outputs)
        measured.append(took)
    return ordinary[1:], measured[1:]


def starts(rows: Rows, directory: str, count: int) -> None:
    info: Dict[str, List[float]] = {OURS: [], THEIRS: []}
    first: Dict[str, List[float]] = {OURS: [], THEIRS: []}
    stop: Dict[str, List[float]] = {OURS: [], THEIRS: []}
    for _ in range(count):
        for name in (OURS, THEIRS):
            kernel = Kernel(name, directory)
            info[name].append(kernel.info_ms)
            first[name].append(kernel.first_ms)
            stop[name].append(kernel.stop())
    both(rows, "start to kernel_info_reply, ms", info)
    both(rows, "start to the reply of 1+1, ms", first)
    both(rows, "shutdown to the end of the process, ms", stop)


def steady(rows: Rows, kernels: Dict[str, Kernel], count: int) -> None:
    def series(code: str, repeat: int) -> Dict[str, List[float]]:
        found: Dict[str, List[float]] = {OURS: [], THEIRS: []}
        for _ in range(repeat):
            for name, kernel in kernels.items():
                found[name].append(kernel.run(code)[0])
        return found

    passes = series("pass", count)
    both(rows, f"pass, ms, median of {count}", passes)
    both(rows, f"pass, ms, 99th percentile of {count}", passes, lambda values: percentile(values, 99))
    both(rows, "1+1 with its result, ms", series("1+1", count // 2))
    both(rows, "a cell that raises, ms", series("1/0", 20))
    both(rows, "completion of impo, ms", {n: [k.complete("impo") for _ in range(9)] for n, k in kernels.items()})
    both(rows, "interrupt of a busy cell to idle, ms", {n: [k.interrupt() for _ in range(5)] for n, k in kernels.items()})
    lines: Dict[str, List[float]] = {OURS: [], THEIRS: []}
    for _ in range(5):
        for name, kernel in kernels.items():
            took, outputs = kernel.run("for i in range(100000): print('line', i)")
            text = "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream")
            assert text == "".join(f"line {i}\n" for i in range(100000)), f"{name} lost text"
            lines[name].append(took)
    both(rows, "100,000 printed lines, all of them shown, ms", lines)


def large_output(rows: Rows, kernels: Dict[str, Kernel]) -> None:
    """A hundred lines of a megabyte: how long, and how far the kernel's own process grows."""
    took: Dict[str, List[float]] = {OURS: [], THEIRS: []}
    for _ in range(3):
        for name, kernel in kernels.items():
            milliseconds, outputs = kernel.run("for i in range(100): print('x' * 999999)")
            length = sum(len(m["content"]["text"]) for m in outputs if m["msg_type"] == "stream")
            assert length == 100_000_000, f"{name} lost text"
            took[name].append(milliseconds)
    both(rows, "100 printed lines of 1 MB, ms", took)
    peaks = {name: [peak_mb(kernel.pid)] for name, kernel in kernels.items()}
    both(rows, "the same, peak memory of the process that Jupyter started, MB", peaks)


def large_requests(rows: Rows, kernels: Dict[str, Kernel]) -> None:
    """A cell that holds 50 MB of data."""
    lines = "\n".join("\u00e9" * 12 for _ in range(2 << 20))
    for what, data in (("of ASCII", "x" * (50 << 20)), ("of short lines", lines)):
        code = f"data = '''{data}'''"
        waits = {name: [kernel.control_beside(code) for _ in range(3)] for name, kernel in kernels.items()}
        both(rows, f"control, at worst, beside a request {what}, 50 MB, ms", waits)


def peak_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def show(rows: Rows) -> None:
    print(f"| {'':61} | {'scorepkernel':>12} | {'ipykernel':>9} | {'ratio':>5} |")
    print(f"|{'-' * 63}|{'-' * 13}:|{'-' * 10}:|{'-' * 6}:|")
    for what, ours, theirs in rows:
        cells = [(f"{value:.0f}" if value >= 1000 else f"{value:.3g}") if value is not None else "" for value in (ours, theirs)]
        ratio = f"{ours / theirs:.2f}" if ours is not None and theirs else ""
        print(f"| {what:61} | {cells[0]:>12} | {cells[1]:>9} | {ratio:>5} |")


def main() -> int:
    import with_samples  # they need what stands above
    import with_scorep

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", help="the build's tree")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    tree = os.path.abspath(arguments.tree)
    install = [os.path.join(tree, "bin", "scorepkernel"), "install", "--prefix", tree, "--python", sys.executable]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    os.environ["JUPYTER_PATH"] = os.path.join(tree, "share", "jupyter") + ":/usr/share/jupyter"
    os.environ.pop("SCOREP_EXPERIMENT_DIRECTORY", None)
    rows: Rows = []
    with tempfile.TemporaryDirectory() as directory:
        starts(rows, directory, 3 if arguments.quick else 11)
        kernels = {name: Kernel(name, directory) for name in (OURS, THEIRS)}
        steady(rows, kernels, 50 if arguments.quick else 500)
        large_output(rows, kernels)
        large_requests(rows, kernels)
        kernels[OURS].run("%env SCOREPKERNEL_MEASUREMENT=built-in")
        ordinary, measured = measured_cells(kernels[OURS], 10 if arguments.quick else 60)
        rows.append(("an ordinary cell of 1,000 calls, ms", statistics.median(ordinary), None))
        rows.append(("the same by the built-in tracer, trace verified, ms", statistics.median(measured), None))
        beyond = statistics.median(measured) - statistics.median(ordinary)
        rows.append(("measured beyond ordinary (medians), ms", beyond, None))
        for kernel in kernels.values():
            kernel.stop()
        show(rows)
        with_scorep.show(directory, arguments.quick)
        with_samples.show(directory, arguments.quick, tree)
    return 0


if __name__ == "__main__":
    sys.exit(main())
