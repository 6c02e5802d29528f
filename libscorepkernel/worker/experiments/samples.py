# SPDX-License-Identifier: BSD-3-Clause
"""What was sampled of a measured cell, read from the report that its experiment keeps: the call tree, node by node. The
file may be another program's, or be damaged: all of it is checked here, so that nobody else has to."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

# The same limits as those of report/samples.h.
_FUNCTIONS_MAX, _NODES_MAX, _THREADS_MAX = 1 << 18, 1 << 18, 1 << 16
_NUMBER_MAX = 10**18
# Whose code a function is: enum kind of tracer/record/scope.h.
USERS, LIBRARYS, KERNELS, WRAPPERS, CELLS = range(5)
KINDS = ("user", "library", "kernel", "wrapper", "cell")
# Less that is known than this share of what is not is too little to divide that by.
_KNOWN = 0.05
# Columns of a node (tracer/module/module_sampling.c), and where in them its own times begin.
_COLUMNS, _TIMES = 16, 5


class NothingSampled(ValueError):
    """The experiment has no samples; the text says why that may be, and what there is instead."""


class NotUnderstood(ValueError):
    """The report is not as this kernel writes it; the text says so."""


class Spent(NamedTuple):
    """Nanoseconds, by what they were spent on."""

    python: int
    native: int
    waiting: int
    gil: int


class Function(NamedTuple):
    """A function that was seen running. cell: the number of the cell that it stands in; empty where it is in none."""

    name: str
    file: str
    line: int
    code: int
    cell: str

    @property
    def place(self) -> str:
        """Where it stands, for people, without the line."""
        return f"In [{self.cell}]" if self.cell else self.file.rpartition("/")[2]

    @property
    def is_shown(self) -> bool:
        """Whether it is a part of what the user ran: neither the kernel's and IPython's below and above the cell, nor a
        wrapper of the bindings."""
        return self.code not in (KERNELS, WRAPPERS)


class Thread(NamedTuple):
    """A thread that was sampled. rank: -1 where there is one process."""

    number: int
    native_id: int
    runs_cell: bool
    rank: int

    @property
    def name(self) -> str:
        """What it is called in what is handed on."""
        name = "the cell" if self.runs_cell else f"thread {self.number}"
        return name if self.rank < 0 else f"rank {self.rank}: {name}"


class Node(NamedTuple):
    """A function in a line of it, as it was called by the node above. parent, function: -1 where it stands for the
    thread itself. thread: its number."""

    parent: int
    function: int
    line: int
    thread: int
    samples: int
    own: Spent


class Samples(NamedTuple):
    """All that was sampled. A node stands behind its parent."""

    functions: List[Function]
    threads: List[Thread]
    nodes: List[Node]


def read(report: Dict[str, Any]) -> Samples:
    """The samples of a report, as experiments keep it. NothingSampled, NotUnderstood."""
    sampling = report.get("sampling")
    if not sampling or not isinstance(sampling, dict) or not sampling.get("nodes"):
        raise NothingSampled(
            "This experiment has no samples of what the cell executed: it was too short, or sampling was off "
            "(SCOREPKERNEL_SAMPLING). Its trace is in traces.otf2."
        )
    try:
        functions = _functions(_rows(sampling, "functions", _FUNCTIONS_MAX), sampling.get("sources"))
        threads = [_thread(number, row) for number, row in enumerate(_rows(sampling, "threads", _THREADS_MAX))]
        nodes = _nodes(_rows(sampling, "nodes", _NODES_MAX), len(functions), len(threads))
    except (TypeError, ValueError, LookupError):
        raise NotUnderstood(
            f"The samples in the report of {report.get('directory')} are not as this kernel writes them: the file was "
            "changed, or another version wrote it. Measure the cell again."
        ) from None
    return Samples(functions, threads, nodes)


def stack(nodes: List[Node], number: int) -> Iterator[int]:
    """The numbers of a node and of those that called it, up to that of its thread. Not kept for each node: deep
    recursion has many, and each would hold all of those above it."""
    while number >= 0:
        yield number
        number = nodes[number].parent


def inclusive(nodes: List[Node]) -> List[Spent]:
    """The time of each node with all that it called."""
    sums = [list(node.own) for node in nodes]
    for number in range(len(nodes) - 1, -1, -1):
        parent = nodes[number].parent
        if parent >= 0:
            sums[parent] = [of_all + of_one for of_all, of_one in zip(sums[parent], sums[number])]
    return [Spent(*one) for one in sums]


def _rows(sampling: Dict[str, Any], name: str, most: int) -> List[Any]:
    rows = sampling[name]
    if not isinstance(rows, list) or len(rows) > most:
        raise ValueError(name)
    return rows


def _number(value: Any, least: int = 0, most: int = _NUMBER_MAX) -> int:
    if type(value) is not int or not least <= value <= most:  # a bool is an int to isinstance()
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _functions(rows: List[Any], sources: Any) -> List[Function]:
    known = sources if isinstance(sources, dict) else {}
    return [_function(known, *row) for row in rows]


def _function(sources: Dict[str, Any], name: Any, file: Any, line: Any, code: Any) -> Function:
    source = sources.get(_text(file))
    cell = source.get("cell") if isinstance(source, dict) else None
    cell = cell if isinstance(cell, str) and cell.isprintable() else ""
    return Function(_text(name), file, _number(line), _number(code, 0, CELLS), cell)


def _thread(number: int, row: List[Any]) -> Thread:
    rank = _number(row[6], -1) if len(row) > 6 else -1
    return Thread(number, _number(row[0]), row[1] is True, rank)


def _nodes(rows: List[Any], functions: int, threads: int) -> List[Node]:
    nodes: List[Node] = []
    for row in rows:
        parent, line = _number(row[0], -1, len(nodes) - 1), _number(row[2], 0, 2**31 - 1)
        numbers = [_number(value) for value in row[_TIMES:_COLUMNS]]
        own = _spent(*numbers)
        if parent < 0:
            nodes.append(Node(-1, _number(row[1], -1, -1), 0, _number(line, 0, threads - 1), _number(row[3]), own))
        else:
            function = _number(row[1], 0, functions - 1)
            nodes.append(Node(parent, function, line, nodes[parent].thread, _number(row[3]), own))
    return nodes


def _spent(python: int, native: int, ran: int, stood: int, ready: int, *waited: int) -> Spent:
    """The time in which a thread ran nobody knows what, or was ready without a processor, is divided as that is which
    is known of the same line (as in report/samples.c). waited: for what is not known ..., and at last for the GIL."""
    either = ran + stood + ready
    if python + native > _KNOWN * either:
        of_native = either * native // (python + native)
    else:
        of_native = either if stood > ran else 0
    *others, gil = _six(*waited)
    return Spent(python + either - of_native, native + of_native, sum(others), gil)


def _six(unknown: int, sleep: int, file: int, lock: int, child: int, gil: int) -> Tuple[int, ...]:
    return unknown, sleep, file, lock, child, gil
