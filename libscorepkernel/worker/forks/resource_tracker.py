# SPDX-License-Identifier: BSD-3-Clause
"""multiprocessing's resource tracker, which removes what a session leaves in shared memory."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import Any, List

# The module; the name may come to be that of a file of the user's.
_tracker: List[Any] = []


def protect() -> None:
    """Have it outlive the SIGHUP that all of a killed session's processes get: it is started with that signal
    blocked."""
    if not _tracker:
        from multiprocessing import resource_tracker

        _tracker.append(resource_tracker)
    known = getattr(_tracker[0], "_IGNORED_SIGNALS", ())
    if known and signal.SIGHUP not in known:
        _tracker[0]._IGNORED_SIGNALS = (*known, signal.SIGHUP)


def end() -> None:
    """multiprocessing's tracker unlinks shared memory when its pipe closes. It belongs to our process group, which is
    ended with us: so let it finish first."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    with contextlib.suppress(Exception):  # of another Python's, which has no such method
        if tracker is not None:
            tracker._stop()
