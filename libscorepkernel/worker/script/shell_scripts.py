# SPDX-License-Identifier: BSD-3-Clause
"""The shell scripts that run a written script under Score-P, or submit it."""

from __future__ import annotations

import os
import re
import shlex
import sys
from typing import Dict, Iterable, List

from ..measure import binding_arguments
from ..measure.systems import score_p
from . import plain_magics
from .plain_magics import Variable
from .wanted import UNDONE, Wanted

# Where a shell script lies, also if it is called by way of a link, or moved with the script.
_HERE = 'here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE:-$0}")")'
_SCRIPT = "SCOREPKERNEL_SCRIPT"  # a batch job's own file is a copy somewhere else


class Runner:
    """The shell scripts."""

    def __init__(
        self, base: str, wanted: Wanted, arguments: str, changes: Iterable[plain_magics.Variable]
    ) -> None:
        self.notes: List[str] = []
        self._name, self._base, self._wanted = os.path.basename(base), base, wanted
        binding_arguments.parse(arguments, UNDONE)
        self._arguments = shlex.split(binding_arguments.placed(arguments))
        self._environment = self._lines(changes)

    def texts(self) -> Dict[str, str]:
        """By what they add to the script's name."""
        beside = f'"$here"/{shlex.quote(self._name)}'
        if self._wanted.slurm:
            submits = f"Submits {self._name}.sbatch, which runs {self._name}.py; both lie beside this file."
            submit = f'export {_SCRIPT}={beside}.py\nexec sbatch {beside}.sbatch "$@"\n'
            return {"_run.sh": _beginning(submits) + submit, ".sbatch": self._job()}
        runs = f"Runs {self._name}.py, which lies beside this file, under Score-P."
        return {
            "_run.sh": _beginning(runs) + self._environment + self._command(f"{beside}.py"),
            ".sh": _beginning(f"The same as {self._name}_run.sh.") + f'exec bash {beside}_run.sh "$@"\n',
        }

    def _job(self) -> str:
        path = _in_quotes(self._base + ".py").replace("}", "\\}")
        directives = [
            f"#SBATCH --job-name={shlex.quote(self._name)}",
            f"#SBATCH --ntasks={self._wanted.ranks or 1}",
            "#SBATCH --time=00:30:00  # as your site wants it",
        ]
        about = f"# Runs {self._name}.py under Score-P. {self._name}_run.sh submits it."
        start = "\n".join(["#!/bin/bash", *directives, about, "set -eu"])
        return f"{start}\n{self._environment}" + self._command(f'"${{{_SCRIPT}:-{path}}}"')

    def _lines(self, changes: Iterable[Variable]) -> str:
        """The environment that Score-P finds: the session's, with the cells' changes."""
        given = [Variable(name, os.environ[name]) for name in sorted(os.environ) if plain_magics.is_for_runner(name)]
        final = {variable.name: variable for variable in [*given, *changes]}
        wrong = [name for name in final if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
        for name in wrong:
            del final[name]
            self.notes.append(f"the variable {name!r} is left out, as no shell can set one of that name.")
        unset = [name for name, variable in final.items() if variable.value is None]
        lines = [f"unset {name}" for name in unset]
        lines += [f"export {name}={_value(variable)}" for name, variable in final.items() if variable.value is not None]
        missing = [name for name in score_p.DEFAULTS if name not in final or name in unset]
        lines += [f"export {name}=${{{name}:-{score_p.DEFAULTS[name]}}}" for name in missing]
        return "".join(f"{line}\n" for line in lines)

    def _command(self, path: str) -> str:
        wanted, arguments = self._wanted, self._arguments
        if wanted.ranks and not any(word.startswith("--mpp") for word in arguments):
            arguments = ["--mpp=mpi", *arguments]
        launcher = []
        if wanted.ranks:
            launcher = ["srun"] if wanted.slurm else ["mpirun", "-n", str(wanted.ranks)]
        return f"exec {shlex.join([*launcher, sys.executable, '-m', 'scorep', *arguments])} {path} \"$@\"\n"


def _beginning(about: str) -> str:
    return f"#!/bin/bash\n# {about}\nset -eu\n{_HERE}\n"


def _in_quotes(text: str) -> str:
    """Within double quotes."""
    return re.sub(r'(["\\`$])', r"\\\1", text)


_SHELL_NAME = re.compile(r"(\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})", re.ASCII)


def _value(variable: Variable) -> str:
    """As a shell is told it. In %env, $NAME is for the shell to know, and $(command) is not."""
    value, quotes = variable.value or "", ""
    if variable.as_shell and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        quotes, value = value[0], value[1:-1]
    if not variable.as_shell or quotes == "'" or not _SHELL_NAME.search(value):
        return shlex.quote(value)
    parts = _SHELL_NAME.split(value)  # each second one is such a name
    return '"' + "".join(part if at % 2 else _in_quotes(part) for at, part in enumerate(parts)) + '"'
