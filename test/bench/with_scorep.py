#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a measured cell costs with the real Score-P, beside `python -m scorep` of an empty script in the same run; and
what measuring distorts. Each trace is read back. Part of `make bench`; skipped where there is no Score-P."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, Optional

from bench import ORDINARY, Kernel, check_trace

REFERENCE = "`python -m scorep` of an empty script"
UNGUARDED = "unguarded"
GUARDED = "guarded, with 1 GB of state"
LAUNCHED = "launched"
BUILT_IN = "by the built-in tracer"
# Each prints how long it took, measured inside; the least of three, as the first of them may meet new memory.
DISTORTED = {
    "`a += 1` over 1 GB": "a += 1",
    "`sum` over 5 million floats": "sum(floats)",
}
TIMED = """import time
times = []
for _ in range(3):
    began = time.perf_counter()
    {code}
    times.append(time.perf_counter() - began)
print('seconds', min(times))"""


def options(text: str) -> str:
    return f"%%execute_with_scorep {text}\n{ORDINARY}"


def missing() -> Optional[str]:
    """Why this cannot run."""
    if not shutil.which("scorep-config"):
        return "no scorep-config on PATH"
    if subprocess.run([sys.executable, "-c", "import scorep"], capture_output=True).returncode != 0:
        return f"no Score-P bindings for {sys.executable}"
    if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True).returncode != 0:
        return f"no NumPy for {sys.executable}"
    return None


def empty_script(directory: str) -> float:
    """Milliseconds of what upstream does for each cell, with nothing to measure."""
    path = os.path.join(directory, "empty.py")
    with open(path, "w"):
        pass
    environment = {**os.environ, "SCOREP_EXPERIMENT_DIRECTORY": os.path.join(directory, "empty")}
    environment["SCOREP_ENABLE_TRACING"] = "true"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "scorep", path], check=True, env=environment, cwd=directory)
    took = 1e3 * (time.perf_counter() - began)
    shutil.rmtree(os.path.join(directory, "empty"))
    return took


def cell(kernel: Kernel, code: str) -> float:
    """Milliseconds of a measured cell, whose trace is right."""
    took, outputs = kernel.run(code)
    check_trace(outputs)
    return took


def beyond_ordinary(directory: str, count: int) -> Dict[str, List[float]]:
    """What measuring adds to a cell of 1,000 calls."""
    kernels = {name: Kernel("scorep-python", directory) for name in (UNGUARDED, GUARDED, LAUNCHED, BUILT_IN)}
    for kernel in kernels.values():
        kernel.run("def called(): pass")
    kernels[GUARDED].run("import numpy\na = numpy.ones(1 << 27)")
    kernels[LAUNCHED].run("%%marshalling_settings PROCESS=launch")
    kernels[BUILT_IN].run("%env SCOREPKERNEL_MEASUREMENT=built-in")
    codes = {
        UNGUARDED: options("--no-guard"),
        GUARDED: options("--guard"),
        LAUNCHED: options(""),
        BUILT_IN: options("--no-guard"),
    }
    found: Dict[str, List[float]] = {name: [] for name in (REFERENCE, *kernels)}
    for _ in range(count):
        found[REFERENCE].append(empty_script(directory))
        time.sleep(0.5)  # the next launched cell finds the process that is started for it
        for name, kernel in kernels.items():
            ordinary = kernel.run(ORDINARY)[0]
            found[name].append(cell(kernel, codes[name]) - ordinary)
    for kernel in kernels.values():
        kernel.stop()
    return {name: values[1:] for name, values in found.items()}  # the first one pays for what is made once


def seconds_of(kernel: Kernel, code: str) -> float:
    _, outputs = kernel.run(code)
    text = "".join(m["content"]["text"] for m in outputs if m["msg_type"] == "stream")
    found = re.search(r"seconds (\S+)", text)
    assert found, outputs
    return float(found.group(1))


def distortion(directory: str, count: int) -> Dict[str, float]:
    """The time of code inside a measured cell, as `auto` measures it, to the same code in an ordinary cell."""
    kernel = Kernel("scorep-python", directory)
    kernel.run("import numpy\na = numpy.ones(1 << 27)\nfloats = [float(i) for i in range(5_000_000)]")
    ratios = {}
    for what, code in DISTORTED.items():
        timed = TIMED.format(code=code)
        measured, plain = [], []
        for _ in range(count):
            plain.append(seconds_of(kernel, timed))
            measured.append(seconds_of(kernel, "%%execute_with_scorep\n" + timed))
        ratios[what] = statistics.median(measured) / statistics.median(plain)
    kernel.stop()
    return ratios


def show(directory: str, quick: bool) -> None:
    """Print the table."""
    reason = missing()
    if reason:
        print(f"\nwith the real Score-P: skipped: {reason}")
        return
    found = beyond_ordinary(directory, 5 if quick else 25)
    reference = statistics.median(found.pop(REFERENCE))
    print(f"\n| {'a measured cell of 1,000 calls, beyond an ordinary one':54} | {'ms':>5} | {'ratio':>6} |")
    print(f"|{'-' * 56}|{'-' * 6}:|{'-' * 7}:|")
    print(f"| {REFERENCE:54} | {reference:>5.0f} | {'1':>6} |")
    for name, values in found.items():
        median = statistics.median(values)
        print(f"| {name:54} | {median:>5.1f} | {median / reference:>6.3f} |")
    for what, ratio in distortion(directory, 3 if quick else 9).items():
        print(f"| {what + ', measured / not measured':54} | {'':>5} | {ratio:>6.2f} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        show(scratch, "--quick" in sys.argv)
