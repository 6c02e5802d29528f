# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors of our own in a process whose code closes and replaces descriptors as it likes."""

from __future__ import annotations

import _socket
import contextlib
import os
import resource
import socket
from typing import Iterator, List, Optional, Tuple

STDOUT, STDERR = 1, 2

# Kept, as users' code may replace them: gevent does, for one, by what waits for its own loop.
_fstat = os.fstat
Socket, _pair = socket.socket, _socket.socketpair
# Above what users' code is likely to close or to dup2 onto: 256 was the usual limit, and is closed up to.
_HIGH = 260


def high_number() -> int:
    """The lowest number that our own descriptors get: less where few descriptors are allowed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _HIGH if soft < 0 else max(4, min(_HIGH, soft // 2))


@contextlib.contextmanager
def high_descriptors() -> Iterator[None]:
    """Descriptors opened in the block get numbers that users' code is not likely to close."""
    fillers: List[int] = []
    try:
        while not fillers or fillers[-1] < high_number():
            fillers.append(os.dup(fillers[-1]) if fillers else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        yield
    finally:
        for filler in fillers:
            os.close(filler)


def identity(number: int) -> Optional[Tuple[int, int]]:
    """What is open by that number, to be told from what may be later; None: nothing."""
    try:
        status = _fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def socketpair() -> List[socket.socket]:
    """Two plain sockets, whatever users' code has made of the module."""
    return [Socket(fileno=end.detach()) for end in _pair()]
