# SPDX-License-Identifier: BSD-3-Clause
"""The connection to the library: frames over a socket, and marked text in the two output pipes. The Python side of
libscorepkernel/wire/worker_protocol.h, which says what they look like and why."""

from __future__ import annotations

import _thread
import array
import contextlib
import fcntl
import json
import os
import select
import socket
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import Deque, Dict, List, Optional, Tuple
from weakref import WeakKeyDictionary

from . import frame_numbers
from .descriptors import STDERR, STDOUT, high_number, identity, plain_socket
from .frames import HEADER, MAX_DESCRIPTORS, MAX_LEN, Frame, decode, payload
from .interrupts import Interrupts, in_main_thread

WORKER_FD = 3

# Kept, as users' code may replace them: gevent does, for one, by what waits for its own loop.
_sleep, _exit, _poll = time.sleep, os._exit, select.poll
_start_thread, _new_lock = _thread.start_new_thread, _thread.allocate_lock
_RLock = type(threading.RLock())  # what the function makes may be another's

# Computed here: enumerations need builtins that users' code may replace.
_RECEIVE_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
_RIGHTS_ROOM = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)

# The library ends a process that has closed its end of the socket within less.
_CUT_OFF_SECONDS = 5
# Marks and text that are written together are not torn apart up to this length (PIPE_BUF).
_ATOMIC = 4096
# A text of this length is no piece of a line that more will be added to.
_PIECE_LEN = 4096
_MAX_PIECES = 64
_HOLD_SECONDS = 0.005
# One write of more than this is several, between which an interrupt is seen.
_WRITE_LEN = 1 << 18
_CONTINUED = bytes(range(0x80, 0xC0))  # what begins no character


_CUT_OFF = (
    b"This process has closed its connection to the kernel, which cannot be spoken to any more: the process is ended.\n"
)
# Of the connection's lock, when the process is about to end: whoever holds it may never let it go.
_LOCK_SECONDS = 1


class TooLarge(ValueError):
    """An output that is not sent, since the library would not take it."""


