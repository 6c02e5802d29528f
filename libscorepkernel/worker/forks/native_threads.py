# SPDX-License-Identifier: BSD-3-Clause
"""Threads of libraries, of which Python knows nothing."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Dict, List


def found() -> Dict[str, int]:
    """Threads of libraries, by what they call them, of which Python knows nothing: a copy has none of them, and does
    not know. Those that have the process's own name are left out, as is what is made for forks: OpenMP's (they are
    ended before) and those of linear algebra (which start again) do not give themselves names."""
    known = {getattr(thread, "_native_id", None) for thread in list(threading._active.values())}  # type: ignore
    own = _name_of("self")
    families: Dict[str, int] = {}
    for task in os.listdir("/proc/self/task"):
        name = _name_of(f"self/task/{task}")
        if name and name != own and int(task) not in known and not name.startswith(_HARMLESS):
            family = name.rstrip("0123456789").rstrip("-_ #:")
            families[family or name] = families.get(family or name, 0) + 1
    return families


# jemalloc's thread looks after memory, and is started again after a fork; the kernel's serve io_uring.
_HARMLESS = ("jemalloc_bg_thd", "iou-")


def _name_of(task: str) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{task}/comm", encoding="utf-8", errors="replace") as file:
        return file.read().strip()
    return ""


def missed(natives: Dict[str, int]) -> List[str]:
    """What the user is to know of them where a copy has taken over."""
    if not natives:
        return []
    return [
        f"The session that ended had native threads ({_named(natives)}), which this copy of it does not have. Code "
        "that waits for them waits without end, and no interrupt reaches it: then only a restart of the kernel helps."
    ]


def _named(natives: Dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(natives.items()))


def said_of(natives: Dict[str, int]) -> str:
    """What is wrong with forking while these threads run, as a clause for people."""
    return (
        f"libraries run threads of their own here ({_named(natives)}), which a copy of the session would not have and "
        "might wait for without end"
    )
