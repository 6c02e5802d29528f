# SPDX-License-Identifier: BSD-3-Clause
"""Frames over the socket to the library, and marked text in the two output pipes: the Python side of
libscorepkernel/worker_wire.h and frame.h, which say what they look like and why."""

from __future__ import annotations

import _socket
import _thread
import array
import base64
import contextlib
import fcntl
import json
import math
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import Any, Deque, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple
from weakref import WeakKeyDictionary

WORKER_FD = 3
STDOUT, STDERR = 1, 2
OK, ERROR, ABORTED = 0, 1, 2

# Library to worker.
SETUP, EXECUTE, COMPLETE, INSPECT, IS_COMPLETE, HISTORY, COMM_INFO = range(1, 8)
TO_COMM_OPEN, TO_COMM_MESSAGE, TO_COMM_CLOSE, INPUT_REPLY, SHUTDOWN, INTERRUPT = range(8, 14)
PLAN, TAKE_STATE, RETURN = range(14, 17)
# Worker to library.
HELLO, READY, FAILED, DISPLAY_DATA, UPDATE_DISPLAY_DATA, EXECUTE_RESULT = range(64, 70)
ERROR_OUTPUT, CLEAR_OUTPUT, INPUT_REQUEST, FROM_COMM_OPEN, FROM_COMM_MESSAGE = range(70, 75)
FROM_COMM_CLOSE, REPLY, LOG, LAUNCH, STATE, SPARE, NOT_FOR_ME = range(75, 82)
TEXT, CELL_RAN, INPUT_WITHDRAWN = range(82, 85)

# Kept, as users' code may replace them: gevent does, for one, by what waits for its own loop.
_dumps, _sleep = json.dumps, time.sleep
_fstat, _exit, _select = os.fstat, os._exit, select.select
_Socket, _pair = socket.socket, _socket.socketpair
_start_thread, _new_lock, get_ident = _thread.start_new_thread, _thread.allocate_lock, _thread.get_ident
_RLock = type(threading.RLock())  # what the function makes may be another's
MAIN_THREAD = get_ident()  # which imports this

_HEADER = struct.Struct("<IHHQQ")
_U32 = struct.Struct("<I")
# Above what users' code is likely to close or to dup2 onto: 256 was the usual limit, and is closed up to.
_HIGH_FD = 260
# The library ends a process that has closed its end of the socket within less.
_CUT_OFF_SECONDS = 5
# What the library takes in one frame (FRAME_MAX_LEN), less some room for what stands around the outputs.
_MAX_FRAME = (128 << 20) - 65536
# Marks and text that are written together are not torn apart up to this length (PIPE_BUF).
_ATOMIC = 4096
# A text of this length is no piece of a line that more will be added to.
_PIECE_LEN = 4096
_MAX_PIECES = 64
_HOLD_SECONDS = 0.005
# One write of more than this is several, between which an interrupt is seen.
_WRITE_LEN = 1 << 18
_CONTINUED = bytes(range(0x80, 0xC0))  # what begins no character
# In one frame (FRAME_MAX_FDS).
_MAX_DESCRIPTORS = 8


_CUT_OFF = (
    b"This process has closed its connection to the kernel, which cannot be spoken to any more: the process is ended.\n"
)


class TooLarge(ValueError):
    """An output that is not sent, since the library would not take it."""


class Frame(NamedTuple):
    """One message from the library."""

    kind: int
    request: int
    parts: list
    descriptors: int  # how many came with it


def u32(value: int) -> bytes:
    """A number as a part."""
    return _U32.pack(value)


def _plain(value: Any) -> Any:
    """What JSON has no word for, in a form that it has: the last resort of json.dumps."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset, tuple)) or hasattr(value, "__iter__"):
        return list(value)
    return repr(value)


def _finite(value: Any) -> Any:
    """The same value with NaN and infinities as text: JSON has no numbers for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def dump(value: Any) -> bytes:
    """A value as JSON in UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (ValueError, TypeError):
        text = json.dumps(_finite(value), ensure_ascii=False, default=_plain)
    return text.encode("utf-8", "replace")


def _high() -> int:
    """_HIGH_FD, or less where few descriptors are allowed."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _HIGH_FD if soft < 0 else max(4, min(_HIGH_FD, soft // 2))


