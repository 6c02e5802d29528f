# SPDX-License-Identifier: BSD-3-Clause
"""A standby: a forked copy of the session, parked while a cell runs. Should the cell end the session, it goes on in its
place, from just before the cell. The copy of the session that a forked cell runs in begins in the same way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import io
import json
import os
import random
import select
import signal
import socket
import stat
import sys
import threading
import time
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from ..base import frames, tracer
from ..base.connection import Connection
from ..base.descriptors import STDERR, STDOUT, high_descriptors, socketpair
from ..base.session import Session
from . import history, locked_files, native_threads, pools

# The first to go when memory runs short.
_OOM_SCORE = 800
# A copy that is not ready by then waits for something that it does not have, as a lock of another thread's.
_COPY_SECONDS = 10.0
# What IPython has running: its history's.
_OWN_THREADS = {"IPythonHistorySavingThread"}
# Kept, as gevent replaces them by what waits for its own loop.
_fork, _waitpid = os.fork, os.waitpid


# --- parking ---------------------------------------------------------------------------------------------


class Copy(NamedTuple):
    """A parked copy of the session, as the session sees it."""

    socket: socket.socket
    pipes: List[int]
    lacks: Dict[str, int]


def copy_session(session: Session) -> Optional[Copy]:
    """Make a copy of this process. None: this is the copy, and it is wanted: it has taken over, and goes on from the
    server's beginning. OSError: there can be none. The user is warned of threads that the copy will not have."""
    natives = native_threads.found()
    with history.at_rest(session.shell):
        copy = _fork_copy(session)
    if natives and copy is not None:
        print(f"Warning: {native_threads.said_of(natives)}.", file=sys.stderr)
    return copy


def _fork_copy(session: Session) -> Optional[Copy]:
    """The copy waits for its socket: until that closes, and the copy ends, or until WORKER_SETUP comes, and it returns
    None."""
    session.connection.flush()
    _flush_files(session.descriptors())
    tracer.prepare_fork()
    lacks, keeper = _lacks(session.descriptors()), os.getppid()
    locked = locked_files.look(but=session.descriptors())
    random_state, natives = random.getstate(), native_threads.found()
    with contextlib.ExitStack() as ends, high_descriptors():
        ours, theirs = (ends.enter_context(end) for end in socketpair())
        pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(2)]
        for read, write in pipes:
            ends.callback(os.close, write)
            ends.callback(os.close, read)
        pid = _fork_and_wait()
        if pid:
            return Copy(ours.dup(), [_dup(read) for read, _ in pipes], lacks)
        ends.pop_all()  # they are the copy's
    # Nothing of what follows may come back to the cell, which would then run twice.
    try:
        ours.close()
        for read, _ in pipes:
            os.close(read)
        _become_orphan()
        tracer.die_with_parent(keeper)
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)  # out of the reach of interrupts, and of the session's end, before anybody knows of it
        theirs.send(os.getpid().to_bytes(4, "little"))
        _wait(session, theirs, [write for _, write in pipes], random_state, locked)
        _natives.update(natives)
        signal.pthread_sigmask(signal.SIG_SETMASK, _blocked[0])
    except BaseException:
        os._exit(70)
    return None


_natives: Dict[str, int] = {}  # libraries' threads, which the copy does not have
_blocked: List[Any] = [()]  # signals, as the session had them


def _dup(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 0)


def _fork_and_wait() -> int:
    """Fork; the child goes on with all signals blocked, the parent when the child has ended."""
    _blocked[0] = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    tracer.hold_child_signal(True)
    pid = -1
    try:
        pid = _fork()
        if pid:
            with contextlib.suppress(ChildProcessError):  # a thread of the user's waits for any child
                _waitpid(pid, 0)
        return pid
    finally:
        tracer.hold_child_signal(False)
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, _blocked[0])


def _flush_files(own: set) -> None:
    """What Python's files hold would be written by both processes. Looking for them takes long in a large session, so
    only where something is open for writing."""
    numbers = {int(name) for name in os.listdir("/proc/self/fd")} - own - {0, 1, 2}
    written = set(filter(_is_written, numbers))
    if not written:
        return
    for found in gc.get_objects():
        # isinstance would ask each object for its class, which a dead proxy, for one, has not.
        if issubclass(type(found), _FILES):
            kind: Any = next(kind for kind in _FILES if issubclass(type(found), kind))
            with contextlib.suppress(Exception):  # closed, or on a full disk, which its owner will see
                if kind.fileno(found) in written:
                    kind.flush(found)


_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def _is_written(number: int) -> bool:
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.fstat(number).st_mode):
            writable = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
            return writable and "/history.sqlite" not in os.readlink(f"/proc/self/fd/{number}")
    return False


def introduce(connection: Connection, copy: Copy, kind: int, request: int, *parts: Optional[bytes]) -> None:
    """Tell the library of a copy, and hand its descriptors over. The part None stands for its process number."""
    try:
        number = _number_of(copy)
        ends = [copy.socket.fileno(), *copy.pipes]
        filled = [number if part is None else part for part in parts]
        connection.send_with_descriptors(ends, kind, request, *filled)
    finally:
        copy.socket.close()
        for read in copy.pipes:
            os.close(read)


