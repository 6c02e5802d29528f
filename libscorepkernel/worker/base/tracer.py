# SPDX-License-Identifier: BSD-3-Clause
"""The C extension _tracer: whether it is there, and what it does for others than a measurement system."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from typing import Any, List

from . import places
from .errors import NotMeasured

extension: Any = None
why_missing = ""
# At once, as users' code may clear sys.modules or sys.path.
try:
    from .. import _tracer  # type: ignore[attr-defined]

    extension = _tracer
except (ImportError, NotImplementedError) as error:
    why_missing = str(error)


def problem() -> str:
    """What is wrong where there is none for this Python: a sentence without its full stop."""
    return (
        f"the built-in tracer was not built for this Python ({sys.executable}, {sysconfig.get_config_var('SOABI')}): "
        f"{why_missing}"
    )


def remedy() -> str:
    """What the user can do where the built-in tracer is missing."""
    return (
        f"In the source tree of libscorepkernel, run `make install PYTHONS={sys.executable}` (with the PREFIX of this "
        f"installation, {places.PACKAGE})."
    )


def need() -> None:
    """Make sure that the tracer is there. NotMeasured: it was not built for this Python."""
    if extension is None:
        raise NotMeasured(f"The cell was not run: {problem()}. {remedy()}")


def prepare_fork() -> None:
    """Before a fork: write what C code holds back, and end OpenMP's threads, which a fork does not carry."""
    if extension is not None:
        extension.prepare_fork()


def hold_child_signal(on: bool) -> None:
    """While on, SIGCHLD runs no handler of the user's: the child that ends is ours."""
    if extension is not None:
        extension.hold_child_signal(on)


def die_with_parent(pid: int) -> None:
    """End with that process, this one's parent. OSError: another one is the parent."""
    extension.die_with_parent(pid)


def fork_plainly() -> int:
    """Fork a process that has one thread, without Python's preparations for others."""
    return extension.fork_plainly()


def join_ranks() -> None:
    """This process is one of several that are measured as one by Score-P, which initialises MPI then."""
    if extension is not None:
        extension.join_ranks()
    with contextlib.suppress(ImportError):
        import mpi4py

        # The variables may have it imported before the measurement begins, which is to see all of MPI.
        mpi4py.rc.initialize = False


def merge(parts: List[Any], directory: str) -> None:
    """Make the built-in tracer's experiments of ranks one, in directory. parts: each its own directory, the rank, the
    host, and how much its clock is ahead, in ns. OSError, ValueError."""
    extension.merge(parts, directory)
