# SPDX-License-Identifier: BSD-3-Clause
"""What measuring costs the cell that is measured: each call goes through the hook, and each event is recorded."""

from __future__ import annotations

import time
from typing import Dict

from .system import Outcome, System

_CALLS, _TIMES = 300, 5
# What a call takes longer with the hook than without, in seconds, though it is not recorded: by measurement systems.
_known: Dict[str, float] = {}


class Calibration:
    """The cost of a system's hook, found out where it is first put in."""

    def __init__(self, system: System) -> None:
        """To be made before the hook is put in."""
        self._key = system.key
        self._before = 0.0 if self._key in _known else _seconds_of_calls()

    def hook_is_in(self) -> None:
        """To be called as soon as it is."""
        if self._key not in _known:
            _known[self._key] = max(0.0, _seconds_of_calls() - self._before) / _CALLS


def of_measuring(system: System, outcome: Outcome, seconds: float) -> float:
    """About how many of a cell's seconds were spent on measuring it; 0: it is not known."""
    if outcome.event_ns == 0:
        return 0.0
    estimate = outcome.events * outcome.event_ns / 1e9 + outcome.events / 2 * _known.get(system.key, 0.0)
    return min(estimate, seconds)


def _seconds_of_calls() -> float:
    """The least of several: on a busy machine, the others tell what else went on."""
    return min(_one() for _ in range(_TIMES))


def _one() -> float:
    begin = time.perf_counter()
    for _ in range(_CALLS):
        _empty()
    return time.perf_counter() - begin


def _empty() -> None:
    """Is called, and that is all."""
