# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's directives as magics of IPython's: so that they complete with Tab and explain themselves with `?`. What
they do is done by the library, which reads them before a cell comes here; one that comes here stands in the wrong
place."""

from __future__ import annotations

import importlib
from typing import Any, Callable

from IPython.core.error import UsageError

from . import notebook_magics, table

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


def scorep_report(line: str) -> None:
    """Show the report of an experiment again.

    ::

        %scorep_report [EXPERIMENT] [--view lines|calls|flame|threads|regions] [--top N]
                       [--by exclusive|inclusive|calls] [--threads | --ranks] [--from cell|profile|trace]

    EXPERIMENT: its directory, or that directory's name; by default the one that was measured last. That of any program
    which Score-P has measured can be named, too, and any OTF2 archive (traces.otf2): its calls are shown.

    --view: one part of the report, opened; several may be given. --top: so many regions, instead of 10. --by: what
    regions are sorted by. --threads, --ranks: each has a call tree of its own. --from: what was shown under the cell,
    what Score-P's profile says, or what the trace does; by default the first of them that is there.
    """
    _experiments().show(line)


def scorep_experiments(line: str) -> None:
    """List what this notebook has measured: when, how long it took, the size of its files, and the cell.

    ::

        %scorep_experiments [--keep N] [--remove EXPERIMENT ...]

    --keep N: remove all experiments of this notebook but the newest N. --remove: remove those that are named. Both say
    what they removed; nothing else is ever removed.
    """
    _experiments().list_or_remove(line)


def scorep_compare(line: str) -> None:
    """Say what has become faster or slower between two experiments, line by line.

    ::

        %scorep_compare [EXPERIMENT EXPERIMENT]

    By default the one that was measured last, and the one of the same cell before it. Lines are matched by their
    source, so that a changed cell can be compared; what is within the accuracy of the samples is called noise.
    """
    _experiments().compare(line)


def scorep_export(line: str) -> None:
    """Write what was measured for another viewer.

    ::

        %scorep_export [EXPERIMENT] speedscope|chrome|folded|pprof|html [--to FILE]

    speedscope: for https://www.speedscope.app. chrome: for https://ui.perfetto.dev and chrome://tracing. folded: stacks
    with their microseconds, one a line, for flamegraph.pl. pprof: for pprof -http=: FILE, by what the time was spent
    on. html: the report as one page for any browser, with the cell. The file is named after the experiment, in the
    working directory, unless --to names another. A file that is there is overwritten only if it is of that format:
    its name ends with .speedscope.json, .chrome.json, .folded or .pb.gz, or it is such a page.
    """
    _experiments().export(line)


def scorep_result(line: str) -> Any:
    """Give what was measured as a value, for your own analysis.

    ::

        result = %scorep_result [EXPERIMENT]

    EXPERIMENT: its directory, or that directory's name; by default the one that was measured last.

    result.tree        the call tree that was sampled, a table of pandas: seconds by Python, native code and waiting
    result.regions     the functions of the trace or of Score-P's profile, with their visits
    result.events      the trace's Enter and Leave events; needs OTF2's Python module (python3-otf2)
    result.hatchet()   the call tree as Hatchet's GraphFrame
    result.literal()   the same as a list, which Hatchet's GraphFrame.from_literal() takes
    result.pipit()     the events as Pipit's Trace
    """
    return _experiments().result(line)


def scorep_filter(line: str) -> None:
    """Write a filter file that leaves out the functions which are called most and take least.

    ::

        %scorep_filter [EXPERIMENT] [--suggest] [--to FILE] [--apply]

    What an experiment (by default the one that was measured last) spent its events on decides. Says how many events and
    bytes of trace there were, and how many there will be about. The file is scorep.filter in the working directory,
    unless --to names another; one of the user's own is not overwritten. --suggest says what is
    done in any case. --apply: the next measured cells obey it, too (SCOREP_FILTERING_FILE).
    """
    _experiments().write_filter(line)


def _experiments() -> Any:
    # Now, as it takes some milliseconds that the start of a session need not wait for.
    from ..experiments import line_magics

    return line_magics


_LINE_MAGICS = (
    scorep_doctor,
    scorep_report,
    scorep_experiments,
    scorep_compare,
    scorep_export,
    scorep_result,
    scorep_filter,
)


def register(shell: Any) -> None:
    """Make the directives known to IPython, as magics."""
    for magic in (*_LINE_MAGICS, *notebook_magics.MAGICS):
        shell.register_magic_function(magic, "line")
    for name, described in table.DIRECTIVES.items():
        directive = _misplaced(name, described)
        if described.is_line:
            shell.register_magic_function(directive, "line", name)
            continue
        shell.register_magic_function(directive, "cell", name)
        # What IPython looks for when the directive stands further down.
        shell.register_magic_function(directive, "line", f"%{name}")
