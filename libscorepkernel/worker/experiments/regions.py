# SPDX-License-Identifier: BSD-3-Clause
"""The table of regions of a report that an experiment keeps. The file may be another program's, or be damaged."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

# Columns of a region's row (measure/report.py); the least and the most exclusive time are those of several runs, and 0
# and -1 where there was one.
COLUMNS = ("name", "file", "line", "visits", "inclusive_ns", "exclusive_ns", "least_ns", "most_ns", "cell", "kind")
NAME, _, _, VISITS, INCLUSIVE, EXCLUSIVE, LEAST, MOST, _, KIND = range(len(COLUMNS))
KINDS = ("plain", "cell", "marked cell")
_NUMBERS = slice(2, 8)
_NUMBER_MAX = 10**18


def read(report: Dict[str, Any]) -> Optional[List[List[Any]]]:
    """The rows; None: they are not as this kernel writes them."""
    rows = report.get("regions")
    return rows if isinstance(rows, list) and all(map(_is_row, rows)) else None


def _is_row(row: Any) -> bool:
    if not isinstance(row, list) or len(row) != len(COLUMNS):
        return False
    texts = isinstance(row[0], str) and isinstance(row[1], str) and isinstance(row[8], (str, type(None)))
    numbers = all(type(number) is int and abs(number) <= _NUMBER_MAX for number in row[_NUMBERS])
    return texts and numbers and row[KIND] in range(len(KINDS))
