# SPDX-License-Identifier: BSD-3-Clause
"""Whether the session's server still takes what it is asked for. Users' code can change what the loop is made of, so
that it runs no more, or the server's task in it: nobody could then use the session, which ends with a word for that."""

from __future__ import annotations

import _thread
import signal
import sys
import time
from typing import Any, Callable, Dict

from . import event_loop
from .base import frame_numbers
from .base.connection import Connection
from .base.interrupts import MAIN_THREAD

# Taken before users' code can replace them.
_start, _sleep, _monotonic, _frames = _thread.start_new_thread, time.sleep, time.monotonic, sys._current_frames
_kill = signal.pthread_kill

# A loop that ends as soon as it is run, so many times one after another, never runs.
_TIMES = 50
_AT_ONCE_SECONDS = 0.005
# What waits is taken within this time of an interrupt, where nothing of the user's runs.
_PATIENCE_SECONDS = 5.0


class Liveness:
    """Of the server; busy while it is at a request."""

    def __init__(self, connection: Connection, waits: Callable[[], bool]) -> None:
        self._connection = connection
        self._waits = waits  # whether there is something to be taken
        self._taken = 0
        self._busy = False
        self._looking = False
        self._ended, self._last = 0, 0.0

    def began(self, request: int, tell: bool) -> None:
        """A request has been taken. tell: the library expects to hear it."""
        self._busy = True
        self._taken += 1
        self._ended = 0
        if tell:
            self._connection.send_word(frame_numbers.TAKEN, request)

    def ended(self) -> None:
        """It has been answered."""
        self._busy = False

    def loop_ended(self, problem: BaseException) -> bool:
        """The loop has ended by an exception. True: it does so whenever it is run, and there has to be another."""
        now = _monotonic()
        self._ended = self._ended + 1 if now - self._last < _AT_ONCE_SECONDS else 0
        self._last = now
        if self._ended > 2 * _TIMES:
            what = f"{type(problem).__name__}: {problem}"
            self._end(f"cannot run its event loop any more ({what}): users' code has changed what that needs")
        return self._ended == _TIMES

    def look(self) -> None:
        """An interrupt has come while nothing of the user's runs. The library sends one where a request waits."""
        if not self._busy and not self._looking:
            self._looking = True
            _start(self._look_later, (self._taken,))

    def _look_later(self, taken: int) -> None:
        try:
            _sleep(_PATIENCE_SECONDS)
            if self._busy or self._taken != taken or not self._waits():
                return
            main: Dict[int, Any] = _frames()
            if event_loop.runs_users_code(main.get(MAIN_THREAD)):
                # It began just after the interrupt, which was for it.
                self._connection.interrupts.of_our_own = KeyboardInterrupt
                _kill(MAIN_THREAD, signal.SIGINT)
            else:
                self._end("takes no requests any more: users' code has changed what that needs")
        finally:
            self._looking = False

    def _end(self, why: str) -> None:
        self._connection.end(f"was ended, since it {why}")
