# SPDX-License-Identifier: BSD-3-Clause
"""scorepkernel.json: how a cell was measured, in its experiment directory."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from typing import Any, Dict, List, Optional

from .cell import Cell
from .systems.system import Outcome


def begun(cell: Cell, system_name: str, way: str) -> Dict[str, Any]:
    """What is known when the cell begins. way: where it runs and why, in words."""
    return {
        "record": 1,
        "measurement": system_name,
        "way": way,
        "status": "running",
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": socket.gethostname(),
        "notebook": cell.session.get("notebook"),
        "cell_id": cell.id,
        "execution_count": cell.number,
        "directive": cell.wanted.text if cell.wanted else "",
        "options": cell.wanted.said if cell.wanted else None,
        "versions": {
            "libscorepkernel": cell.session["version"],
            "python": sys.version,
            "ipython": _version_of("IPython"),
            "platform": _platform(),
        },
        "executable": sys.executable,
        "environment": {key: value for key, value in os.environ.items() if key.startswith("SCOREP_")},
    }


def end(
    record: Dict[str, Any],
    error: Optional[Dict[str, Any]],
    seconds: float,
    page_fault_count: int,
    outcome: Outcome,
    warnings: List[str],
) -> None:
    """Add what is known when the cell has ended. error: the content of its error; None: it had none."""
    record.update(
        status="ok" if error is None else f"error: {error['ename']}",
        seconds=seconds,
        page_faults=page_fault_count,
        events=outcome.events,
        locations=outcome.locations,
        messages=outcome.messages,
        warnings=warnings,
    )


def _version_of(module: str) -> Optional[str]:
    return getattr(sys.modules.get(module), "__version__", None)


def _platform() -> str:
    """What platform.platform() says, which starts a program to find it out."""
    system = os.uname()
    return f"{system.sysname}-{system.release}-{system.machine}-with-{_libc()}"


def _libc() -> str:
    with contextlib.suppress(ValueError, OSError):  # not glibc
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    return "libc"
