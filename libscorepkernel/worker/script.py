# SPDX-License-Identifier: BSD-3-Clause
"""Write mode: the marked cells as a Python script (script_cells.py), and shell scripts that run it under Score-P, here
or as a batch job (script_runner.py)."""

from __future__ import annotations

import importlib.machinery
import os
import re
import shlex
import sys
from typing import Callable, NamedTuple, Optional

from .base.errors import NotMeasured
from .measure import binding_arguments

_NAME = "jupyter_to_script"
UNDONE = "Nothing was written"


class Wanted(NamedTuple):
    """What %%start_writefile asked for."""

    name: str
    ranks: Optional[int]
    slurm: bool
    force: bool


def parse(text: str) -> Wanted:
    """[NAME] [--mpi N] [--slurm] [--force]. NotMeasured: it is something else."""
    first, _, rest = text.partition("\n")
    lines = [first, *(line for line in rest.split("\n") if not line.lstrip().startswith("#"))]
    given = binding_arguments.split("\n".join(lines), "%%start_writefile", UNDONE)
    words, name, ranks = list(given), "", None
    while words:
        word = words.pop(0)
        if word == "--mpi" and words and re.fullmatch("0*[1-9][0-9]{0,8}", words[0]):
            ranks = int(words.pop(0))
        elif word in ("--slurm", "--force"):
            continue
        elif word.startswith("-") or name or word == "--mpi" or not word.isprintable():
            raise NotMeasured(
                f"{UNDONE}: %%start_writefile [NAME] [--mpi N] [--slurm] [--force] does not know {word!r}."
            )
        else:
            name = word
    name = name[:-3] if name.endswith(".py") else name
    if name and not os.path.basename(name):
        raise NotMeasured(f"{UNDONE}: {name} is a directory's name. Begin with the name of a script in it.")
    if os.path.basename(name) == "scorep":
        raise NotMeasured(
            f"{UNDONE}: beside a scorep.py, Python would take that for Score-P's bindings. Begin with another name."
        )
    return Wanted(name or _NAME, ranks, "--slurm" in given, "--force" in given)


def _hidden(name: str, directory: str) -> str:
    """The module that a script of that name stands before; "": none."""
    if name in getattr(sys, "stdlib_module_names", ()):
        return f"Python's own module {name}"
    paths = [path for path in sys.path if path and os.path.abspath(path) != directory]
    installed = name.isidentifier() and importlib.machinery.PathFinder.find_spec(name, paths)
    return f"the installed module {name}" if installed else ""


def write(options: dict, transform: Callable[[str], str]) -> str:
    """Write the script and its runner, and say so. NotMeasured, or ValueError: nothing was written."""
    # Now, as it takes some milliseconds that the start of a session need not wait for.
    from . import script_cells, script_files, script_runner

    wanted = parse(options["write"])
    script = script_cells.Script(options["cells"], options["arguments"], transform)
    base = os.path.abspath(os.path.expanduser(wanted.name))
    name = os.path.basename(base)
    runner = script_runner.Runner(base, wanted, script.arguments, script.environment)
    texts = {".py": script.text(name), **runner.texts()}
    files = {base + ending: text for ending, text in texts.items()}
    script_files.write(files, f"{name}.py", wanted.force, f"%%start_writefile {shlex.quote(wanted.name)} --force")
    how = f"{'Submit' if wanted.slurm else 'Run'} it with: {shlex.quote(base + '_run.sh')}"
    also = "" if wanted.slurm else f" ({shlex.quote(base + '.sh')} does the same)"
    said = [f"Written: {base}.py", how + also]
    notes = [*script.notes, *runner.notes]
    hidden = _hidden(name, os.path.dirname(base))
    if hidden:
        notes.append(f"{name}.py hides {hidden} from programs that are started in its directory.")
    if importlib.machinery.PathFinder.find_spec("scorep") is None:
        notes.append(
            f"{sys.executable} has no Score-P bindings, which the runner needs: `pip install scorep` installs them "
            "where there is a Score-P."
        )
    return "\n".join([*said, *(f"Note: {note}" for note in dict.fromkeys(notes))]) + "\n"
