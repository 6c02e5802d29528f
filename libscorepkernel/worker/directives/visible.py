# SPDX-License-Identifier: BSD-3-Clause
"""Texts of ours that hold words of users': what a terminal would obey in them, or what has the rest read in another
order, is shown instead, as libscorepkernel/base/print.h does."""

from __future__ import annotations

import re

# Controls but for the ends of lines, and what tells directions.
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """For a terminal or a page."""
    return _OBEYED.sub(lambda found: _written(ord(found.group())), text)


def _written(point: int) -> str:
    if point == 9:
        return " "
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def in_a_line(text: str) -> str:
    """The same, and no more than one line."""
    return visible(text).replace("\n", "\\n")
