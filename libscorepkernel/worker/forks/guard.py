# SPDX-License-Identifier: BSD-3-Clause
"""Whether a measured cell is guarded by a copy of the session (standby.py), and why.

A fork makes the cell copy each page that it writes. So the session is guarded by itself only where that costs little;
the user may decide for a cell (--guard, --no-guard).
"""

from __future__ import annotations

import math
import os
from typing import NamedTuple, Optional

from ..base import frame_numbers, frames, page_faults
from ..base.errors import NotMeasured
from ..base.session import Session
from . import native_threads, resource_tracker, standby

_BUDGET = "SCOREPKERNEL_GUARD_BUDGET"
_BUDGET_MS = 20.0


class Guard(NamedTuple):
    """Whether the session is guarded, and why."""

    on: bool
    why: str


def consider(wanted: Optional[bool]) -> Guard:
    """Whether to guard the session while the next cell runs. wanted: what the user asks for; None: as it costs.
    NotMeasured: SCOREPKERNEL_GUARD_BUDGET is no number."""
    if wanted is False:
        return Guard(False, "as asked")
    natives = native_threads.found()
    if wanted is None and natives:
        return Guard(False, native_threads.said_of(natives))
    try:
        cost_ms = 1e3 * _private_pages() * page_faults.seconds_each()
    except OSError as problem:
        return Guard(False, f"what a copy of the session would cost could not be measured: {problem.strerror}")
    budget_ms = _budget_ms()
    if wanted is None and cost_ms > budget_ms:
        why = (
            f"a copy of the session could slow the cell by {cost_ms:.0f} ms, and {_BUDGET} allows {budget_ms:g} ms; "
            "--guard guards it all the same"
        )
        return Guard(False, why)
    if wanted:
        return Guard(True, "as asked")
    return Guard(True, f"a copy of the session slows it by at most {max(cost_ms, 0.1):.1f} ms")


def begin(session: Session, guard: Guard) -> Optional[Guard]:
    """Have a copy of the session stand by, if that is the decision. What came of it: there may be no copy. None: this
    is the copy, and it is wanted, as the session has ended."""
    if not guard.on:
        return guard
    resource_tracker.protect()  # the session may end before it is idle
    try:
        copy = standby.copy_session(session)
        if copy is None:
            return None
        standby.introduce(session.connection, copy, frame_numbers.STANDBY, 0, None, frames.dump(copy.lacks))
    except OSError as problem:
        return Guard(False, f"the session could not be copied: {problem.strerror}")
    return guard


def _budget_ms() -> float:
    text = os.environ.get(_BUDGET, "")
    try:
        budget_ms = float(text) if text else _BUDGET_MS
        if math.isnan(budget_ms) or budget_ms < 0:
            raise ValueError
        return budget_ms
    except ValueError:
        raise NotMeasured(
            f"The cell was not run: {_BUDGET} is {text!r}, but must be a number of milliseconds, 0 or more."
        ) from None


def _private_pages() -> float:
    """How many pages a write would have to copy first."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024 / os.sysconf("SC_PAGESIZE")
    return 0.0
