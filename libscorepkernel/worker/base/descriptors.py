# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors of our own in a process whose code closes and replaces descriptors as it likes."""

from __future__ import annotations

import _socket
import contextlib
import errno
import fcntl
import os
import resource
import socket
from typing import Dict, Iterator, List, Optional, Tuple

STDOUT, STDERR = 1, 2

# Kept, as users' code may replace them: gevent does, for one, by what waits for its own loop.
_fstat = os.fstat
_Socket, _pair = socket.socket, _socket.socketpair
# Above what users' code is likely to close or to dup2 onto: 256 was the usual limit, and is closed up to.
_HIGH = 260


def high_number() -> int:
    """The lowest number that our own descriptors get: less where few descriptors are allowed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _HIGH if soft < 0 else max(4, min(_HIGH, soft // 2))


@contextlib.contextmanager
def high_descriptors() -> Iterator[None]:
    """Descriptors opened in the block get numbers that users' code is not likely to close. Where users' code has used
    up all numbers, they get those of the reserve."""
    fillers: List[int] = []
    with contextlib.ExitStack() as reserved:
        try:
            try:
                while not fillers or fillers[-1] < high_number():
                    fillers.append(os.dup(fillers[-1]) if fillers else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
                _make_sure_of_room(fillers[-1])
            except OSError as problem:
                if not none_is_left(problem):
                    raise
                reserved.enter_context(with_reserve())
            yield
        finally:
            for filler in fillers:
                os.close(filler)


def _make_sure_of_room(descriptor: int) -> None:
    room: List[int] = []
    try:
        for _ in range(_RESERVE):
            room.append(os.dup(descriptor))
    finally:
        for number in room:
            os.close(number)


# --- the reserve -------------------------------------------------------------------------------------------

# So many are needed at once at most, for a loop, or for a copy of the session.
_RESERVE = 12
_reserve: Dict[int, Optional[Tuple[int, int]]] = {}


def none_is_left(problem: BaseException) -> bool:
    """Whether it failed as there is no number for another descriptor."""
    return isinstance(problem, OSError) and problem.errno in (errno.EMFILE, errno.ENFILE)


def keep_reserve() -> None:
    """Hold some numbers back, for the time when users' code has used up all others."""
    if len(_reserve) == _RESERVE:
        return
    with contextlib.suppress(OSError):  # there are few, or users' code has them all already
        held = os.memfd_create("scorepkernel-reserve", os.MFD_CLOEXEC)  # a file that is nobody else's
        if held >= high_number():
            _reserve[held] = identity(held)
        try:
            while len(_reserve) < _RESERVE:
                number = fcntl.fcntl(held, fcntl.F_DUPFD_CLOEXEC, high_number())
                _reserve[number] = identity(number)
        finally:
            if held not in _reserve:
                os.close(held)


def reserve() -> List[int]:
    """The numbers that are held back."""
    return list(_reserve)


@contextlib.contextmanager
def with_reserve() -> Iterator[None]:
    """While the block runs, the numbers that were held back are free."""
    while _reserve:
        number, known = _reserve.popitem()
        if identity(number) == known:  # else users' code has closed it
            os.close(number)
    try:
        yield
    finally:
        keep_reserve()


def identity(number: int) -> Optional[Tuple[int, int]]:
    """What is open by that number, to be told from what may be later; None: nothing."""
    try:
        status = _fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def plain_socket(number: int) -> socket.socket:
    """The socket of that number, which waits for as long as it takes."""
    made = _Socket(fileno=number)
    made.settimeout(None)  # socket.setdefaulttimeout() is for each socket that is made, and so for ours
    return made


def socketpair() -> List[socket.socket]:
    """Two plain sockets, whatever users' code has made of the module."""
    return [plain_socket(end.detach()) for end in _pair()]
