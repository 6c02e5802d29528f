# SPDX-License-Identifier: BSD-3-Clause
"""Runs other programs for a short answer, without ever hanging."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from typing import Dict, NamedTuple, Optional, Sequence

_OUTPUT_MAX = 1 << 20
IMPORT_SECONDS = 10.0  # on a network's file system


class Ran(NamedTuple):
    """What a program printed, and what went wrong with it."""

    output: str
    problem: str  # empty: it ended with exit code 0


def run(arguments: Sequence[str], seconds: float = 4.0, environment: Optional[Dict[str, str]] = None) -> Ran:
    """Run it, for so long. What it prints goes to memory: a pipe can be held open by what it leaves behind, and there
    may be no directory to write to."""
    output, errors = (os.memfd_create("scorepkernel-program", os.MFD_CLOEXEC) for _ in range(2))
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return Ran("", f"it did not end within {seconds:.0f} s")
        finally:
            end(process)
        said, complained = (os.pread(file, _OUTPUT_MAX, 0).decode("utf-8", "replace") for file in (output, errors))
    except (OSError, ValueError) as problem:
        return Ran("", getattr(problem, "strerror", None) or str(problem))
    finally:
        os.close(output)
        os.close(errors)
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit code {status}"
        return Ran(said, f"it {how} and said: {(complained or said).strip()[-400:] or 'nothing'}")
    return Ran(said, "")


def end(process: subprocess.Popen) -> None:
    """End the process and all that it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)


def run_python(code: str, preload: Sequence[str] = ()) -> Ran:
    """Run code in another process of this Python, which finds the same modules. As run()."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    environment = {name: value for name, value in os.environ.items() if "\0" not in value}
    if preload:
        # Bound at once, so that a symbol that is missing is missed here and not in a cell.
        before = environment.get("LD_PRELOAD", "")
        environment.update(LD_PRELOAD=" ".join(filter(None, [before, *preload])), LD_BIND_NOW="1")
    # What runs at exit belongs to a measurement, and there is none.
    path = [place for place in sys.path if isinstance(place, str)]
    whole = f"import os, sys\nsys.path[:] = {path!r}\n{code}\nsys.stdout.flush()\nos._exit(0)"
    return run([sys.executable, *flags, "-c", whole], IMPORT_SECONDS, environment)


def last_line(text: str) -> str:
    """The last line of a traceback, which names the error."""
    return (text.strip().splitlines() or [""])[-1]
