# SPDX-License-Identifier: BSD-3-Clause
"""What the user is told of variables that did not travel."""

from __future__ import annotations

from typing import Any, List

from ..persist.not_transferred import REMEDY

# The name under which a cell's result travels that is no variable.
RESULT = "_scorepkernel_result"


def of_not_transferred(variables: Any, way: str) -> List[str]:
    """A sentence for each of them, and behind the last one what to do. variables: not_transferred.NotTransferred. way:
    THERE, BACK or NEW."""
    texts = [f"{one.name} ({_what(one)}) {way}: {one.reason}".rstrip(".") + "." for one in variables]
    texts = list(map(with_result_named, texts))
    if texts:
        texts[-1] += f" {REMEDY}"
    return texts


def _what(one: Any) -> str:
    """What is in the way: the variable itself, or something in it."""
    return one.type if one.path == one.name else f"{one.type} at {one.path}"


THERE = "was not taken to the process of the cell, where using it raises an error"
BACK = "did not come back from the process of the cell, and the session keeps its old value"
NEW = "did not come back from the process of the cell, and the session does not have it"


def with_result_named(text: str) -> str:
    """The text with words in the place of RESULT, a name that the user does not know."""
    return text.replace(RESULT, "the cell's result")
