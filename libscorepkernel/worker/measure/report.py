# SPDX-License-Identifier: BSD-3-Clause
"""What a measured cell's reply says of its measurement: the library makes the report under the cell from it."""

from __future__ import annotations

import os
import socket
import time
from typing import Any, Dict, List, Optional

from ..base import ipython_names, page_faults
from ..base.errors import NotMeasured
from .sampling import Sampling
from .systems.system import Outcome

# How the region of a marked cell begins, which is measured with others as one (cell.py).
MARKED_CELL = "cell "
# enum region_kind of report/region.h.
PLAIN_REGION, WHOLE_CELL, MARKED_CELL_REGION = 0, 1, 2
# So many are shown; of others it is said how many there are.
REPORTED_REGIONS = 10
KEPT_REGIONS = 10_000


def of_cell(
    measurement: str,
    way: str,
    directory: str,
    *,
    seconds: float,
    processor_seconds: float,
    sampling: Sampling,
    page_fault_count: int,
    system_seconds: float,
    shown_seconds: float,
    measuring_seconds: float,
    outcome: Outcome,
    warnings: List[str],
) -> Dict[str, Any]:
    """As JSON. measurement: the system's name within a sentence. way: where the cell ran and why, in words. directory:
    the experiment's."""
    regions = outcome.regions
    return {
        "measurement": measurement,
        "way": way,
        "directory": directory,
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "sampling": sampling.found(),
        "sampling_problem": sampling.problem,
        "events": outcome.events,
        "locations": outcome.locations,
        "page_faults": page_fault_count,
        # They cannot have taken longer than all that the system did for the cell's thread.
        "page_faults_seconds": min(page_fault_count * page_faults.seconds_each(), system_seconds),
        "shown_seconds": shown_seconds,
        "measuring_seconds": measuring_seconds,
        "regions": [list(region) for region in regions[:REPORTED_REGIONS]],
        # Several reports may become one (repeats.py, ranks), and the experiment keeps them.
        "all_regions": regions[:KEPT_REGIONS],
        "region_count": len(regions),
        "exclusive_ns": sum(region[5] for region in regions),
        "messages": outcome.messages,
        "warnings": [*warnings, *sampling.gaps()],
        # Of ranks, what tells whose clock is ahead.
        "host": socket.gethostname(),
        "clock_offset_ns": time.time_ns() - time.monotonic_ns(),
    }


def for_library(report: Dict[str, Any]) -> Dict[str, Any]:
    """The report as the library takes it (report/region.h): each region says of which cell it is, too."""
    said = {name: value for name, value in report.items() if name != "all_regions"}
    return {**said, "regions": [region_row(*row) for row in report["regions"]]}


# How much of the report is shown under a cell.
VARIABLE = "SCOREPKERNEL_REPORT"
_VIEWS: Dict[str, List[str]] = {"": [], "full": [], "short": ["notes"]}


def wanted_views() -> Optional[List[str]]:
    """The views that the user wants under measured cells, besides the summary; none are all. None: no report at all.
    NotMeasured: the setting is not understood."""
    text = os.environ.get(VARIABLE, "")
    if text == "off":
        return None
    if text in _VIEWS:
        return _VIEWS[text]
    raise NotMeasured(
        f"The cell was not run: {VARIABLE} is {text[:80]!r}, but must be full (as without the variable), short "
        "(one line, and what the user is to know) or off."
    )


def kept(report: Dict[str, Any]) -> Dict[str, Any]:
    """The report as the experiment keeps it (experiments.py): as for the library, with all regions."""
    return for_library({**report, "regions": report["all_regions"] or report["regions"]})


def is_of_cell(name: str) -> bool:
    """Whether a region has the name that the tracer gives to a cell's own code: as a module's, or as IPython calls the
    code of a statement."""
    return name == "__main__:<module>" or name.startswith("__main__:<cell line: ")


def region_row(
    name: str, file: str, line: int, visits: int, inclusive_ns: int, exclusive_ns: int, *spread: int
) -> list:
    """A region as the library takes it. spread: the least and the most exclusive ns of several runs."""
    cell = ipython_names.cell_number(file)
    kind = PLAIN_REGION
    if cell and is_of_cell(name):
        kind = WHOLE_CELL
    elif cell and name.startswith(MARKED_CELL):
        kind = MARKED_CELL_REGION
    return [name, file, line, visits, inclusive_ns, exclusive_ns, *(spread or (0, -1)), cell, kind]
