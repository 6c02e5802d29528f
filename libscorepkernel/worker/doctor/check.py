# SPDX-License-Identifier: BSD-3-Clause
"""What one of the doctor's checks says."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class Check(NamedTuple):
    """What a check found."""

    what: str
    verdict: str  # "ok", "warning", "error", or "none": not there, and not needed
    detail: str
    remedy: str  # empty: none is needed


# The same without its first member, which the table of checks has.
Finding = Tuple[str, str, str]
