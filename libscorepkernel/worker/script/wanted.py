# SPDX-License-Identifier: BSD-3-Clause
"""What %%start_writefile asks for."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

from ..base.errors import NotMeasured
from ..measure import binding_arguments

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
