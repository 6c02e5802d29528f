# SPDX-License-Identifier: BSD-3-Clause
"""What one of the doctor's checks says."""

from __future__ import annotations

import enum
from typing import NamedTuple, Tuple


class Verdict(str, enum.Enum):
    """What it comes to; its value stands in the JSON."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    ABSENT = "none"  # it is not there, and not needed


class Check(NamedTuple):
    """What a check found."""

    what: str
    verdict: Verdict
    detail: str
    remedy: str  # empty: none is needed


# The same without its first member, which the table of checks has.
Finding = Tuple[Verdict, str, str]
