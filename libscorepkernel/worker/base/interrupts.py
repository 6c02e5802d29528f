# SPDX-License-Identifier: BSD-3-Clause
"""Interrupts (SIGINT) of cells: when one is for users' code, and when it has to wait."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
from typing import Any, Iterator, List, Optional, Type

# Kept, as users' code may replace it: gevent does, for one.
get_ident = _thread.get_ident
MAIN_THREAD = get_ident()  # which imports this


# Whose handler is in place: a process has one.
_installed: List[Interrupts] = []

# How many were raised in users' code, and how many of those before the code that runs now began.
_raised, _before = [0], [0]


def is_pending() -> bool:
    """Whether an interrupt waits for our own code to end: nobody wants any more what that waits for."""
    return any(one.pending for one in _installed)


def has_come(problem: BaseException) -> bool:
    """Whether a KeyboardInterrupt is one that came; else the code that runs now has raised it by itself."""
    return isinstance(problem, KeyboardInterrupt) and (type(problem) is not KeyboardInterrupt or _raised > _before)


class OutOfTime(BaseException):
    """Raised in users' code that goes on after interrupts for which there is a limit of time."""


class Interrupts:
    """Lets SIGINT into users' code only.

    Our own code must not be torn apart by a KeyboardInterrupt: between cells an interrupt means nothing, and
    while the main thread holds the connection's lock it waits until that is released (catch_up).
    """

    def __init__(self, lock: Any) -> None:
        self.in_cell = False
        self.before_cell = False  # a request has been taken, its cell has not begun: an interrupt is meant for it
        self.on_interrupt: Optional[Any] = None  # asked first: returns True when it took care of it
        self.between_cells: Optional[Any] = None  # asked when one comes beside a cell: True, when it is to be obeyed
        # Raised by the next signal, which is not the library's (time_limit.py).
        self.of_our_own: Optional[Type[BaseException]] = None
        self.pending = False
        self.received = 0  # signals
        self.served = 0  # of those, how many have been obeyed before they came
        self._lock = lock

    def install(self) -> None:
        """Put our handler in place: users' code may have installed another."""
        signal.signal(signal.SIGINT, self._handle)
        _installed[:] = [self]

    def _handle(self, number: int, frame: Any) -> None:
        kind, self.of_our_own = self.of_our_own, None
        if kind is None:
            self.received += 1
            if self.received <= self.served:
                return
        if not self.in_cell:
            self.pending = self.pending or self.before_cell
            if self.between_cells is not None and self.between_cells(frame):
                _raised[0] += 1
                raise KeyboardInterrupt
        elif self._lock._is_owned():
            self.pending = True
        elif self.on_interrupt is None or not self.on_interrupt(frame):
            _raised[0] += 1
            raise kind or KeyboardInterrupt

    def catch_up(self) -> None:
        """Interrupt now, if an interrupt had to wait. Only the main thread sees any."""
        if self.pending and self.in_cell and not self._lock._is_owned() and in_main_thread():
            self.pending = False
            if self.on_interrupt is None or not self.on_interrupt(sys._getframe()):
                _raised[0] += 1
                raise KeyboardInterrupt

    def begin(self) -> None:
        """Users' code runs from now on."""
        self.install()
        self.in_cell = True
        self.before_cell = False
        _before[0] = _raised[0]
        self.catch_up()

    @contextlib.contextmanager
    def users_code(self, more: bool = False) -> Iterator[None]:
        """Interrupts go through while the block runs. more: the request has more of it, for which they wait."""
        try:
            self.begin()
            yield
        finally:
            self.end(more)

    def end(self, more: bool = False) -> None:
        """Users' code has ended. more: the request runs more of it later, for which an interrupt is kept."""
        self.in_cell = False
        self.before_cell = more
        self.pending = self.pending and more


def in_main_thread() -> bool:
    """Whether this is the thread that Python gives signals to."""
    return get_ident() == MAIN_THREAD