@contextlib.contextmanager
def high_descriptors() -> Iterator[None]:
    """Descriptors opened in the block get numbers that users' code is not likely to close."""
    fillers: List[int] = []
    try:
        while not fillers or fillers[-1] < _high():
            fillers.append(os.dup(fillers[-1]) if fillers else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        yield
    finally:
        for filler in fillers:
            os.close(filler)


def identity(number: int) -> Optional[Tuple[int, int]]:
    """What is open by that number, to be told from what may be later; None: nothing."""
    try:
        status = _fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def decode(data: bytearray) -> Optional[Frame]:
    """Take the first frame off data; None: it is not whole yet."""
    if len(data) < _HEADER.size:
        return None
    length, kind, descriptors, request, _ = _HEADER.unpack_from(data)
    end = _HEADER.size + length
    if len(data) < end:
        return None
    parts, at = [], _HEADER.size
    while at < end:
        (size,) = _U32.unpack_from(data, at)
        parts.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    del data[:end]
    return Frame(kind, request, parts, descriptors)


def receive_one(connection: socket.socket) -> Optional[Frame]:
    """Wait for one frame on a socket that is nobody's connection yet; None: it was closed."""
    data = bytearray()
    while (frame := decode(data)) is None:
        chunk = connection.recv(1 << 16)
        if not chunk:
            return None
        data += chunk
    return frame


class Interrupts:
    """Lets SIGINT into users' code only.

    Our own code must not be torn apart by a KeyboardInterrupt: between cells an interrupt means nothing, and
    while the main thread holds the connection's lock it waits until that is released (catch_up).
    """

    def __init__(self, lock: Any) -> None:
        self.in_cell = False
        self.before_cell = False  # a request has been taken, its cell has not begun: an interrupt is meant for it
        self.on_interrupt: Optional[Any] = None  # asked first: returns True when it took care of it
        self.between_cells: Optional[Any] = None  # asked when one comes beside a cell: True, when it is to be obeyed
        self.of_our_own = False  # the next signal is not the library's (base/time_limit.py)
        self.pending = False
        self.received = 0  # signals
        self.served = 0  # of those, how many have been obeyed before they came
        self._lock = lock

    def install(self) -> None:
        """Put our handler in place: users' code may have installed another."""
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: Any) -> None:
        if self.of_our_own:
            self.of_our_own = False
        else:
            self.received += 1
            if self.received <= self.served:
                return
        if not self.in_cell:
            self.pending = self.pending or self.before_cell
            if self.between_cells is not None and self.between_cells(frame):
                raise KeyboardInterrupt
        elif self._lock._is_owned():
            self.pending = True
        elif self.on_interrupt is None or not self.on_interrupt(frame):
            raise KeyboardInterrupt

    def catch_up(self) -> None:
        """Interrupt now, if an interrupt had to wait. Only the main thread sees any."""
        if self.pending and self.in_cell and not self._lock._is_owned() and _in_main_thread():
            self.pending = False
            if self.on_interrupt is None or not self.on_interrupt(sys._getframe()):
                raise KeyboardInterrupt

    def begin(self) -> None:
        """Users' code runs from now on."""
        self.install()
        self.in_cell = True
        self.before_cell = False
        self.catch_up()

    def end(self, more: bool = False) -> None:
        """It does not any more. more: until the request's next, for which an interrupt waits."""
        self.in_cell = False
        self.before_cell = more
        self.pending = self.pending and more


