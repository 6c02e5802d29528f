# SPDX-License-Identifier: BSD-3-Clause
"""Where a cell's experiment lies: which name it gets, what is done with that which has the name already, and how our
own files are written there. It decides before Score-P could, which would rename whatever has the name.

Only an experiment is ever renamed. A directory is used as it is only where it is empty and nobody but its owner, the
user of this process, can put anything into it: OTF2 and Score-P open their files by path, and would follow links that
somebody else had put there."""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import json
import os
import re
import secrets
import stat
import time
from typing import List, Optional

from ..base.errors import NotMeasured

VARIABLE = "SCOREP_EXPERIMENT_DIRECTORY"
# A place that the user can write, and nobody else.
EXAMPLE = f"%env {VARIABLE}={os.path.join(os.path.expanduser('~'), 'scorep-run')}"
# Where the session began, which is where the notebook is; users' code may go elsewhere.
NOTEBOOK_DIRECTORY = os.getcwd()
_FALSE = ("false", "no", "off", "0")
_TRUE = ("true", "yes", "on", "1", "")
_OVERWRITE = "SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY"
# What is found in experiments and nowhere else: ours, Score-P's, OTF2's, Cube's. Regular files, and the user's.
_MARKS = ("scorepkernel.json", "scorep.cfg", "traces.otf2", "profile.cubex")
# What else measurements leave there, and Scalasca after them; NFS has names for what is removed while it is open.
_PARTS = re.compile(
    r"cell\.py|scorepkernel-report\.json|MANIFEST\.md"
    r"|traces\.def|(initial_)?scorep\.filter|scorep\.(log|score)|scout\.(cubex|err|log)"
    r"|summary\.cubex|trace\.(cubex|stat)|\.nfs[0-9a-f]+"
)
# And the directories among it, with what is in those.
_DIRECTORIES = (
    (re.compile(r"traces"), re.compile(r"\d+\.(def|evt|snap)|\.nfs[0-9a-f]+")),
    (re.compile(r"tau"), re.compile(r"snapshot\.\d+\.\d+\.\d+")),
)
_RANK = re.compile(r"rank-\d+")  # the experiment of one of many, until they have been made one
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def new_name(beside: str = NOTEBOOK_DIRECTORY) -> str:
    """A path for a new experiment directory beside the notebook, which nothing has yet."""
    return os.path.join(beside, f"scorep-{_date_and_chance()}")


def make(only_name: bool, warnings: List[str], beside: str = NOTEBOOK_DIRECTORY) -> str:
    """The experiment directory, new and empty: where SCOREP_EXPERIMENT_DIRECTORY says, else beside the notebook. An
    older experiment of that name is renamed. only_name: its parent is made, not itself. NotMeasured: it cannot be, or
    what has the name is something else."""
    wanted, may_rename = os.environ.get(VARIABLE), _may_rename()
    path = wanted or beside
    try:
        if wanted:
            path = _path_of(wanted)
            _make_named(path, only_name, may_rename, warnings)
            return path
        while True:
            path = new_name(beside)
            with contextlib.suppress(FileExistsError):
                if not only_name or not os.access(beside, os.W_OK | os.X_OK):
                    os.mkdir(path, _mode_in(beside))
                return path
    except OSError as problem:
        raise unwritable(path, problem) from None


def stranger_in(path: str) -> Optional[str]:
    """What a directory holds that is not part of an experiment, by its name; None: nothing, and it is one. OSError."""
    return _not_of_an_experiment(path, os.listdir(path))


def is_of_rank(directory: str) -> bool:
    """Whether it is the experiment of one of many, of which one will be made."""
    return bool(_RANK.fullmatch(os.path.basename(directory)))