class _Signal:
    """One thread waits for the signal, and others give it."""

    def __init__(self) -> None:
        self._lock = _new_lock()
        self._lock.acquire()

    def wait(self) -> None:
        self._lock.acquire()

    def give(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has been given already
            self._lock.release()


def _wait_for(number: int, what: int, seconds: Optional[float]) -> bool:
    """Whether a descriptor is ready within that time. select() knows none from number 1024 on."""
    poll = _poll()
    poll.register(number, what)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def _copies_of_output() -> dict:
    return {which: fcntl.fcntl(which, fcntl.F_DUPFD_CLOEXEC, high_number()) for which in (STDOUT, STDERR)}


class Connection:
    """The socket and the two pipes to the library."""

    def __init__(self) -> None:
        high = fcntl.fcntl(WORKER_FD, fcntl.F_DUPFD_CLOEXEC, high_number())
        os.close(WORKER_FD)
        self.socket = plain_socket(high)
        self.lock = _RLock()  # re-entered when a finaliser prints while we write
        self.interrupts = Interrupts(self.lock)
        self.interrupts.install()
        self._pipes = _copies_of_output()
        self._remember_descriptors()
        self._received = bytearray()
        self._descriptors: Deque[int] = deque()  # received, not yet claimed
        self._number = 0
        self._last = STDOUT
        self._cell = 0
        self._forked = False
        # print writes a line in pieces: they are held until the line is complete, or for _HOLD_SECONDS.
        self._held: List[str] = []
        self._held_which, self._held_cell = STDOUT, 0
        self._holding = False  # off in a fork and at the end, where no thread ends the wait
        self._waiting = False  # the thread that ends the wait has been told
        self._overdue = _Signal()
        # The cell that a piece of code belongs to: tasks inherit the variable, threads do not.
        self._cell_var: ContextVar[Optional[int]] = ContextVar("scorepkernel_cell", default=None)
        self._threads: WeakKeyDictionary[threading.Thread, int] = WeakKeyDictionary()
        setup = self.receive()
        self.setup = json.loads(setup.parts[0])
        self._token = self.setup.pop("token")
        os.register_at_fork(before=self._before_fork, after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        """A child's text belongs into the pipes; the socket and the marks are its parent's."""
        self._forked = True
        self._holding = False
        self._held = []
        self.lock = _RLock()
        self.interrupts = Interrupts(self.lock)

    def take_over(self, connection: socket.socket, token: str) -> None:
        """In a forked copy that is the session from now on: speak for it, over a socket and pipes of its own."""
        self.socket.close()
        for pipe in self._pipes.values():
            with contextlib.suppress(OSError):  # users' code has done so
                os.close(pipe)
        self.socket = connection
        self._pipes = _copies_of_output()
        self._remember_descriptors()
        self._received = bytearray()
        self._number, self._last, self._cell = 0, STDOUT, 0
        self._token = token
        self._waiting = False
        self._overdue = _Signal()
        self._forked = False
        self.interrupts.install()

    def descriptors(self) -> set:
        """The numbers of the descriptors that the connection itself has open."""
        return {self.socket.fileno(), *self._pipes.values()}

    def _remember_descriptors(self) -> None:
        self._socket_number = self.socket.fileno()
        self._socket_identity = identity(self._socket_number)
        # Of the pipes only: one that is made anew may get the number that the socket had.
        self._identities: Dict[int, Optional[Tuple[int, int]]] = {
            number: identity(number) for number in self._pipes.values()
        }

    def look_after_socket(self) -> None:
        """Users' code may have closed it, and opened a file of its own by that number."""
        number = self._socket_number
        if self.socket.fileno() != number or identity(number) != self._socket_identity:
            self._end_cut_off()

    def _end_cut_off(self) -> None:
        """The library cannot be spoken to any more, and nobody else could want anything of us. It ends this process as
        it sees that the socket was closed; which it does not if another process has the socket open, too."""
        self._write(STDERR, _CUT_OFF)
        _sleep(_CUT_OFF_SECONDS)
        _exit(1)

    def end(self, why: str) -> None:
        """End this process, which can do nothing more for the library. why: how it ended, for the user; on any
        thread."""
        if not self._forked:
            self.lock.acquire(timeout=_LOCK_SECONDS)
            content = payload([why.encode("utf-8", "replace")])
            with contextlib.suppress(OSError):
                self.socket.sendall(HEADER.pack(len(content), frame_numbers.FAILED, 0, 0, 0) + content)
        _exit(1)

    # --- frames --------------------------------------------------------------------------------------

    def receive(self) -> Frame:
        """Wait for the next frame. EOFError: the library has gone."""
        while True:
            frame = self.next_received()
            if frame is not None:
                return frame
            self.read_more()

    def read_more(self) -> None:
        """Read once, waiting if there is nothing."""
        while not self.read_some(None):
            continue

    def read_some(self, seconds: Optional[float]) -> bool:
        """Read once if there is something, or comes within that time. Any thread may; EOFError: the library is gone."""
        if self._forked:
            raise EOFError("the library is the parent's")
        self.look_after_socket()
        if not _wait_for(self.socket.fileno(), select.POLLIN, seconds):
            return False
        with self.lock:  # also against an interrupt between the two steps
            try:
                chunk = self._receive()
            except BlockingIOError:
                return False  # another thread was faster
            except ConnectionError as problem:
                raise EOFError("the library has ended") from problem
            if not chunk:
                raise EOFError("the library closed its socket")
            self._received += chunk
        return True

    def has_something(self) -> bool:
        """Whether there is something to read."""
        return _wait_for(self._socket_number, select.POLLIN, 0)

    def _receive(self) -> bytes:
        chunk, rights, _, _ = self.socket.recvmsg(1 << 16, _RIGHTS_ROOM, _RECEIVE_FLAGS)
        for level, kind, data in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(data[: len(data) - len(data) % found.itemsize])
                self._descriptors += found
        return chunk

    def claim(self, frame: Frame) -> Optional[int]:
        """The descriptor that came with a frame, the caller's from now on."""
        claimed = [self._descriptors.popleft() for _ in range(min(frame.descriptors, len(self._descriptors)))]
        for surplus in claimed[1:]:
            os.close(surplus)
        return claimed[0] if claimed else None

    @property
    def forked(self) -> bool:
        """Whether this is a child of the session, which has no connection of its own."""
        return self._forked

    def next_received(self) -> Optional[Frame]:
        """A frame that has been read already, or None."""
        return decode(self._received)

    def send(self, kind: int, request: int, *parts: bytes) -> None:
        """Send a frame; what was written before it is shown before it."""
        if self._forked:
            if kind == frame_numbers.ERROR_OUTPUT:
                self._write(STDERR, "\n".join(json.loads(parts[0])["traceback"]).encode() + b"\n")
            return
        length = sum(map(len, parts))
        if length > MAX_LEN:
            raise TooLarge(
                f"an output of {length >> 20} MiB is more than the {MAX_LEN >> 20} MiB that can be shown at once; "
                "write it to a file, or show a part of it"
            )
        content = payload(parts)
        with self.lock:
            self.look_after_socket()
            self._release()
            barrier = self._mark_both("B") if kind not in (frame_numbers.HELLO, frame_numbers.FAILED) else 0
            self.socket.sendall(HEADER.pack(len(content), kind, 0, request, barrier) + content)
        self.interrupts.catch_up()

    def send_with_descriptors(self, descriptors: List[int], kind: int, request: int, *parts: bytes) -> None:
        """Send a small frame that is no output, and descriptors with its first byte."""
        content = payload(parts)
        data = HEADER.pack(len(content), kind, len(descriptors), request, 0) + content
        rights = array.array("i", descriptors)
        with self.lock:
            self.look_after_socket()
            sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            self.socket.sendall(data[sent:])

    def send_word(self, kind: int, request: int) -> None:
        """Send a frame that says all by its kind, and is no output."""
        with self.lock:
            self.look_after_socket()
            self.socket.sendall(HEADER.pack(0, kind, 0, request, 0))

    # --- text ----------------------------------------------------------------------------------------

    def begin_cell(self, request: int) -> None:
        """What is written from now on belongs to this request. Threads that are already there stay with the
        cell in which they were first seen."""
        for thread in threading.enumerate():
            self._threads.setdefault(thread, self._cell)
        self._cell_var.set(request)
        with self.lock:
            self._release()
            self._cell = request
            mark = self._mark("P", request)
            for which in (STDOUT, STDERR):
                self._write(which, mark)

    def cell_of_caller(self) -> int:
        """The request that the running code belongs to."""
        cell = self._cell_var.get()
        return self._threads.get(threading.current_thread(), self._cell) if cell is None else cell

    def write(self, which: int, text: str) -> None:
        """Text, not empty, for standard output or error. Every piece of every print comes through here."""
        held = self._held
        with self.lock:
            cell = self._cell_var.get()
            if cell is None:
                cell = self.cell_of_caller()
            if cell != self._held_cell or which != self._held_which:
                self._release()
                self._held_cell, self._held_which = cell, which
            held.append(text)
            if text[-1] == "\n" or len(text) > _PIECE_LEN or len(held) >= _MAX_PIECES or not self._holding:
                self._release()
            elif not self._waiting:
                self._waiting = True
                self._overdue.give()
        if self.interrupts.pending:
            self.interrupts.catch_up()

    def flush(self) -> None:
        """Write the pieces of a line that are held."""
        self._before_fork()
        self.interrupts.catch_up()

    def _before_fork(self) -> None:
        with self.lock:
            self._release()

    def hold(self, on: bool) -> None:
        """Whether pieces of lines may be held: only while a thread can end the wait."""
        self.flush()
        self._holding = on
        if on:
            _start_thread(self._release_overdue, (self._overdue,))

    def _release_overdue(self, overdue: _Signal) -> None:
        while True:
            overdue.wait()
            _sleep(_HOLD_SECONDS)
            with self.lock:
                self._waiting = False
                self._release()

    def _release(self) -> None:
        """Write the pieces of a line that are held. The caller has the lock."""
        if not self._held:
            return
        data = "".join(self._held).encode("utf-8", "backslashreplace")
        self._held.clear()
        which = self._held_which
        if not self._forked:
            if which != self._last:
                self._last = which
                self._mark_both("S")
            if self._held_cell != self._cell:
                before, after = self._mark("P", self._held_cell), self._mark("P", self._cell)
                if len(data) < _ATOMIC - 128:
                    self._write(which, before + data + after)
                else:
                    self._write(which, before)
                    self._write_text(which, data)
                    self._write(which, after)
                return
        if len(data) <= _WRITE_LEN:
            self._write(which, data)
        else:
            self._write_text(which, data)

    def _mark(self, kind: str, number: int) -> bytes:
        return f"\0{self._token}{kind}{number:016x}".encode("ascii")

    def _mark_both(self, kind: str) -> int:
        self._number += 1
        mark = self._mark(kind, self._number)
        self._write(STDOUT, mark)
        self._write(STDERR, mark)
        return self._number

    def _write_text(self, which: int, data: bytes) -> None:
        """An interrupt ends a text that nobody takes between two of its pieces, as it does on a terminal."""
        for end in range(_WRITE_LEN, len(data) + _WRITE_LEN, _WRITE_LEN):
            self._write(which, data[end - _WRITE_LEN : end])
            if self.interrupts.pending and self.interrupts.in_cell and in_main_thread():
                rest = data[end : end + 3]
                self._write(which, rest[: len(rest) - len(rest.lstrip(_CONTINUED))])
                return

    def _pipe(self, which: int) -> int:
        """The descriptor of our copy of a pipe, made anew from the original if users' code has closed it; -1: both are
        gone."""
        pipe = self._pipes[which]
        known = self._identities[pipe]
        if identity(pipe) == known:
            return pipe
        if identity(which) != known:
            return -1  # what is written there now is not for the library
        with contextlib.suppress(OSError):
            self._pipes[which] = fcntl.fcntl(which, fcntl.F_DUPFD_CLOEXEC, high_number())
            self._identities[self._pipes[which]] = known
        return which

    def _write(self, which: int, data: bytes) -> None:
        pipe = self._pipe(which)
        while data:
            try:
                written = os.write(pipe, data)
            except BlockingIOError:
                # A child process made the shared pipe non-blocking (Node.js does).
                _wait_for(pipe, select.POLLOUT, None)
                continue
            except OSError:
                return  # users' code closed it, or the library has gone: there is nobody to tell
            if written == len(data):
                return
            data = data[written:]