class _Signal:
    """One thread waits for it, others give it."""

    def __init__(self) -> None:
        self._lock = _new_lock()
        self._lock.acquire()

    def wait(self) -> None:
        self._lock.acquire()

    def give(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has been given already
            self._lock.release()


def socketpair() -> List[socket.socket]:
    """Two plain sockets, whatever users' code has made of the module."""
    return [_Socket(fileno=end.detach()) for end in _pair()]


def _payload(parts: Iterable[bytes]) -> bytes:
    return b"".join(piece for part in parts for piece in (_U32.pack(len(part)), part))


def _in_main_thread() -> bool:
    return get_ident() == MAIN_THREAD


def _copies_of_output() -> dict:
    return {which: fcntl.fcntl(which, fcntl.F_DUPFD_CLOEXEC, _high()) for which in (STDOUT, STDERR)}


class Connection:
    """The socket and the two pipes to the library."""

    def __init__(self) -> None:
        high = fcntl.fcntl(WORKER_FD, fcntl.F_DUPFD_CLOEXEC, _high())
        os.close(WORKER_FD)
        self.socket = _Socket(fileno=high)
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
        """What is open for the connection itself."""
        return {self.socket.fileno(), *self._pipes.values()}

    def _remember_descriptors(self) -> None:
        self._socket_number = self.socket.fileno()
        numbers = [self._socket_number, *self._pipes.values()]
        self._identities: Dict[int, Optional[Tuple[int, int]]] = {number: identity(number) for number in numbers}

    def look_after_socket(self) -> None:
        """Users' code may have closed it, and opened a file of its own by that number."""
        number = self._socket_number
        if self.socket.fileno() != number or identity(number) != self._identities[number]:
            self._end_cut_off()

    def _end_cut_off(self) -> None:
        """The library cannot be spoken to any more, and nobody else could want anything of us. It ends this process as
        it sees that the socket was closed; which it does not if another process has the socket open, too."""
        self._write(STDERR, _CUT_OFF)
        _sleep(_CUT_OFF_SECONDS)
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
        if not _select([self.socket], [], [], seconds)[0]:
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

    def _receive(self) -> bytes:
        room = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
        chunk, rights, _, _ = self.socket.recvmsg(1 << 16, room, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
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
            if kind == ERROR_OUTPUT:
                self._write(STDERR, "\n".join(json.loads(parts[0])["traceback"]).encode() + b"\n")
            return
        length = sum(map(len, parts))
        if length > _MAX_FRAME:
            raise TooLarge(
                f"an output of {length >> 20} MiB is more than the {_MAX_FRAME >> 20} MiB that can be shown at once; "
                "write it to a file, or show a part of it"
            )
        payload = _payload(parts)
        with self.lock:
            self.look_after_socket()
            self._release()
            barrier = self._mark_both("B") if kind not in (HELLO, FAILED) else 0
            self.socket.sendall(_HEADER.pack(len(payload), kind, 0, request, barrier) + payload)
        self.interrupts.catch_up()

    def send_with_descriptors(self, descriptors: List[int], kind: int, request: int, *parts: bytes) -> None:
        """Send a small frame that is no output, and descriptors with its first byte."""
        payload = _payload(parts)
        data = _HEADER.pack(len(payload), kind, len(descriptors), request, 0) + payload
        rights = array.array("i", descriptors)
        with self.lock:
            self.look_after_socket()
            sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            self.socket.sendall(data[sent:])

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
        """Show what is held."""
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
        """Write what is held; under the lock."""
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
            if self.interrupts.pending and self.interrupts.in_cell and _in_main_thread():
                rest = data[end : end + 3]
                self._write(which, rest[: len(rest) - len(rest.lstrip(_CONTINUED))])
                return

    def _pipe(self, which: int) -> int:
        """Our copy of a pipe; users' code may have closed it, and not the original."""
        pipe = self._pipes[which]
        known = self._identities[pipe]
        if identity(pipe) == known:
            return pipe
        if identity(which) != known:
            return -1  # what is written there now is not for the library
        with contextlib.suppress(OSError):
            self._pipes[which] = fcntl.fcntl(which, fcntl.F_DUPFD_CLOEXEC, _high())
            self._identities[self._pipes[which]] = known
        return which

    def _write(self, which: int, data: bytes) -> None:
        pipe = self._pipe(which)
        while data:
            try:
                written = os.write(pipe, data)
            except BlockingIOError:
                # A child process made the shared pipe non-blocking (Node.js does).
                _select([], [pipe], [])
                continue
            except OSError:
                return  # users' code closed it, or the library has gone: there is nobody to tell
            if written == len(data):
                return
            data = data[written:]
