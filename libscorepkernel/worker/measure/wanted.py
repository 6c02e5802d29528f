# SPDX-License-Identifier: BSD-3-Clause
"""What the user asks for a measured cell: by its directive, and by the settings that are in force."""

from __future__ import annotations

import enum
from typing import Any, Dict, NamedTuple, Optional, Sequence

from . import binding_arguments


class Process(enum.Enum):
    """Where a measured cell is to run: the values of PROCESS."""

    AUTO = "auto"  # in the session, unless something about the cell needs another way
    SESSION = "session"
    FORKED = "forked"  # in a forked copy of it
    LAUNCH = "launch"  # in a process of its own


class Wanted(NamedTuple):
    """As the library sends it with a cell, where it says something; else as it is by default."""

    text: str = ""  # the directive's line
    lines: int = 0  # of the cell, up to the directive and with it
    guard: Optional[bool] = None  # --guard or --no-guard; None: as it costs little or much
    repeat: int = 1  # how many times the cell is measured
    process: Process = Process.AUTO
    arguments: str = ""  # of the bindings, an instrumenter file in them by its absolute path
    disk: bool = False  # MODE=disk: variables travel in files of a directory
    marshaller: str = ""  # the module; the library always names one
    ranks: int = 0  # --ranks; 0: as many as the launcher starts, if there is one
    launcher: str = ""  # the command of %%scorep_launcher
    gather: Sequence[str] = ()  # names
    said: Optional[Dict[str, Any]] = None  # all that the library sent, for the experiment's record

    @property
    def is_for_ranks(self) -> bool:
        """Whether the cell is to run as many processes."""
        return bool(self.ranks or self.launcher)


def read(said: Dict[str, Any]) -> Wanted:
    """Read what the library's JSON asks for."""
    if said.get("arguments"):
        said = {**said, "arguments": binding_arguments.placed(said["arguments"])}
    known = {name: value for name, value in said.items() if name in Wanted._fields}
    if "process" in known:
        known["process"] = Process(known["process"])
    return Wanted(said=said, **known)
