# SPDX-License-Identifier: BSD-3-Clause
"""Classes whose pickling runs code of theirs, as users' classes have some, and a count of how often that ran."""

from collections import Counter
from typing import Any

asked: Counter = Counter()


class Reduced:
    def __reduce__(self) -> Any:
        asked["reduce"] += 1
        return Reduced, (), {"state": [1]}


class Stateful:
    def __getstate__(self) -> Any:
        asked["getstate"] += 1
        return {"state": 1}


class Listed(list):
    def __iter__(self) -> Any:
        asked["iter"] += 1
        return super().__iter__()


class Raising:
    def __reduce__(self) -> Any:
        asked["raise"] += 1
        raise TypeError("not this one")
