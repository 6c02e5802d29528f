# SPDX-License-Identifier: BSD-3-Clause
"""Runs other programs for a short answer, without ever hanging."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import Dict, List, NamedTuple, Optional, Sequence

_OUTPUT_MAX = 1 << 20  # bytes of a short answer
IMPORT_SECONDS = 10.0  # on a network's file system


class Ran(NamedTuple):
    """What a program printed, and what went wrong with it."""

    output: str
    problem: str  # empty: it ended with exit code 0


class Filtered(NamedTuple):
    """As Ran, of a program that reads and writes bytes."""

    output: bytes
    problem: str


def run(arguments: Sequence[str], seconds: float = 4.0, environment: Optional[Dict[str, str]] = None) -> Ran:
    """Run it, for so long."""
    output, problem = run_filter(arguments, seconds, environment=environment, most=_OUTPUT_MAX)
    return Ran(output.decode("utf-8", "replace"), problem)


def run_filter(
    arguments: Sequence[str],
    seconds: float,
    given: bytes = b"",
    environment: Optional[Dict[str, str]] = None,
    most: int = 1 << 30,
) -> Filtered:
    """Run a program that is given bytes to read, for so long; what it prints is cut at so many bytes. Both are in
    memory: a pipe can be held open by what it leaves behind, and there may be no directory to write to."""
    files: List[int] = []
    try:
        files += (os.memfd_create("scorepkernel-program", os.MFD_CLOEXEC) for _ in range(3))
        _fill(files[0], given)
        status = _wait(arguments, seconds, files, environment)
        said, complained = _content(files[1], most), _content(files[2], _OUTPUT_MAX)
    except subprocess.TimeoutExpired:
        return Filtered(b"", f"it did not end within {seconds:.0f} s")
    except (OSError, ValueError) as problem:
        return Filtered(b"", getattr(problem, "strerror", None) or str(problem))
    finally:
        for file in files:
            os.close(file)
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit code {status}"
        words = (complained or said)[-_OUTPUT_MAX:].decode("utf-8", "replace").strip()[-400:]
        return Filtered(said, f"it {how} and said: {words or 'nothing'}")
    return Filtered(said, "")


def _fill(file: int, given: bytes) -> None:
    rest = memoryview(given)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.lseek(file, 0, os.SEEK_SET)


def _content(file: int, most: int) -> bytes:
    """What is in it, wherever the program has left the file's position."""
    return os.pread(file, min(most, os.fstat(file).st_size), 0)


def _wait(arguments: Sequence[str], seconds: float, files: List[int], environment: Optional[Dict[str, str]]) -> int:
    """How it ended, as subprocess says it."""
    reads, output, errors = files
    process = subprocess.Popen(
        arguments, stdin=reads, stdout=output, stderr=errors, env=environment, start_new_session=True
    )
    try:
        return process.wait(seconds)
    finally:
        end(process)


def end(process: subprocess.Popen) -> None:
    """End the process and all that it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)


def run_python(code: str, preload: Sequence[str] = ()) -> Ran:
    """Run code in another process of this Python, which finds the same modules. As run()."""
    environment = {name: value for name, value in os.environ.items() if "\0" not in value}
    if preload:
        # Bound at once, so that a symbol that is missing is missed here and not in a cell.
        before = environment.get("LD_PRELOAD", "")
        environment.update(LD_PRELOAD=" ".join(filter(None, [before, *preload])), LD_BIND_NOW="1")
    return run(python_arguments(code), IMPORT_SECONDS, environment)


def python_arguments(code: str) -> List[str]:
    """The command that runs code in another process of this Python, which finds the same modules."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    path = [place for place in sys.path if isinstance(place, str)]
    # What runs at exit belongs to a measurement, and there is none.
    whole = f"import os, sys\nsys.path[:] = {path!r}\n{code}\nsys.stdout.flush()\nos._exit(0)"
    return [sys.executable, *flags, "-c", whole]


def last_line(text: str) -> str:
    """The last line of a traceback, which names the error."""
    return (text.strip().splitlines() or [""])[-1]
