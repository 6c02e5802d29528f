# SPDX-License-Identifier: BSD-3-Clause
"""The arguments that `python -m scorep` takes, as %%scorep_python_binding_arguments has them: what they say to the
kernel's measurement, and which are Score-P's own."""

from __future__ import annotations

import os
import re
import shlex
from typing import Dict, List, NamedTuple, Tuple

from ..base.errors import NotMeasured
from . import installation
from .systems import selection
from .systems.score_p import ScoreP

DIRECTIVE = "%%scorep_python_binding_arguments"
_TYPES = ("profile", "trace", "cProfile", "cTrace", "dummy")
# What the session's measurement has anyway.
NO_DIFFERENCE = (
    *("--user", "--compiler", "--nocompiler", "--thread=pthread", "--thread=none", "--mpp=none", "--io=none", "--noio"),
    *("--nomemory", "--nocuda", "--noopencl", "--noopenacc", "--nokokkos", "--nohip", "--nopomp", "--nopreprocess"),
    "--dynamic",
)
# Which options scorep-config has, for where there is none to ask.
_OPTIONS = re.compile(
    r"--(no)?(user|compiler|pomp|openmp|cuda|openacc|opencl|hip|kokkos|preprocess|dynamic|static|memory|io)"
    r"|--thread=(none|pthread|omp)(:.+)?|--mpp=(none|mpi|shmem)(:.+)?|--io=(none|((runtime|linktime):)?[a-z,]+)"
    r"|--(memory|libwrap|opencl|mutex)[=:].+"
)
# What scorep-config answers, instead of being told something.
_QUESTIONS = re.compile(
    r"--(prefix|c(xx|pp|uda)?flags.*|fflags|ldflags|libs|(event|mgmt|preload)-libs|cc|cxx|fc|(mpi|shmem)(cc|cxx|fc)"
    r"|(mpi|shmem)?libtool|version|revision|remap-specfile|adapter-init|libwrap-support.*|ldaudit|target.*|nvcc)"
)


class Arguments(NamedTuple):
    """What the bindings' arguments say."""

    instrument: bool = True  # functions are recorded from the cell's beginning on
    type: str = "cProfile"  # of the bindings' hooks
    file: str = ""  # Python code that runs before the cell's
    keep_files: bool = False
    verbose: bool = False
    for_scorep: Tuple[str, ...] = ()  # what scorep-config is told

    @property
    def records(self) -> bool:
        """Whether these arguments have anything recorded at all."""
        return self.type != "dummy"

    @property
    def at_start(self) -> List[str]:
        """Those of Score-P's arguments that must be there when a process starts."""
        return [word for word in self.for_scorep if word not in NO_DIFFERENCE]


_NOT_RUN, _UNCHANGED = "The cell was not run", "Nothing was changed"


def split(text: str, directive: str = DIRECTIVE, undone: str = _NOT_RUN) -> List[str]:
    """Split a directive's text into words, as a shell does. NotMeasured: it has an open quote. undone: what the message
    says did not happen."""
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise NotMeasured(
            f"{undone}: `{text}` cannot be split into words: {problem}. Write {directive} anew, with its quotes closed."
        ) from None


def parse(text: str, undone: str = _NOT_RUN) -> Arguments:
    """Read the bindings' arguments. NotMeasured: one of them cannot be obeyed; undone: what has not happened then."""
    try:
        return _parsed(split(text, undone=undone))
    except ValueError as problem:
        raise NotMeasured(f"{undone}: {problem}") from None


def _parsed(words: List[str]) -> Arguments:
    """Read the arguments, word by word. ValueError: a word is no argument of the bindings'."""
    found, for_scorep = Arguments(), []  # type: Arguments, List[str]
    for word in words:
        name, equals, value = word.partition("=")
        if word in ("--noinstrumenter", "--nopython"):
            found = found._replace(instrument=False)
        elif name == "--instrumenter-type":
            if not equals:
                raise ValueError(
                    f"{word} lacks its type: write --instrumenter-type=TYPE, in one word; the types are "
                    f"{_listed(_TYPES)}."
                )
            if value not in _TYPES:
                raise ValueError(f"{word} is none of the bindings' types of instrumenter, which are {_listed(_TYPES)}.")
            found = found._replace(type=value)
        elif name == "--instrumenter-file":
            if not value:
                raise ValueError(f"{word} names no file: write --instrumenter-file=FILE, in one word.")
            found = found._replace(file=value)
        elif word == "--keep-files":
            found = found._replace(keep_files=True)
        elif word in ("--verbose", "-v"):
            found = found._replace(verbose=True)
        elif word == "--mpi":  # its name in older notebooks
            for_scorep.append("--mpp=mpi")
        else:
            _look_at(word)
            for_scorep.append(word)
    return found._replace(for_scorep=tuple(for_scorep))


