# SPDX-License-Identifier: BSD-3-Clause
"""A cell: its source, what is asked for it, and what IPython makes of it."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Callable, List, NamedTuple, Optional

from ..base.errors import NotMeasured
from . import binding_arguments, report, scorep_api
from .wanted import Wanted


class Place(NamedTuple):
    """Where a cell's experiment is, if that has been decided."""

    directory: Optional[str]
    rank: Optional[int]  # this process's number, where several measure one cell; 0 writes cell.py and the record

    @property
    def is_first(self) -> bool:
        return not self.rank


class Cell:
    """A cell's source and what was asked for it."""

    def __init__(
        self, source: str, wanted: Optional[Wanted], options: dict, metadata: dict, session: dict
    ) -> None:
        """options: as WORKER_EXECUTE has them. metadata: of the client's request. session: of WORKER_SETUP."""
        self.source = source
        self.wanted = wanted
        self.number: int = options["execution_count"]
        self.id: Optional[str] = metadata.get("cellId")
        self.session = session
        self.repeat = wanted.repeat if wanted else 1
        self.place = Place(options.get("launched", {}).get("directory"), session.get("rank"))
        self.parts: List[Cell] = []  # the cells that are measured as this one
        for part in options.get("cells", ()):
            own = {"execution_count": self.number}
            self.parts.append(Cell(part["code"], Wanted(lines=part["lines"]), own, {"cellId": part["id"]}, session))
        if self.parts:
            self.source = "\n\n".join(f"# --- cell {i} ---\n{part.source}" for i, part in enumerate(self.parts, 1))
        self.arguments = binding_arguments.Arguments()
        self.transformed = self.source
        self.problem: Any = None  # sys.exc_info() of a transformation that failed

    def transform(self, transformer: Callable[[str], str]) -> None:
        """IPython's transformation of the code. The directive becomes a comment and keeps its line, so that line
        numbers stay those of the cell, and a magic that follows it is still the cell's first."""
        for part in self.parts:
            part.transform(transformer)
        if self.parts:
            return
        skip = self.wanted.lines if self.wanted else 0
        lines = self.source.split("\n")
        while skip and skip < len(lines) - 1 and not lines[skip].strip():
            skip += 1  # IPython would leave it out
        head = "".join(f"# {line.strip()}\n" if line.strip().startswith("%") else line + "\n" for line in lines[:skip])
        try:
            self.transformed = head + transformer("\n".join(lines[skip:]))
        except Exception:  # reported where IPython reports it
            self.problem = sys.exc_info()

    def prepare(self, shell: Any) -> bool:
        """Understand the bindings' arguments and run their instrumenter file, before anything is measured. False: the
        file failed, and the cell is not to be run; the user has been told. NotMeasured: they cannot be obeyed."""
        self.arguments = binding_arguments.parse(self.wanted.arguments if self.wanted else "")
        if not self.arguments.file:
            return True
        path = os.path.abspath(os.path.expanduser(self.arguments.file))
        try:
            with io.open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
        except (OSError, SyntaxError, ValueError) as problem:
            raise NotMeasured(
                f"The cell was not run: --instrumenter-file={path} cannot be used: {problem}. Correct it, or take it "
                "back with\n%%scorep_python_binding_arguments -"
            ) from None
        try:
            with scorep_api.Preparation(self.arguments.instrument) as preparation:
                exec(code, {"__name__": "__main__", "__file__": path, "__builtins__": __builtins__})
        except BaseException:
            print(f"The cell was not run: its --instrumenter-file={path} failed.", file=sys.stderr, flush=True)
            shell.showtraceback()
            return False
        instrument = self.arguments.instrument or preparation.registered
        self.arguments = self.arguments._replace(instrument=instrument)
        return True

    @property
    def first_line(self) -> str:
        """The cell's first line that is not blank."""
        skip = self.wanted.lines if self.wanted else 0
        lines = [line.strip() for line in self.source.split("\n")[skip:]]
        return next(filter(None, lines), "")

    def scope(self, shell: Any) -> Any:
        """The names of the files that the tracer is to take for the cell's own code."""
        if not self.parts:
            return self.file_name(shell)
        begin = report.MARKED_CELL
        names = (f"{begin}{number}: {part.first_line[:80]}".rstrip(": ") for number, part in enumerate(self.parts, 1))
        return tuple(zip((part.file_name(shell) for part in self.parts), names))

    def file_name(self, shell: Any) -> str:
        """The name of the file that IPython will compile the code as."""
        compiler = shell.compile
        if hasattr(compiler, "get_code_name"):
            return compiler.get_code_name(self.source, self.transformed, self.number)
        return compiler.code_name(self.transformed, self.number)  # before IPython 7.19
