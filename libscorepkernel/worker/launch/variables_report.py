# SPDX-License-Identifier: BSD-3-Clause
"""The detailed report, which SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT=1 asks for: how the variables of a cell that
ran in another process got there and back, how long that took, and which of them were the largest."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from .plan import Where

_NAME = "SCOREP_JUPYTER_MARSHALLING_DETAILED_REPORT"
_complained_of: Set[str] = set()


def is_wanted() -> bool:
    """Whether the user asks for the report. A value that is no number is pointed out once."""
    text = os.environ.get(_NAME, "").strip()
    try:
        return bool(text) and int(text) != 0
    except ValueError:
        if text not in _complained_of:
            _complained_of.add(text)
            print(
                f"{_NAME} is {text[:80]!r}, which is no number. 1 asks for a report on the variables of each cell that "
                "runs in another process, 0 for none; there is none now.",
                file=sys.stderr,
            )
        return False


def size_text(length: int) -> str:
    """A number of bytes, for people."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if length >= bytes_each:
            return f"{length / bytes_each:.3g} {unit}"
    return f"{length} B"


class Steps:
    """What has been seen of one cell. Of the steps in the other process, that one tells."""

    def __init__(self, from_there: Optional[Dict[str, Any]] = None) -> None:
        self.seconds: Dict[str, float] = (from_there or {}).get("seconds", {})
        self.size: Optional[int] = (from_there or {}).get("size")  # of what was pickled
        self.gathered: Optional[int] = None  # bytes of what comes from ranks
        self.largest: List[Tuple[str, str, int]] = (from_there or {}).get("largest", [])

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure how long the block takes, as the step "pickled", "taken over" or "gathered"."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - begin

    def sent(self, sent: Any) -> None:
        """Remember what was sent. sent: a transfer.Sent."""
        self.size, self.largest = sent.size, sent.largest

    def as_json(self) -> Dict[str, Any]:
        """The steps in a form that travels to the session."""
        return {"seconds": self.seconds, "size": self.size, "largest": self.largest}


def text(marshaller: str, where: Where, here: Steps, other: Steps) -> str:
    """The report, in lines. marshaller: its name. where: the process that the cell ran in."""
    there = [_step(here, "pickled"), _step(other, "taken over")]
    back = [_step(other, "pickled"), _step(here, "taken over"), _step(here, "gathered")]
    if where is Where.FORKED:
        there = ["nothing, as a forked copy of the session has all"]
    if where is Where.RANKS:
        there[1] = there[1] and f"{there[1]} by rank 0"
    lines = [f"Variables on their way, by {marshaller}:"]
    for direction, steps, sender in (("there", there, here), ("back", back, other)):
        lines.append(f"  {direction}: {', '.join(filter(None, steps)) or 'nothing'}")
        lines += [f"    {size_text(size):>8}  {name} ({kind})" for name, kind, size in sender.largest]
    return "\n".join(lines)


def _step(steps: Steps, name: str) -> str:
    if name not in steps.seconds:
        return ""
    seconds = steps.seconds[name]
    time_text = f"{1e3 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.2f} s"
    size = {"pickled": steps.size, "gathered": steps.gathered}.get(name)
    return f"{name} in {time_text}" + (f" ({size_text(size)})" if size is not None else "")
