# SPDX-License-Identifier: BSD-3-Clause
"""A filter file, in Score-P's syntax, from what an experiment spent its events on."""

from __future__ import annotations

import io
import os
from typing import Any, Dict, List, NamedTuple

from .regions import EXCLUSIVE, NAME, VISITS

# A function that is left out has at least so many visits, and so large a share of all; a visit takes at most so long,
# of which most is what recording it costs.
_VISITS, _SHARE, _NS = 1_000, 0.01, 5_000
_FIRST_LINE = "# By %scorep_filter: the functions called most, and taking least, in"
_SPECIAL = "\\*?[]# "


class Suggested(NamedTuple):
    """The filter's text, the functions that it leaves out, most events first, and about how many events are left."""

    text: str
    names: List[str]
    events: int


def suggested(report: Dict[str, Any]) -> Suggested:
    """What to leave out of the next measurement of the same. report: as experiments keep it."""
    events = report["events"]
    rows = sorted(report["regions"], key=lambda row: -row[VISITS])
    chosen = [row for row in rows if _is_worth_it(row, events)]
    names = list(dict.fromkeys(row[NAME] for row in chosen))
    lines = [_FIRST_LINE, f"# {_visible(report['directory'])}", "SCOREP_REGION_NAMES_BEGIN"]
    lines += [f"  EXCLUDE {_escaped(name)}" for name in names]
    text = "\n".join([*lines, "SCOREP_REGION_NAMES_END", ""])
    return Suggested(text, names, max(0, events - 2 * sum(row[VISITS] for row in chosen)))


def is_own(path: str) -> bool:
    """Whether a file has been written from here, so that it may be overwritten."""
    try:
        if not os.path.isfile(path):
            return False
        with io.open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(len(_FIRST_LINE) + 2).rstrip("\n") == _FIRST_LINE
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def _is_worth_it(row: List[Any], events: int) -> bool:
    visits = row[VISITS]
    often = visits >= _VISITS and 2 * visits >= _SHARE * events
    return often and row[EXCLUSIVE] <= _NS * visits and not row[NAME].endswith(":<module>")


def _visible(text: str) -> str:
    """In one line; a pattern takes any character where one cannot be shown."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _escaped(name: str) -> str:
    return _visible("".join(f"\\{character}" if character in _SPECIAL else character for character in name))