def _listed(words: Tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1]


def _look_at(word: str) -> None:
    """Look at a word that is for scorep-config. ValueError: it is not, and why."""
    if word == "--":
        raise ValueError("-- separates the arguments from a program, and here the program is the cell: leave it out.")
    if word == "--help" or not word.startswith("-"):
        raise ValueError(
            f"{word} is no argument of the bindings'. They have --noinstrumenter, --instrumenter-type=TYPE, "
            "--instrumenter-file=FILE, --keep-files, --verbose, and what scorep-config takes, such as "
            "--io=runtime:posix; `!scorep-config --help` lists that."
        )
    if _QUESTIONS.fullmatch(word):
        raise ValueError(f"{word} asks scorep-config something, and tells it nothing: run `!scorep-config {word}`.")
    if word == "--nouser":
        raise ValueError("--nouser would switch off all that is recorded of Python, which are Score-P's user regions.")


# Where the instrumenter files of these names lay when they were set: the session's code may change the directory.
_set_files: Dict[str, str] = {}


def placed(text: str) -> str:
    """The same arguments, with the instrumenter file named by its absolute path."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text  # which is said where they are understood
    return shlex.join(_placed(word) for word in words)


def _placed(word: str) -> str:
    name, _, value = word.partition("=")
    if name != "--instrumenter-file" or not value:
        return word
    return f"{name}={_set_files.get(value) or _absolute(value)}"


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


# --- when they are set -----------------------------------------------------------------------------------


def check(text: str) -> List[str]:
    """What the user is to know of arguments that are to be in force. NotMeasured: they cannot be obeyed, and why."""
    found = parse(text, _UNCHANGED)
    try:
        return _checked(found)
    except ValueError as problem:
        raise NotMeasured(f"{_UNCHANGED}: {problem}") from None


def _checked(found: Arguments) -> List[str]:
    if found.file and not os.path.isfile(_absolute(found.file)):
        raise ValueError(
            f"there is no file {_absolute(found.file)}, which --instrumenter-file names. Write it first, or correct "
            "the name."
        )
    if found.file:
        _set_files[found.file] = _absolute(found.file)
    notes = _about_hooks(found)
    if found.keep_files:
        notes.append("--keep-files: the kernel compiles nothing and makes no temporary files, so none are kept.")
    return notes + _about_scorep(found)


def _about_hooks(found: Arguments) -> List[str]:
    if found.type == "dummy":
        return ["--instrumenter-type=dummy: nothing is recorded, and the experiments are empty."]
    if found.type in ("trace", "cTrace", "profile"):
        return [
            f"--instrumenter-type={found.type}: functions are recorded by the kernel's own hook, which costs less, "
            "with the same events."
        ]
    return []


def _about_scorep(found: Arguments) -> List[str]:
    words = list(found.for_scorep)
    if not words:
        return []
    config = installation.locate() if selection.asked_for() in (selection.AUTO, ScoreP.key) else None
    if config is None:
        return _about_built_in(words)
    refusal = installation.refusal(config, words)
    if refusal:
        raise ValueError(f"this Score-P does not take {' '.join(words)}. {config} says: {refusal}")
    notes = []
    if "--thread=none" in words:
        notes.append("--thread=none: threads get locations of their own all the same, as with --thread=pthread.")
    if found.at_start:
        notes.append(f"{' '.join(found.at_start)} must be there when a process starts: measured cells are launched.")
    return notes


def _about_built_in(words: List[str]) -> List[str]:
    unknown = [word for word in words if not _OPTIONS.fullmatch(word)]
    if unknown:
        raise ValueError(f"{' '.join(unknown)} is no argument of the bindings', nor of scorep-config.")
    idle = [word for word in words if word not in NO_DIFFERENCE]
    if not idle:
        return []
    return [
        f"{' '.join(idle)}: the built-in tracer, which measures here, records Python's functions and the regions that "
        "your code names, and nothing of this. Score-P does, where scorep-config is on PATH."
    ]