def write(directory: str, name: str, text: str) -> None:
    """Write one of our files into an experiment, through no link. OSError."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(opened)  # of what Score-P may have made, as the umask has it
        if status.st_mode & _OTHERS_WRITE & ~_mode_in(os.path.dirname(directory)):
            os.fchmod(opened, stat.S_IMODE(status.st_mode) & ~_OTHERS_WRITE)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o666, dir_fd=opened)
    finally:
        os.close(opened)
    with io.open(file, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(text)


def write_record(directory: str, record: dict) -> None:
    """How the cell was measured: scorepkernel.json. OSError."""
    write(directory, "scorepkernel.json", json.dumps(record, indent=2, ensure_ascii=False, default=str) + "\n")


def unwritable(directory: str, problem: OSError) -> NotMeasured:
    """The error of a cell whose experiment cannot be written, for the user."""
    return NotMeasured(
        f"The cell was not run: the experiment directory {directory} cannot be written: {problem.strerror}. "
        f"Set {VARIABLE} to a place that can, for example with\n{EXAMPLE}"
    )


def _date_and_chance() -> str:
    """As in names of Score-P's own, but so that names sort by time: four digits of milliseconds since the minute began,
    and four of chance."""
    now = time.time()
    return f"{time.strftime('%Y%m%d_%H%M', time.localtime(now))}_{int(now % 60 * 1000):04x}{secrets.token_hex(2)}"


# --- a name that the user has set ------------------------------------------------------------------------


def _path_of(wanted: str) -> str:
    """The path that a user's name stands for. A link of the user's own stands for what it leads to, now and when that
    has been renamed."""
    path = os.path.join(os.getcwd(), os.path.expanduser(wanted))
    if ".." in path.split("/"):
        path = os.path.realpath(path)  # which is not where the text alone leads, behind a link
    path = os.path.normpath(path)
    if os.path.islink(path):
        if os.lstat(path).st_uid not in (os.geteuid(), 0):
            raise _refused(path, "is a link of another user's", _another(path))
        path = os.path.realpath(path)
        if os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return path


def _make_named(path: str, only_name: bool, may_rename: bool, warnings: List[str]) -> None:
    in_use = (NOTEBOOK_DIRECTORY, "the session's directory"), (_working_directory(), "the working directory")
    for other, what in in_use:
        if other and _contains(path, other):
            is_it = os.path.realpath(path) == os.path.realpath(other)
            raise _refused(path, f"{'is' if is_it else 'contains'} {what}", os.path.join(path, "scorep-run"))
    if os.path.realpath(path) == os.path.realpath(os.path.expanduser("~")):
        raise _refused(path, "is the home directory", os.path.join(path, "scorep-run"))
    if os.path.lexists(path):
        _make_way(path, only_name, may_rename, warnings)
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    if not only_name and not os.path.isdir(path):
        os.mkdir(path, _mode_in(parent))


def _may_rename() -> bool:
    text = os.environ.get(_OVERWRITE, "")
    said = text.strip().lower()
    if said not in _FALSE and said not in _TRUE:
        raise NotMeasured(
            f"The cell was not run: {_OVERWRITE} is {text[:80]!r}, but must be true (an older experiment of the wanted "
            "name is renamed, as without the variable) or false (it stays, and the cell is not run)."
        )
    return said not in _FALSE


def _working_directory() -> Optional[str]:
    with contextlib.suppress(OSError):  # it has been removed
        return os.getcwd()
    return None


def _contains(path: str, other: str) -> bool:
    return f"{os.path.realpath(other)}/".startswith(f"{os.path.realpath(path).rstrip('/')}/")


def _make_way(path: str, only_name: bool, may_rename: bool, warnings: List[str]) -> None:
    """What has the name is renamed, if it is an experiment, or used, if it is an empty directory."""
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, "there is a file of that name", path)
    names = _taken_in_hand(path)
    if not names:
        if only_name:
            os.rmdir(path)
        return
    stranger = _not_of_an_experiment(path, names)
    if stranger is not None:
        why = f"holds {stranger}, which is not part of an experiment"
        raise _refused(path, why, os.path.join(path, "scorep-run"))
    if not may_rename:
        why = f"holds an experiment, and {_OVERWRITE} says that it is to stay there"
        raise _refused(path, why, _another(path))
    kept = f"{path}-{_date_and_chance()}"
    os.rename(path, kept)
    warnings.append(f"The experiment that was at {path} is now at {kept}.")


def _taken_in_hand(path: str) -> List[str]:
    """The names in a directory. If there are none, nobody else can put any there from now on; NotMeasured: that cannot
    be had."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        names = os.listdir(opened)
        if names:
            return names
        status = os.fstat(opened)
        if status.st_uid != os.geteuid():
            raise _refused(path, "is an empty directory of another user's", _another(path))
        if status.st_mode & _OTHERS_WRITE:
            os.fchmod(opened, stat.S_IMODE(status.st_mode) & ~_OTHERS_WRITE)
        return os.listdir(opened)
    finally:
        os.close(opened)


def _not_of_an_experiment(path: str, names: List[str]) -> Optional[str]:
    """What is in a directory that no measurement has left there; None: it is an experiment."""
    marked = False
    for name in sorted(names):
        status = os.lstat(os.path.join(path, name))
        stranger: Optional[str] = None if status.st_uid == os.geteuid() else name
        if stat.S_ISDIR(status.st_mode) and not stranger:
            stranger = _not_of_its_directory(path, name)
            marked = marked or bool(_RANK.fullmatch(name))
        elif stat.S_ISREG(status.st_mode) and name in _MARKS:
            marked = True
        elif not (stat.S_ISREG(status.st_mode) and (_PARTS.fullmatch(name) or name == _profile())):
            stranger = name
        if stranger is not None:
            return stranger
    return None if marked or names == ["traces"] else sorted(names)[0]  # that of a measurement that came to no end


def _not_of_its_directory(path: str, name: str) -> Optional[str]:
    below = os.path.join(path, name)
    names = os.listdir(below)
    if _RANK.fullmatch(name):
        stranger = _not_of_an_experiment(below, names) if names else None
        return f"{name}/{stranger}" if stranger else None
    known = next((parts for directory, parts in _DIRECTORIES if directory.fullmatch(name)), None)
    if known is None:
        return name
    strange = (each for each in sorted(names) if not known.fullmatch(each) or not _is_plain(os.path.join(below, each)))
    return next((f"{name}/{each}" for each in strange), None)


def _is_plain(path: str) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _profile() -> str:
    return os.environ.get("SCOREP_PROFILING_BASE_NAME", "profile") + ".cubex"


def _another(path: str) -> str:
    """A path like this one that is free."""
    names = (f"{path}-{number}" for number in itertools.count(2))
    return next(name for name in names if not os.path.lexists(name))


def _mode_in(parent: str) -> int:
    """What a new directory there is to have, before the umask takes from it: where anybody can come, as in /tmp, only
    its owner writes."""
    return 0o755 if os.stat(parent).st_mode & stat.S_IWOTH else 0o777


def _refused(path: str, why: str, instead: str) -> NotMeasured:
    return NotMeasured(
        f"The cell was not run: {VARIABLE} must name a new directory for the experiment, or an older experiment, which "
        f"is then renamed; but {path} {why}. Nothing has been changed there. Name a directory that does not exist yet, "
        f"for example with\n%env {VARIABLE}={instead}\nor unset it with `del os.environ[{VARIABLE!r}]`: then each "
        "experiment gets a directory of its own beside the notebook."
    )
