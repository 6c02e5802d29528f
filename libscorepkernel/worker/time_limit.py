# SPDX-License-Identifier: BSD-3-Clause
"""A limit of time for users' code that runs on the main thread for a question of the client's, such as a completion."""

from __future__ import annotations

import _thread
import signal
from typing import Any, Callable

from .base.interrupts import MAIN_THREAD, OutOfTime

# Taken before users' code can replace them by what does not run beside the main thread.
_start, _new_lock, _kill = _thread.start_new_thread, _thread.allocate_lock, signal.pthread_kill

# Code may catch an interrupt and go on: another comes, then what only code that catches all would catch. What goes on
# all the same never ends.
_AGAIN_SECONDS = 0.5
_INTERRUPTS, _ATTEMPTS = 4, 10


class Limit:
    """While the block runs, an interrupt comes when it has taken too long; and again, until it has ended, or until
    give_up is called."""

    def __init__(self, seconds: float, interrupts: Any, give_up: Callable[[], None]) -> None:
        self._seconds = seconds
        self._give_up = give_up
        self._interrupts = interrupts
        self._runs, self._watched = _new_lock(), _new_lock()

    def __enter__(self) -> None:
        self._runs.acquire()
        self._watched.acquire()
        _start(self._watch, ())

    def __exit__(self, *_: Any) -> None:
        self._runs.release()
        self._watched.acquire()  # no interrupt comes after this

    def _watch(self) -> None:
        try:
            seconds = self._seconds
            for attempt in range(_ATTEMPTS):
                if self._runs.acquire(True, seconds):
                    return
                self._interrupts.of_our_own = KeyboardInterrupt if attempt < _INTERRUPTS else OutOfTime
                _kill(MAIN_THREAD, signal.SIGINT)
                seconds = _AGAIN_SECONDS
            if not self._runs.acquire(True, seconds):
                self._give_up()
        finally:
            self._watched.release()
