# SPDX-License-Identifier: BSD-3-Clause
"""One report of several measurements of a cell: medians, and how far they spread."""

from __future__ import annotations

import statistics
from typing import Any, Dict, List, Tuple

_Key = Tuple[str, str, int]


def combined(reports: List[Any]) -> dict:
    """The reports of a cell's repetitions as one; of a single one it is that one."""
    if len(reports) == 1:
        return reports[0]
    last: dict = dict(reports[-1])
    seconds = [report["seconds"] for report in reports]
    rows: Dict[_Key, List[list]] = {}
    for report in reports:
        for row in report["all_regions"]:
            rows.setdefault((row[0], row[1], row[2]), []).append(row)
    regions = [_median_row(key, found, len(reports)) for key, found in rows.items()]
    regions.sort(key=lambda row: -row[5])
    last.update(
        seconds=statistics.median(seconds),
        processor_seconds=statistics.median(report["processor_seconds"] for report in reports),
        runs=len(reports),
        seconds_least=min(seconds),
        seconds_most=max(seconds),
        regions=regions[: len(last["regions"]) or 1],
        all_regions=regions,
        region_count=len(regions),
        exclusive_ns=sum(row[5] for row in regions),
        warnings=list(dict.fromkeys(warning for report in reports for warning in report["warnings"])),
        messages="\n".join(dict.fromkeys(filter(None, (report["messages"] for report in reports)))),
        directories=[report["directory"] for report in reports],
        page_faults=sum(report["page_faults"] for report in reports),
        page_faults_seconds=sum(report["page_faults_seconds"] for report in reports),
    )
    return last


def _median_row(key: _Key, found: List[list], runs: int) -> list:
    """Name, file, line, visits, inclusive and exclusive ns, least and most exclusive ns. Where a region was not
    visited, it took no time."""

    def values(column: int) -> List[int]:
        return [row[column] for row in found] + [0] * (runs - len(found))

    medians = [int(statistics.median(values(column))) for column in (3, 4, 5)]
    return [*key, *medians, min(values(5)), max(values(5))]
