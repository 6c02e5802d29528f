# SPDX-License-Identifier: BSD-3-Clause
"""Pickling may run users' code (__reduce__, __getstate__ ...), which may end its process; and so may what is nested
more deeply than the stack carries. So the session pickles such variables in a forked copy of itself, which writes the
file. A variable that ends the copy is one that cannot travel; the session goes on.

What is known to run no users' code is pickled in the session: a fork, and copying what pickling touches, takes time."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import sys
import warnings
from typing import Any, Collection, Dict, Iterator, List, NoReturn, Optional, Tuple

from ..base import tracer
from ..base.descriptors import high_descriptors
from . import grouping, transfer, users_code, variables_file
from .keys import is_class, name_in
from .not_transferred import NotTransferred, describe, qualified_name, type_name

_ENDED_BY = 5  # variables that end a copy, before the cell is not run


class UsersCode(KeyboardInterrupt):
    """It would be run now. It goes through all that goes around what cannot be pickled, as an interrupt does."""


class Ended(RuntimeError):
    """The copy has ended, and by more than a variable or two."""


class Watch:
    """Looks at each class whose instances are pickled, once."""

    def __init__(self, stops: bool = False) -> None:
        self.stops = stops  # at one that runs users' code when it is pickled
        self.pickling = False  # users' code is run then
        self.loading = False
        self._seen: Dict[int, type] = {}  # and kept alive: ids are compared

    def look(self, kind: type) -> None:
        """UsersCode: it is to stop here."""
        if id(kind) in self._seen:
            return
        self._seen[id(kind)] = kind
        if users_code.runs_when_pickled(kind):
            self.pickling = self.loading = True
        elif users_code.runs_when_loaded(kind):
            self.loading = True
        if self.stops and self.pickling:
            raise UsersCode

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, look at each class whose instances are pickled."""
        from .picklers import notebook_pickler

        with notebook_pickler.told_of_classes(self.look):
            yield


# --- in the session ---------------------------------------------------------------------------------------

# Users' code was met last time: so it need not be found again by pickling half of all.
_expected = [False]


def send(namespace: Dict[str, Any], file_descriptor: int, hidden: Collection[str], marshaller: str) -> transfer.Sent:
    """As transfer.send, from the session, which goes on whatever users' code does. Ended: the copy cannot do it."""
    deep = grouping.carried_levels()
    if not _expected[0] and (deep is None or sys.getrecursionlimit() <= deep):
        with contextlib.suppress(UsersCode), Watch(stops=True).watching():
            return transfer.send(namespace, file_descriptor, hidden, None, marshaller)
    refused: List[NotTransferred] = []
    while True:
        reply, status, last = _in_copy(namespace, file_descriptor, hidden, marshaller, refused)
        if reply is not None:
            return _taken(reply)
        if last not in namespace or len(refused) == _ENDED_BY:
            raise Ended(f"the copy of the session that pickled its variables {_ending(status)}, at {last or 'none'}")
        reason = f"the copy of the session that pickled it {_ending(status)}"
        refused.append(NotTransferred(last, type_name(namespace[last]), last, reason))


def _taken(reply: Dict[str, Any]) -> transfer.Sent:
    """Read what the copy says of the file that it has written."""
    if "errno" in reply:
        failed = variables_file.Unwritable(reply["errno"], reply["strerror"])
        failed.needed = reply["needed"]
        raise failed
    if "problem" in reply:
        if reply["interrupt"]:
            raise KeyboardInterrupt
        raise Ended(f"its variables could not be pickled: {reply['problem']}")
    _expected[0] = reply["pickling"]
    transfer.recognize_classes(reply["classes"])
    largest = [(name, kind, size) for name, kind, size in reply["largest"]]
    return transfer.Sent([NotTransferred(*lost) for lost in reply["lost"]], reply["size"], largest)


def _in_copy(*job: Any) -> Tuple[Optional[Dict[str, Any]], int, str]:
    """Pickle in a copy. What it replied at its end (None: nothing), its wait status, and the variable that it was at
    last. Ended: there can be no copy."""
    state = random.getstate()  # a fork makes another
    with high_descriptors():
        reading, writing = os.pipe2(os.O_CLOEXEC)
    tracer.hold_child_signal(True)  # its end is not the business of a handler of the user's
    try:
        try:
            parent, child = os.getpid(), _fork()
            if child == 0:
                _be_copy(parent, writing, state, job)
        finally:
            os.close(writing)
        try:
            said = _read(reading)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            status = _reaped(child)
    finally:
        tracer.hold_child_signal(False)
        os.close(reading)
    *names, end = said.split(b"\n")
    return json.loads(end) if end else None, status, json.loads(names[-1]) if names else ""


def _fork() -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other threads, which the copy does not need
            return os.fork()
    except OSError as problem:
        why = f"there can be no copy of the session to pickle its variables in: {problem.strerror}"
        raise Ended(f"{why}. End processes that are not needed, and run the cell again") from None


def _read(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _reaped(child: int) -> int:
    while True:
        try:
            return os.waitpid(child, 0)[1]
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        except ChildProcessError:
            return -1  # a thread of the user's has waited for any child


def _ending(status: int) -> str:
    if status < 0:
        return "ended"
    if os.WIFSIGNALED(status):
        return f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"


# --- in the copy ------------------------------------------------------------------------------------------


def _be_copy(parent: int, writing: int, state: Any, job: Tuple) -> NoReturn:
    """Called in the copy: pickle, say what came of it, and end without what the session wants done at its own end."""
    try:
        with contextlib.suppress(AttributeError):  # a tracer is not there
            tracer.die_with_parent(parent)
        gc.disable()  # which would copy much of the memory, and finish objects that are the session's
        random.setstate(state)
        reply = _pickled(writing, *job)
    except BaseException as problem:
        reply = {"problem": describe(problem), "interrupt": isinstance(problem, KeyboardInterrupt)}
    _write(writing, json.dumps(reply).encode())
    os._exit(0)


def _pickled(
    writing: int, namespace: Any, file: int, hidden: Any, marshaller: str, refused: List[NotTransferred]
) -> dict:
    classes: Dict[str, Any] = {}
    watch = Watch()

    def announce(key: str, value: Any) -> None:
        if is_class(key):
            classes[name_in(key)] = (id(value), qualified_name(value))
        else:
            _write(writing, json.dumps(name_in(key)).encode() + b"\n")

    try:
        with watch.watching():
            sent = transfer.send(namespace, file, hidden, None, marshaller, refused, announce)
    except variables_file.Unwritable as problem:
        return {"errno": problem.errno, "strerror": problem.strerror, "needed": problem.needed}
    return {**sent._asdict(), "classes": classes, "pickling": watch.pickling}


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
