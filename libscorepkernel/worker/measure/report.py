# SPDX-License-Identifier: BSD-3-Clause
"""What a measured cell's reply says of its measurement: the library makes the report under the cell from it."""

from __future__ import annotations

import socket
import time
from typing import Any, Dict, List

from ..base import page_faults
from .systems.system import Outcome

# So many are shown; of others it is said how many there are.
REPORTED_REGIONS = 10


def of_cell(
    measurement: str,
    way: str,
    directory: str,
    *,
    seconds: float,
    page_fault_count: int,
    outcome: Outcome,
    warnings: List[str],
    has_all_regions: bool,
) -> Dict[str, Any]:
    """As JSON. measurement: the system's name within a sentence. way: where the cell ran and why, in words. directory:
    the experiment's. has_all_regions: with all regions, as several reports are to become one (repeats.py, ranks)."""
    regions = outcome.regions
    return {
        "measurement": measurement,
        "way": way,
        "directory": directory,
        "seconds": seconds,
        "events": outcome.events,
        "locations": outcome.locations,
        "page_faults": page_fault_count,
        "page_faults_seconds": page_fault_count * page_faults.seconds_each(),
        "regions": [list(region) for region in regions[:REPORTED_REGIONS]],
        "all_regions": regions if has_all_regions else [],
        "region_count": len(regions),
        "exclusive_ns": sum(region[5] for region in regions),
        "messages": outcome.messages,
        "warnings": warnings,
        # Of ranks, what tells whose clock is ahead.
        "host": socket.gethostname(),
        "clock_offset_ns": time.time_ns() - time.monotonic_ns(),
    }
