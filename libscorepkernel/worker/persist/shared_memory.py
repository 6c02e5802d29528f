# SPDX-License-Identifier: BSD-3-Clause
"""multiprocessing's shared memory among the variables. It travels by its name. But each process that has a segment
removes it at its end, if only the segment's maker should (until Python 3.13, and by default later): the process of a
launched cell would take the session's away."""

from __future__ import annotations

import sys
from typing import Any, Dict, List, Set, Tuple

# In the process of a launched or forked cell: the segments that are the session's to remove.
_theirs: List[Set[str]] = []


def begin_visit() -> None:
    """This process is for one cell: what has been attached to, or is pickled until the cell runs, is the session's."""
    _theirs[:] = [set()]


def kinds() -> Dict[type, Any]:
    """The types of shared memory, each with what reduces it for pickling; none: the module is not loaded."""
    module = sys.modules.get("multiprocessing.shared_memory")
    found = (getattr(module, name, None) for name in ("SharedMemory", "ShareableList"))
    return {kind: _reduce for kind in found if kind is not None}


class Handover:
    """While the block runs, the session is given what it does not have yet."""

    def __enter__(self) -> None:
        _giving[0] = bool(_theirs)

    def __exit__(self, *_: object) -> None:
        _giving[0] = False


_giving = [False]


def attach(kind: type, arguments: Tuple) -> Any:
    """Attach to shared memory by its name: the inverse of reducing."""
    made = kind(*arguments)
    segment = getattr(made, "shm", made)
    if _theirs and segment._name not in _theirs[0]:
        _leave_to_session(segment)
    return made


def _reduce(_: Any, obj: Any) -> Any:
    kind, arguments = obj.__reduce__()[:2]
    segment = getattr(obj, "shm", obj)
    if _giving[0] and segment._name not in _theirs[0]:
        _leave_to_session(segment)
    elif _theirs:
        _theirs[0].add(segment._name)
    return attach, (kind, arguments)


def _leave_to_session(segment: Any) -> None:
    tracker: Any = sys.modules.get("multiprocessing.resource_tracker")
    _theirs[0].add(segment._name)
    if tracker is not None and getattr(segment, "_track", True):
        tracker.unregister(segment._name, "shared_memory")
        if hasattr(segment, "_track"):
            segment._track = False  # else its unlink() would unregister it once more
