# SPDX-License-Identifier: BSD-3-Clause
"""What the user is told of variables that did not travel."""

from __future__ import annotations

from typing import Any, List

# The name under which a cell's result travels that is no variable.
RESULT = "_scorepkernel_result"


def of_not_transferred(variables: Any, way: str) -> List[str]:
    """A sentence for each of them. variables: not_transferred.NotTransferred. way: THERE, BACK or NEW."""
    texts = (f"{one.name} ({one.type}) could not go {way}: {one.path}: {one.reason}" for one in variables)
    return [with_result_named(text) for text in texts]


THERE = "into the launched process"
BACK = "back from the launched process; the session keeps its old value"
NEW = "back from the launched process; the session does not have it"


def with_result_named(text: str) -> str:
    """The text with words in the place of RESULT, a name that the user does not know."""
    return text.replace(RESULT, "the cell's result")
