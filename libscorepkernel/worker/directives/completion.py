# SPDX-License-Identifier: BSD-3-Clause
"""What may stand at the cursor in a cell that begins with a directive: its options, its KEY=VALUE words, and the
environment variables of %%scorep_env. From the rows of the directives' table, and from what Score-P lists."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from ..measure import scorep_variables
from . import table

_FIRST_LINE = re.compile(r"(?:[ \t]*(?:#.*)?\n)*[ \t]*%%(\w+)(?=[ \t\n])")
_KEYS = re.compile(r"(\w+)=([\w|]+)")
_WORD = re.compile(r"[^\s]*\Z")


class Completion(NamedTuple):
    """What may stand between two places of the code, and one sentence on it."""

    start: int
    end: int
    text: str
    meaning: str


def find(code: str, position: int) -> Optional[List[Completion]]:
    """The completions at a position, in characters; None: the cell has no directive that has any there, so that it is
    for IPython to say."""
    first = _FIRST_LINE.match(code)
    described = table.DIRECTIVES.get(first.group(1)) if first else None
    if not first or not described or position <= first.end():
        return None
    in_first_line = "\n" not in code[first.end() : position]
    word = _WORD.search(code, 0, position)
    assert word  # which matches the empty text, too
    if in_first_line and described.options and word.group().startswith("-"):
        known = [(option.name, option.summary) for option in described.options]
    elif first.group(1) == "scorep_env":
        known = _variables()
    elif "=" in described.usage:
        known = _pairs(described.usage, word.group())
    else:
        return None
    found = [
        Completion(word.start(), position, text, meaning)
        for text, meaning in known
        if text.lower().startswith(word.group().lower()) and text != word.group()
    ]
    return found or None


def _pairs(usage: str, word: str) -> List[Tuple[str, str]]:
    """The KEY= words of a usage; behind a KEY=, its values, where they are listed."""
    key = word.partition("=")[0]
    pairs = dict(_KEYS.findall(usage))
    if "=" in word:
        values = pairs.get(key.upper(), "").split("|")
        return [(f"{key}={value}", "") for value in values if value and not value.isupper()]
    return [(f"{name}=", values.replace("|", ", ")) for name, values in pairs.items()]


def _variables() -> List[Tuple[str, str]]:
    """The environment variables that can be set, each with an equals sign behind it."""
    program = scorep_variables.lister()
    of_score_p = scorep_variables.listed(program) if program else []
    of_score_p = of_score_p or list(scorep_variables.OBEYED_BY_THE_TRACER)
    ours = [*scorep_variables.SETTINGS, *scorep_variables.OF_THE_EXISTING_KERNEL]
    return [(f"{name}=", "of Score-P") for name in of_score_p] + [(f"{name}=", "of this kernel") for name in ours]
