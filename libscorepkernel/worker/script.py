# SPDX-License-Identifier: BSD-3-Clause
"""Write mode: the marked cells as a Python script, and a script that runs it under Score-P, here or as a batch job."""

from __future__ import annotations

import ast
import os
import re
import shlex
import stat
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from . import launch_plan, systems

_NAME = "scorep_notebook"
_UNDONE = "Nothing was written"


class Wanted(NamedTuple):
    """What %%start_writefile asked for."""

    name: str
    ranks: Optional[int]
    slurm: bool
    force: bool


def parse(text: str) -> Wanted:
    """[NAME] [--mpi N] [--slurm] [--force]. NotMeasured: it is something else."""
    given = launch_plan.split(text, "%%start_writefile", _UNDONE)
    words, name, ranks = list(given), "", None
    while words:
        word = words.pop(0)
        if word == "--mpi" and words and words[0].isdigit() and int(words[0]) > 0:
            ranks = int(words.pop(0))
        elif word in ("--slurm", "--force"):
            continue
        elif word.startswith("-") or name or word == "--mpi":
            raise systems.NotMeasured(
                f"{_UNDONE}: %%start_writefile [NAME] [--mpi N] [--slurm] [--force] does not know {word!r}."
            )
        else:
            name = word
    name = name[:-3] if name.endswith(".py") else name
    return Wanted(name or _NAME, ranks, "--slurm" in given, "--force" in given)


def write(options: dict, transform: Callable[[str], str]) -> str:
    """Write both files, and say so."""
    wanted = parse(options["write"])
    script = os.path.abspath(os.path.expanduser(wanted.name + ".py"))
    runner = os.path.abspath(os.path.expanduser(wanted.name + (".sbatch" if wanted.slurm else ".sh")))
    for path in (script, runner):
        if os.path.lexists(path) and not wanted.force:
            raise systems.NotMeasured(
                f"{_UNDONE}: {path} exists already. Begin with another name, or with "
                f"%%start_writefile {shlex.quote(wanted.name)} --force"
            )
    missed: List[str] = []
    code = _python(options["cells"], transform, missed)
    arguments = launch_plan.split(options["arguments"], "%%scorep_python_binding_arguments", _UNDONE)
    command = _shell(script, wanted, arguments)
    try:
        _put(script, code)
        _put(runner, command)
    except OSError as problem:
        raise systems.NotMeasured(f"Nothing usable was written: {problem}. Begin with another name.") from None
    said = [f"Written: {script}", f"Run it with: {'sbatch ' if wanted.slurm else ''}{shlex.quote(runner)}"]
    said += [f"Note: not translated, and a comment in the script: {magic}" for magic in missed]
    return "\n".join(said) + "\n"


def _put(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, os.stat(path).st_mode | (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH) & ~_umask())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# --- the Python script -----------------------------------------------------------------------------------


def _python(cells: List[dict], transform: Callable[[str], str], missed: List[str]) -> str:
    """Cells without the directive are not instrumented. They are framed by calls, not by a block: indenting would
    change texts that go over lines."""
    futures: List[str] = []
    parts = []
    for number, cell in enumerate(cells, 1):
        lines = cell["code"].split("\n")[cell["lines"] :]
        code = _translated(transform("\n".join(lines)), missed).rstrip()
        code = _without_futures(code, futures)
        head = f"# --- cell {number} ---\n"
        if cell["lines"]:
            parts.append(head + code)
        else:
            parts.append(f"{head}scorep.instrumenter.unregister()\n{code}\nscorep.instrumenter.register()")
    head = f"#!{sys.executable}\n# -*- coding: utf-8 -*-\n" + "".join(f"{line}\n" for line in futures)
    return head + "import scorep.instrumenter\nimport scorep.user\n\n" + "\n\n".join(parts) + "\n"


def _without_futures(code: str, futures: List[str]) -> str:
    """`from __future__ import` must come first in a file."""
    found = re.findall(r"^from __future__ import [^\n]*$", code, re.M)
    futures += [line for line in found if line not in futures]
    return re.sub(r"^(from __future__ import [^\n]*)$", r"# \1 (see above)", code, flags=re.M)


# IPython turns magics into calls of its shell; each: the statement in plain Python.
def _set_variable(line: str) -> Optional[str]:
    name, sign, value = line.partition("=")
    return f"import os; os.environ[{name.strip()!r}] = {value.strip()!r}" if sign else None


_MAGICS: Dict[str, Callable[[str], Optional[str]]] = {
    "env": _set_variable,
    "set_env": _set_variable,
    "cd": lambda line: f"import os; os.chdir(os.path.expanduser({line.strip()!r}))",
    "time": lambda line: line,
    "run": lambda line: f"import runpy; runpy.run_path({line.strip()!r}, run_name='__main__')",
    "matplotlib": lambda line: "import matplotlib; matplotlib.use('Agg')",
    "load_ext": lambda line: None,
}


def _translated(code: str, missed: List[str]) -> str:
    lines = code.split("\n")
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return code  # it fails where it would have failed in the notebook
    for statement in reversed(body):
        found = _shell_call(statement)
        if found is None:
            continue
        kind, arguments = found
        plain = _plain(kind, arguments)
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        if plain is None:
            text = f"%{' '.join(arguments)}" if kind == "run_line_magic" else f"%%{' '.join(arguments[:2])}"
            missed.insert(0, text.strip())
            lines[first:last] = [f"# not translated: {line}" for line in lines[first:last]] + ["pass"]
        else:
            lines[first:last] = [plain]
    return "\n".join(lines)


def _shell_call(statement: ast.stmt) -> Any:
    """("system", ["ls"]) of `get_ipython().system("ls")`; None: it is something else."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    target = call.func.value
    if not (isinstance(target, ast.Call) and getattr(target.func, "id", "") == "get_ipython"):
        return None
    return call.func.attr, [getattr(argument, "value", "") for argument in call.args]


def _plain(kind: str, arguments: List[str]) -> Optional[str]:
    if kind == "system":
        return f"import subprocess; subprocess.run({arguments[0]!r}, shell=True)"
    if kind == "run_line_magic" and arguments[0] in _MAGICS:
        return _MAGICS[arguments[0]](arguments[1] if len(arguments) > 1 else "")
    return None


# --- the script that runs it -----------------------------------------------------------------------------


def _shell(script: str, wanted: Wanted, arguments: List[str]) -> str:
    head = ["#!/bin/bash"]
    if wanted.slurm:
        job = shlex.quote(os.path.basename(wanted.name))
        head += [f"#SBATCH --job-name={job}", f"#SBATCH --ntasks={wanted.ranks or 1}"]
        head += ["#SBATCH --time=00:30:00  # as your site wants it"]
    head += ["set -eu"]
    variables = sorted(name for name in os.environ if name.startswith("SCOREP_") and "SCOREP_JUPYTER_" not in name)
    head += [f"export {name}={shlex.quote(os.environ[name])}" for name in variables]
    head += [f"export {name}=${{{name}:-{value}}}" for name, value in systems.DEFAULTS.items() if name not in variables]
    if wanted.ranks and not any(word.startswith("--mpp") for word in arguments):
        arguments = ["--mpp=mpi", *arguments]
    command = [sys.executable, "-m", "scorep", *arguments, script]
    launcher = []
    if wanted.ranks:
        launcher = ["srun"] if wanted.slurm else ["mpirun", "-n", str(wanted.ranks)]
    return "\n".join([*head, f"exec {shlex.join([*launcher, *command])} \"$@\""]) + "\n"
