# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's directives as magics of IPython's: so that they complete with Tab and explain themselves with `?`. What
they do is done by the library, which reads them before a cell comes here; one that comes here stands in the wrong
place."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from IPython.core.error import UsageError

from . import table

# What nobody imports, but runs as a program.
_DOCTOR = f"{__name__.partition('.')[0]}.doctor.command"


def _explained(name: str, described: table.Directive) -> str:
    """What `?` shows: the summary, and the help text, or where there is none how the directive is written."""
    if described.explanation:
        return f"{described.summary}\n\n{described.explanation}\n"
    sign = "%" if described.is_line else "%%"
    lines = [described.summary, "", "::", "", f"    {sign}{name} {described.usage}".rstrip(), ""]
    lines += [f"{option.name} {option.value}".rstrip() + f": {option.summary}." for option in described.options]
    return "\n".join(lines) + "\n"


def _misplaced(name: str, described: table.Directive) -> Callable:
    """A magic for the directive: explains it, and refuses to run, as the library has not seen it where it belongs."""

    def directive(line: str, cell: str = "") -> None:
        if described.is_line:
            raise UsageError(f"%{name} must be all of a cell")
        raise UsageError(f"%%{name} must be the cell's first line that is neither blank nor a comment")

    directive.__doc__ = _explained(name, described)
    directive.__name__ = name
    return directive


def scorep_doctor(line: str) -> None:
    """Say whether cells can be measured here, and what to do where not.

    ::

        %scorep_doctor [--json]

    Looks at this Python, Score-P, its bindings and its MPI, at memory, directories and SCOREP_ variables, and at the
    programs that read what is measured. Each line has a verdict: ok, WARNING, ERROR, or - for what is not there and not
    needed; below it stands what to do. Changes nothing. --json: the same for programs. On the command line it is
    `scorepkernel doctor`.
    """
    if line.strip() not in ("", "--json"):
        raise UsageError(f"%scorep_doctor does not know {line.strip()!r}; it takes --json, or nothing")
    # Now, as it takes some milliseconds that the start of a session need not wait for.
    doctor = importlib.import_module(_DOCTOR)
    found = doctor.checks()
    print(doctor.as_json(found) if line.strip() else doctor.as_text(found))


def register(shell: Any) -> None:
    """Make the directives known to IPython, as magics."""
    shell.register_magic_function(scorep_doctor, "line")
    for name, described in table.DIRECTIVES.items():
        directive = _misplaced(name, described)
        if described.is_line:
            shell.register_magic_function(directive, "line", name)
            continue
        shell.register_magic_function(directive, "cell", name)
        # What IPython looks for when the directive stands further down.
        shell.register_magic_function(directive, "line", f"%{name}")
