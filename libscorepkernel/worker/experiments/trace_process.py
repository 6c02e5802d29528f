# SPDX-License-Identifier: BSD-3-Clause
"""The process that reads a trace: OTF2's reader believes what is in a file, and may end by it. It is told the archive
and what is to be apart, and says in lines of JSON how far it is, then what it found or why there is nothing."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Dict, List

from ..base.tracer import extension as _tracer

# So often it says how far it is, in seconds.
_SAID_EACH = 0.2


def main(arguments: List[str]) -> None:
    """arguments: the path of the anchor file, and what is to be apart: together, threads or ranks."""
    path, apart = arguments
    told = [time.monotonic()]

    def go_on(read: int, whole: int) -> bool:
        if time.monotonic() - told[0] >= _SAID_EACH:
            told[0] = time.monotonic()
            _say({"read": read, "whole": whole})
        return True

    try:
        _say({"found": _tracer.read_trace(path, apart, go_on)})
    except (OSError, ValueError, MemoryError) as problem:
        _say({"problem": getattr(problem, "strerror", None) or str(problem)})


def _say(what: Dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
