# SPDX-License-Identifier: BSD-3-Clause
"""Write mode: the marked cells as a Python script (marked_cells.py), and shell scripts that run it under Score-P, here
or as a batch job (shell_scripts.py)."""

from __future__ import annotations

import importlib.machinery
import os
import shlex
import sys
from typing import Callable

from .wanted import parse


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
    from . import marked_cells, shell_scripts, written_files

    wanted = parse(options["write"])
    script = marked_cells.Script(options["cells"], options["arguments"], transform)
    base = os.path.abspath(os.path.expanduser(wanted.name))
    name = os.path.basename(base)
    runner = shell_scripts.Runner(base, wanted, script.arguments, script.environment)
    texts = {".py": script.text(name), **runner.texts()}
    files = {base + ending: text for ending, text in texts.items()}
    written_files.write(files, f"{name}.py", wanted.force, f"%%start_writefile {shlex.quote(wanted.name)} --force")
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