def _number_of(copy: Copy) -> bytes:
    """The copy's process number, as it says it. OSError: it says none, and is not to be counted on."""
    ready = select.poll()
    ready.register(copy.socket.fileno(), select.POLLIN)
    if not ready.poll(_COPY_SECONDS * 1000):
        raise OSError(errno.ETIMEDOUT, f"the copy of the session was not ready within {_COPY_SECONDS:g} s")
    number = copy.socket.recv(4)
    if len(number) != 4:
        raise OSError(errno.ECHILD, "the copy of the session ended at once")
    return number


def _become_orphan() -> None:
    """Not the session's child: users' os.wait() must not find it, nor wait for it. Who is the parent then, the kernel
    decides: the keeper, if the session's own process has not made itself one that takes orphans in
    (PR_SET_CHILD_SUBREAPER)."""
    between = os.getpid()
    if tracer.fork_plainly():
        os._exit(0)
    while os.getppid() == between:  # it is about to end
        time.sleep(0.00002)


def _wait(session: Session, theirs: socket.socket, outputs: list, random_state: Any, locked: list) -> None:
    """Stay parked until this copy is needed. The process ends here if it never is."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(_OOM_SCORE))
    locked_files.park(locked)
    _let_go_of_connections(keep={theirs.fileno(), *outputs})
    for target, output in zip((STDOUT, STDERR), outputs):
        os.dup2(output, target)
        os.close(output)
    frame = frames.receive_one(theirs)
    if frame is None:
        os._exit(0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")
    _forget_signals()
    random.setstate(random_state)
    session.notices[:] = locked_files.take_again(locked)
    session.take_over(theirs, json.loads(frame.parts[0]))


def _let_go_of_connections(keep: set) -> None:
    """Others wait for the end of a pipe or socket: what the session closes in the cell must not stay open here. The
    numbers stay taken, by ends that are dead: objects of the user's go on holding them."""
    dead_read, other = os.pipe2(os.O_CLOEXEC)
    os.close(other)
    other, dead_write = os.pipe2(os.O_CLOEXEC)
    os.close(other)
    left, right = socketpair()
    right.close()
    dead = {dead_read, dead_write, left.fileno()}
    _dead.update(map(_identity, dead))
    own = {*dead, *keep}
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        kind = _kind(number)
        if number in own or kind is None:
            continue
        inheritable = os.get_inheritable(number)
        if kind is stat.S_ISSOCK:
            os.dup2(left.fileno(), number, inheritable)
        elif fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            os.dup2(dead_write, number, inheritable)
        else:
            os.dup2(dead_read, number, inheritable)
    for number in (dead_read, dead_write, left.detach()):
        os.close(number)


# The ends that stand for what earlier copies let go of.
_dead: Set[Tuple[int, int]] = set()


def _identity(number: int) -> Tuple[int, int]:
    with contextlib.suppress(OSError):
        status = os.fstat(number)
        return status.st_dev, status.st_ino
    return 0, 0


def _kind(number: int) -> Any:
    with contextlib.suppress(OSError):
        mode = os.fstat(number).st_mode
        for kind in (stat.S_ISSOCK, stat.S_ISFIFO):
            if kind(mode):
                return kind
        if stat.S_ISCHR(mode) and os.readlink(f"/proc/self/fd/{number}").endswith("/ptmx"):
            return stat.S_ISSOCK  # the other end of a terminal
    return None


def _lacks(own: set) -> Dict[str, int]:
    """What the copy does not have, beside what is the worker's own and made anew."""
    connections = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2 and int(name) not in own]
    children = 0
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/children") as file:
            children += len(file.read().split())
    threads = [t for t in threading.enumerate() if not {type(t).__name__, _name_of(t)} & _OWN_THREADS]
    return {
        "threads": len(threads) - 1 + sum(native_threads.found().values()),
        "children": children,
        "connections": sum(_kind(number) is not None and _identity(number) not in _dead for number in connections),
    }


def _name_of(thread: threading.Thread) -> str:
    return str(thread.__dict__.get("_name", ""))  # the property may be one of the user's


def _forget_signals() -> None:
    """Drop signals that were sent to the original: they are not meant for the copy."""
    for number in signal.sigpending():
        with contextlib.suppress(OSError, ValueError, TypeError):
            before = signal.signal(number, signal.SIG_IGN)
            signal.signal(number, before)


# --- going on --------------------------------------------------------------------------------------------


def renew(session: Session, is_runner: bool) -> None:
    """Make anew what does not survive a fork: pools, and IPython's history where this process keeps one."""
    session.notices += pools.renew()
    if is_runner:
        session.shell.history_manager.enabled = False  # the session keeps it
    else:
        session.notices += native_threads.missed(_natives)
        try:
            session.notices += history.renew(session.shell)
        except Exception as problem:  # threads are not what they were, under gevent
            session.shell.history_manager.enabled = False
            session.notices.append(history.said_of_end(f"it failed: {problem}"))
