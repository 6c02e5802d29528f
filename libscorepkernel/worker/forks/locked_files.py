# SPDX-License-Identifier: BSD-3-Clause
"""Files on which the session holds locks, in a forked copy of it. The copy shares the open file with the session, and
so an flock, or a lock of that open file: what the cell unlocks by closing would stay locked. So while it is parked, the
copy keeps only what it needs to open the file again; when it goes on in the session's place, it opens and locks it.
Locks of a process (fcntl.lockf, SQLite) are not inherited: they are taken again, too."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import struct
import time
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

# As /proc/PID/fdinfo has it: kind, type, process, file, first and last byte.
_LOCK = re.compile(r"^lock:\s+\d+: (FLOCK|OFDLCK|POSIX)\s+\S+\s+(READ|WRITE)\s+\S+\s+\S+\s+(\d+)\s+(\d+|EOF)", re.M)
# Those of a file's flags that are its own, and not of its opening.
_FLAGS = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECT | os.O_NOATIME | os.O_SYNC | os.O_DSYNC
# struct flock: type, whence, start, length, process.
_RANGE = struct.Struct("hhqqi4x")
# Processes that the session started may have its open files for a moment longer.
_PATIENCE_SECONDS = 0.5


class Lock(NamedTuple):
    """One of a file's locks."""

    kind: str
    exclusive: bool
    start: int
    length: int  # 0: up to the file's end, wherever that will be


class Held(NamedTuple):
    """A descriptor of a file with locks."""

    number: int
    path: str
    file: Tuple[int, int]
    is_plain: bool  # a file or a directory: opening it has no effect of its own
    flags: int
    offset: int
    locks: Tuple[Lock, ...]

    @property
    def is_shared(self) -> bool:
        """Whether a copy that has it open has the locks, too."""
        return any(lock.kind != "POSIX" for lock in self.locks)


def look(but: Iterable[int]) -> List[Held]:
    """Called in the session: the descriptors with locks, except for these."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in but:
            with contextlib.suppress(OSError):
                held = _look_at(number)
                found += [held] if held else []
    return found


def _look_at(number: int) -> Optional[Held]:
    with open(f"/proc/self/fdinfo/{number}", encoding="ascii", errors="replace") as file:
        text = file.read()
    locks = []
    for kind, how, start, last in _LOCK.findall(text):
        length = 0 if last == "EOF" else int(last) - int(start) + 1
        locks.append(Lock(kind, how == "WRITE", int(start), length))
    if not locks:
        return None
    status = os.fstat(number)
    plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    path, flags = os.readlink(f"/proc/self/fd/{number}"), fcntl.fcntl(number, fcntl.F_GETFL) & _FLAGS
    offset = os.lseek(number, 0, os.SEEK_CUR) if plain else 0
    return Held(number, path, (status.st_dev, status.st_ino), plain, flags, offset, tuple(locks))


def park(all_held: List[Held]) -> None:
    """In the copy: let go of the locks that it shares. The numbers stay taken, by what cannot be read or written."""
    for held in all_held:
        if held.is_shared:
            place = os.open(f"/proc/self/fd/{held.number}", os.O_PATH | os.O_CLOEXEC)
            os.dup2(place, held.number, os.get_inheritable(held.number))
            os.close(place)


def take_again(all_held: List[Held]) -> List[str]:
    """In the copy that goes on: open and lock them. What the user is to know of those with which that fails."""
    problems: Dict[str, None] = {}
    opened: Dict[Tuple, int] = {}  # an exclusive lock has one open file, whatever the number of its descriptors
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for held in all_held:
        try:
            key = (held.file, held.locks)
            if held.is_shared and any(lock.exclusive for lock in held.locks) and key in opened:
                os.dup2(opened[key], held.number, os.get_inheritable(held.number))
                continue
            _take(held, deadline)
            opened[key] = held.number
        except OSError as problem:
            why = "another process has locked it" if problem.errno in _IS_LOCKED else os.strerror(problem.errno or 0)
            closed = "is closed in this process" if held.is_shared else "is not locked by this process any more"
            problems[f"The file {held.path} {closed}: {why}. Open it again."] = None
    return list(problems)


_IS_LOCKED = (errno.EAGAIN, errno.EACCES)


def _take(held: Held, deadline: float) -> None:
    if not held.is_shared:
        _lock(held, held.number, deadline)
        return
    if not held.is_plain:
        raise OSError(errno.ENODEV, "it is a device")
    new = os.open(f"/proc/self/fd/{held.number}", held.flags | os.O_CLOEXEC)
    try:
        os.lseek(new, held.offset, os.SEEK_SET)
        _lock(held, new, deadline)
        os.dup2(new, held.number, os.get_inheritable(held.number))
    finally:
        os.close(new)


def _lock(held: Held, number: int, deadline: float) -> None:
    for lock in held.locks:
        if lock.kind == "FLOCK":
            how = (fcntl.LOCK_EX if lock.exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
            _until(deadline, lambda: fcntl.flock(number, how))
        else:
            kind = fcntl.F_WRLCK if lock.exclusive else fcntl.F_RDLCK
            wanted = _RANGE.pack(kind, os.SEEK_SET, lock.start, lock.length, 0)
            command = fcntl.F_SETLK if lock.kind == "POSIX" else fcntl.F_OFD_SETLK
            _until(deadline, lambda: fcntl.fcntl(number, command, wanted))


def _until(deadline: float, attempt: Callable[[], object]) -> None:
    while True:
        try:
            attempt()
            return
        except OSError as problem:
            if problem.errno not in _IS_LOCKED or time.monotonic() >= deadline:
                raise
        time.sleep(0.005)
