# SPDX-License-Identifier: BSD-3-Clause
"""Settings that are on or off: the kernel's own environment variables of that kind."""

from __future__ import annotations

import os

from .errors import NotMeasured

_ON, _OFF = ("1", "on", "yes", "true", "t"), ("0", "off", "no", "false", "f")


def is_on(name: str, otherwise: bool, meaning: str) -> bool:
    """Whether a variable is on. otherwise: what holds without it. meaning: what is so when it is on, as a sentence
    without its end. NotMeasured: it is neither on nor off."""
    text = os.environ.get(name, "").lower()
    if not text:
        return otherwise
    if text in _ON + _OFF:
        return text in _ON
    by_default = ["", ", as without the variable"]
    raise NotMeasured(
        f"The cell was not run: {name} is {os.environ[name][:80]!r}, but must be on ({meaning}{by_default[otherwise]}) "
        f"or off{by_default[not otherwise]}."
    )
