# SPDX-License-Identifier: BSD-3-Clause
"""The files of write mode: all are written, or none, and no file of the user's is replaced. A file of ours is known by
a line in its head, with a checksum of the rest: it was not changed since, and is replaced when the notebook runs
again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from typing import Dict, List, Optional, Tuple

from ..base.errors import NotMeasured

_LARGEST = 64 << 20
_LINE = b"# %s: by the Score-P kernel, which writes it anew as long as nobody has changed it (sha256 %s).\n"
_OURS = re.compile(re.escape(_LINE).replace(b"%s", b"([^\n]*)", 1).replace(b"%s", b"([0-9a-f]{64})"))


def write(texts: Dict[str, str], owner: str, force: bool, forced: str) -> None:
    """Write each text to its path. owner: the script that they are part of. NotMeasured: there are others' files, or
    they could not be written; forced: what replaces files nevertheless."""
    for path in texts:
        if os.path.isdir(path) and not os.path.islink(path):
            raise NotMeasured(f"Nothing was written: {path} is a directory. Begin with another name.")
        if os.path.lexists(path) and not force and not _is_ours(path, owner):
            raise NotMeasured(
                f"Nothing was written: {path} exists already, and was not written by write mode, or was changed since. "
                f"Begin with another name, or with {forced}; then run %%end_writefile again. The marked cells are kept."
            )
    try:
        _put({path: _marked(text, owner) for path, text in texts.items()})
    except (OSError, UnicodeError) as problem:
        raise NotMeasured(
            f"Nothing was written: {problem}. Mend that, or begin with another name; then run %%end_writefile again. "
            "The marked cells are kept."
        ) from None


def _marked(text: str, owner: str) -> bytes:
    """With the line that says whose it is, behind the first line."""
    content = text.encode("utf-8", "surrogateescape")
    line = _LINE % (os.fsencode(owner), hashlib.sha256(content).hexdigest().encode())
    first, _, rest = content.partition(b"\n")
    return first + b"\n" + line + rest


def _is_ours(path: str, owner: str) -> bool:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return False
        with open(path, "rb") as file:
            content = file.read(_LARGEST)
    except OSError:
        return False
    found = _OURS.search(content)
    if found is None or found.group(1) != os.fsencode(owner):
        return False
    rest = content[: found.start()] + content[found.end() :]
    return hashlib.sha256(rest).hexdigest().encode() == found.group(2)


def _put(contents: Dict[str, bytes]) -> None:
    """Under other names first. What was there is kept until all of them stand in their places."""
    unique = os.urandom(4).hex()
    made: List[Tuple[str, str]] = []
    moved: List[Tuple[Optional[str], str]] = []
    try:
        for number, (path, content) in enumerate(contents.items()):
            made.append((_beside(path, f"{unique}-new{number}"), path))
            _create(made[-1][0], content)
        for number, (temporary, path) in enumerate(made):
            kept = _beside(path, f"{unique}-old{number}") if os.path.lexists(path) else None
            if kept:
                os.rename(path, kept)
            moved.append((kept, path))
            os.rename(temporary, path)
    except BaseException:
        for kept, path in moved:
            with contextlib.suppress(OSError):
                os.replace(kept, path) if kept else os.unlink(path)
        raise
    finally:
        for leftover in [temporary for temporary, _ in made] + [kept for kept, _ in moved if kept]:
            with contextlib.suppress(OSError):
                os.unlink(leftover)


def _beside(path: str, what: str) -> str:
    return os.path.join(os.path.dirname(path), f".scorepkernel-{what}")


def _create(path: str, content: bytes) -> None:
    """Executable for whom may read it, as far as the user's umask lets it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(path, flags, 0o777), "wb") as file:
        file.write(content)
