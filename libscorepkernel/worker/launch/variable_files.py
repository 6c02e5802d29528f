# SPDX-License-Identifier: BSD-3-Clause
"""Where variables lie while they are under way between processes: in memory, or in files of a directory."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from typing import Dict, Optional

from ..base.errors import NotMeasured
from ..persist.variables_file import DIRECTORY, Unwritable
from .start import can_travel
from .variables_report import size_text


def file_directory() -> str:
    """The directory for variables that travel by disk."""
    directory = os.environ.get(DIRECTORY) or tempfile.gettempdir()
    with contextlib.suppress(OSError):  # this process may be where nothing is any more
        directory = os.path.abspath(directory)  # a cell may go elsewhere
    return directory


def open_file(directory: Optional[str]) -> int:
    """Open a file without a name for variables on their way, in that directory; None: in memory."""
    if directory is None:
        return os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    if not os.path.lexists(directory):  # as the existing kernel does
        os.makedirs(directory, 0o700)
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    descriptor, path = tempfile.mkstemp(dir=directory, prefix="scorepkernel-")
    os.unlink(path)
    return descriptor


def problem_of_directory() -> str:
    """Why variables cannot travel by disk, and what to do; empty: they can."""
    directory = file_directory()
    try:
        os.close(open_file(directory))
    except OSError as problem:
        return (
            f"There is no file in {directory} for variables: {problem.strerror}. Make that directory, or name another "
            f"with %env {DIRECTORY}=DIRECTORY; %%marshalling_settings MODE=memory is the other way for them."
        )
    return ""


def file_for(on_disk: bool) -> int:
    """The descriptor of a file for variables, before a cell. NotMeasured: there can be none."""
    try:
        return open_file(file_directory() if on_disk else None)
    except OSError as problem:
        if on_disk:
            raise NotMeasured(f"The cell was not run. {problem_of_directory() or problem}") from None
        raise NotMeasured(
            f"The cell was not run: there is no file in memory for its variables: {problem.strerror}. "
            "%%marshalling_settings MODE=disk is the other way for them."
        ) from None


def unwritten(problem: Unwritable, disk: Optional[str], descriptor: int) -> str:
    """Why variables could not be written, and what to do. disk: the directory; None: to memory."""
    where = f"{disk} ({DIRECTORY})" if disk else "memory"
    status = os.fstatvfs(descriptor)
    free = status.f_bavail * status.f_frsize
    # It says nothing of quotas.
    left = f", and {size_text(free)} free" if disk and problem.errno == errno.ENOSPC and free < problem.needed else ""
    else_where = f"name another directory with\n%env {DIRECTORY}=DIRECTORY\nor " if disk else ""
    return (
        f"there is no room for them in {where}: {problem.strerror}; {size_text(problem.needed)} are needed{left}. Make "
        f"room, {else_where}have them travel the other way with\n"
        f"%%marshalling_settings MODE={'memory' if disk else 'disk'}\nand run the cell again"
    )


def for_its_files() -> Dict[str, str]:
    """What the other process has to know. Where the user names no directory, each machine has its own."""
    named = os.environ.get(DIRECTORY)
    return {"files": file_directory()} if named and can_travel(file_directory()) else {}
