# SPDX-License-Identifier: BSD-3-Clause
"""The marked cells, in their order, as a Python script; and what is to be said of it. What a cell is in plain Python is
translator.py's business. Pure."""

from __future__ import annotations

import ast
import enum
import re
import sys
from typing import Callable, Dict, Iterable, List, NamedTuple, Tuple

from . import plain_magics, python_helpers, python_names, translator

# What IPython's lists of a command's lines have.
_OF_LINES = ("l", "n", "s", "p", "list", "nlstr", "spstr", "paths", "grep", "fields")

_HEAD = """\
#!{python}
# The cells of a notebook. {name}_run.sh, beside this file, runs it under Score-P; Python alone runs it, too.
# What is not to be instrumented is framed by "with _scorep_instrumenter.disable()".
{futures}import os

try:
    import scorep.instrumenter as _scorep_instrumenter

    with _scorep_instrumenter.disable():
        import scorep.user
except ImportError:  # Score-P's Python bindings are not installed, and nothing can be measured

    class _scorep_instrumenter:
        from contextlib import nullcontext as disable
"""


class Kind(enum.Enum):
    """What a marked cell is: as the library's script_directive.c names it."""

    CODE = "code"
    EXECUTE = "execute"  # code that is instrumented
    ARGUMENTS = "arguments"  # of Score-P's bindings
    ENVIRONMENT = "environment"  # variables
    ENABLE = "enable"  # from here on, cells are instrumented
    FINALIZE = "finalize"  # and here no longer


class _Part(NamedTuple):
    number: int
    text: str


class Script:
    """The marked cells, in order: code, and directives that concern the code or the runner."""

    def __init__(self, cells: List[dict], arguments: str, transform: Callable[[str], str]) -> None:
        self.arguments = arguments
        self.notes: List[str] = []
        self._parts: List[_Part] = []
        sources = [_source(cell) for cell in cells if Kind(cell["kind"]) in (Kind.CODE, Kind.EXECUTE)]
        self.translator = translator.Translator(transform, sources)
        is_instrumented = False
        for number, cell in enumerate(cells, 1):
            kind = Kind(cell["kind"])
            if kind in (Kind.ENABLE, Kind.FINALIZE):
                is_instrumented = kind is Kind.ENABLE
            text = self._part(number, cell, is_instrumented or kind is Kind.EXECUTE)
            self._parts.append(_Part(number, f"# --- cell {number} ---\n{text}"))
        self._add_notes()

    @property
    def environment(self) -> List[plain_magics.Variable]:
        """What the runner changes, in order."""
        return self.translator.found.environment

    def _part(self, number: int, cell: dict, is_instrumented: bool) -> str:
        kind, found = Kind(cell["kind"]), self.translator.found
        found.cell = number
        name, *options = cell.get("directive", "").split() or [""]
        if options:
            found.note(f"{' '.join(options)} of {name} has no effect in a script.")
            if "--ranks" in cell["directive"]:
                found.note("%%start_writefile NAME --mpi N has the script run as N ranks.")
        if kind is Kind.ARGUMENTS:
            self.arguments = cell["arguments"]
            return f"# The runner gives to Score-P's bindings: {' '.join(self.arguments.split()) or 'nothing'}"
        if kind is Kind.ENVIRONMENT:
            place = plain_magics.Place(found, set(), False, True)
            changes = [plain_magics.change(place, *change) for change in cell["environment"]]
            return "\n".join(f"# {plain.comment}" if plain.comment else plain.code for plain in changes)
        if kind in (Kind.ENABLE, Kind.FINALIZE):
            return f"# The cells from here on are{'' if is_instrumented else ' not'} instrumented"
        code = self.translator.cell(number, _source(cell))
        return code if is_instrumented else translator.uninstrumented(code)

    def text(self, name: str) -> str:
        """All of it, which Python has compiled. Untranslatable."""
        helpers = set(self.translator.found.helpers)
        code = self._assembled(name, helpers)
        missing = python_names.undefined(code)
        if "display" in missing:
            code = self._assembled(name, helpers | {"display"})
        tree = translator.quietly(ast.parse, code)
        self._name_missing(missing - {"display"} | ({"get_ipython"} if python_names.takes_ipython(tree) else set()))
        self._name_lines(tree)
        return code

    def _assembled(self, name: str, helpers: Iterable[str]) -> str:
        imports, definitions = python_helpers.sources(helpers)
        futures = "".join(f"{line}\n" for line in self.translator.futures)
        parts = [_HEAD.format(python=_interpreter(), name=name, futures=futures)]
        if imports:
            parts[0] += "\n\n" + translator.uninstrumented("\n".join(imports)) + "\n"
        parts += [f"\n{definition}\n" for definition in definitions]
        starts: List[Tuple[int, int]] = []
        for part in self._parts:
            starts.append((sum(text.count("\n") + 1 for text in parts) + 1, part.number))
            parts.append(f"\n{part.text}\n")
        code = "\n".join(parts)
        try:
            translator.quietly(compile, code, f"{name}.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            line = getattr(problem, "lineno", None) or 0
            number = max((number for start, number in starts if start <= line), default=1)
            translator.untranslatable(number, translator.explained(problem))
        return code

    # --- what is to be said of it ---

    def _add_notes(self) -> None:
        found = self.translator.found
        missed: Dict[str, List[str]] = {}
        for magic, number in found.missed:
            missed.setdefault(magic, []).append(str(number))
        for magic, numbers in missed.items():
            self.notes.append(f"{_cells(numbers)}: not translated, and a comment in the script: {magic}")
        self.notes += found.notes

    def _name_missing(self, missing: Iterable[str]) -> None:
        """Names that are used and not bound."""
        trees = [(part.number, translator.quietly(ast.parse, part.text)) for part in self._parts]
        used = [(str(number), python_names.used(tree)) for number, tree in trees]
        for name in sorted(missing):
            users = [number for number, names in used if name in names]
            if python_names.is_of_ipython(name):
                self.notes.append(f"{_cells(users)}: {name} is IPython's; where it is used, the script stops.")
            elif not self.translator.imports_unknown:
                self.notes.append(f"{_cells(users)}: no cell defines {name}; where it is used, the script stops.")

    def _name_lines(self, tree: ast.AST) -> None:
        """What IPython's lists of a command's lines have, and plain lists have not."""
        for name in python_names.attributes_of(python_names.bound_to(tree, "_notebook_output"), tree, _OF_LINES):
            self.notes.append(f"{name} is IPython's: in the script, what a command writes is a plain list of lines.")


def _interpreter() -> str:
    """For a script's first line, which has no room for some."""
    fits = len(sys.executable) < 120 and not re.search(r"\s", sys.executable)
    return sys.executable if fits else "/usr/bin/env python3"


def _source(cell: dict) -> str:
    return "\n".join(cell["code"].split("\n")[cell["lines"] :])


def _cells(numbers: List[str]) -> str:
    return f"cell{'s' if len(numbers) > 1 else ''} {', '.join(dict.fromkeys(numbers))}"
