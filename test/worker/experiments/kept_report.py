# SPDX-License-Identifier: BSD-3-Clause
"""A report as experiments keep it, for tests: a cell that calls work twice, and a thread that waits for the GIL; and the
same with each of its values replaced by a wrong one."""

import copy
from typing import Any, Dict, Iterator, List, Tuple

CELL = "<ipython-input-7-0123456789ab>"
# Columns of a node, behind parent, function, line, samples, growth: python, native, ran, stood, ready, and waited six times.
PYTHON, NATIVE, RAN, STOOD, READY, SLEEP, GIL = 0, 1, 2, 3, 4, 6, 10


def _node(parent: int, function: int, line: int, samples: int = 0, **times: int) -> List[int]:
    ns = [0] * 11
    for name, value in times.items():
        ns[globals()[name.upper()]] = value
    return [parent, function, line, samples, 0, *ns]


def report(name: str = "work") -> Dict[str, Any]:
    """name: that of the function that the cell calls."""
    return {
        "directory": "/tmp/experiment",
        "seconds": 1.0,
        "events": 6,
        "region_count": 1,
        "regions": [[f"__main__:{name}", CELL, 5, 2, 300, 200, 0, -1, "7", 0]],
        "sampling": {
            "seconds": 1.0,
            "samples": 900,
            "functions": [
                ["<module>", CELL, 1, 4],
                ["run_code", "/lib/IPython/x.py", 1, 2],
                [name, CELL, 5, 0],
                ["apply", "/lib/pandas/frame.py", 7, 1],
            ],
            "threads": [[1, True, 0, 10**9, [], 10], [2, False, 0, 10**9, [], 10, 3]],
            "nodes": [
                _node(-1, -1, 0),
                _node(0, 1, 5, 1, python=1_000_000),
                _node(1, 0, 2, 100, python=100_000_000, sleep=50_000_000),
                _node(2, 2, 6, 100, python=30_000_000, native=10_000_000, ready=40_000_000),
                _node(3, 3, 8, 100, ran=10_000_000, stood=20_000_000),
                _node(-1, -1, 1),
                _node(5, 2, 6, 90, python=10_000_000, gil=80_000_000),
            ],
            "sources": {CELL: {"cell": "7", "text": "work()"}},
        },
    }


_WRONG = (None, True, -2, 2**70, 1.5, float("nan"), "x", "\ud800", [], [[]], {}, {"x": 1}, [None] * 20)


def _places(value: Any, place: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    yield place
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*place, key))


def wrong_reports() -> Iterator[Dict[str, Any]]:
    """The report with a wrong value at each place of it, or without what is there."""
    for place in _places(report()):
        if not place:
            continue
        for wrong in _WRONG:
            changed = report()
            _parent(changed, place)[place[-1]] = copy.deepcopy(wrong)
            yield changed
        changed = report()
        del _parent(changed, place)[place[-1]]
        yield changed


def _parent(changed: Dict[str, Any], place: Tuple[Any, ...]) -> Any:
    value: Any = changed
    for key in place[:-1]:
        value = value[key]
    return value
