# SPDX-License-Identifier: BSD-3-Clause
"""input(): who waits for which answer. The cell may ask, and threads of it or of earlier ones at the same time; a
request has one question open at a time, and the next of its questions is asked when that is answered or given up.

Whoever waits reads what the library sends, as nobody else may: the loop does not run while the cell waits for this
thread. One of them does so at a time, and wakes those whose answers it finds."""

from __future__ import annotations

import _thread
from typing import Callable, Dict, List, Optional

from IPython.core.error import StdinNotImplementedError

from .base import frame_numbers, frames
from .base.connection import Connection
from .base.frames import Frame
from .base.interrupts import MAIN_THREAD

# Taken before users' code can replace it.
_new_lock, _ident = _thread.allocate_lock, _thread.get_ident
# A thread reads for so long: the main thread, which goes on meanwhile, may find its answer.
_THREAD_SECONDS = 0.05


class Question:
    """A question to the user, which has been sent or waits for its turn."""

    def __init__(self, request: int) -> None:
        self.request = request
        self.number = 0  # of those that were asked; 0: it was not
        self.asker = _ident()
        self.answer: Optional[str] = None
        self.refusal: Optional[str] = None
        self._quiet = _new_lock()
        self._quiet.acquire()

    @property
    def is_over(self) -> bool:
        """Whether the question was answered or refused."""
        return self.answer is not None or self.refusal is not None

    def sleep(self) -> None:
        """Wait until another thread calls wake()."""
        self._quiet.acquire()

    def wake(self) -> None:
        """Have the thread that asked look at its question again."""
        try:
            self._quiet.release()
        except RuntimeError:
            pass  # it is awake


class Questions:
    """The one table of who waits for input, by request."""

    def __init__(self, connection: Connection, read: Callable[[Optional[float]], None]) -> None:
        self._connection = connection
        self._read = read
        self.allowed = False  # whether the client of the cell that runs can ask the user
        self._of: Dict[int, List[Question]] = {}  # by request; the first of each is asked
        self._reader = _new_lock()
        self._asked = 0
        self._is_rank = connection.setup.get("rank") is not None  # whose job asks for all of them

    def raw_input(self, prompt: object = "") -> str:
        """input() in the notebook."""
        return self._ask_if_allowed(str(prompt), False)

    def getpass(self, prompt: str = "Password: ", stream: object = None) -> str:
        """getpass.getpass() in the notebook."""
        return self._ask_if_allowed(prompt, True)

    def _ask_if_allowed(self, prompt: str, password: bool) -> str:
        if not self.allowed or self._connection.forked:
            raise StdinNotImplementedError("input() was called, but this client cannot ask the user")
        return self.ask(self._connection.cell_of_caller(), prompt, password)

    def forget(self) -> None:
        """Forget all questions: this process is a copy of the session, in which nobody waits."""
        self._of.clear()
        self._reader = _new_lock()

    def ask(self, request: int, prompt: str, password: bool) -> str:
        """Ask the user, wait, and return the answer. StdinNotImplementedError: it cannot be asked."""
        question = self._queue(request)
        try:
            while not question.is_over:
                if not question.number and self._of[request][0] is question:
                    self._send(question, prompt, password)
                elif question.number and self._reader.acquire(False):
                    self._read_for(question)
                else:
                    question.sleep()
        finally:
            self._close(question)
        if question.answer is None:
            raise StdinNotImplementedError(f"input() was called, but {question.refusal}")
        return question.answer

    def _queue(self, request: int) -> Question:
        question = Question(request)
        with self._connection.lock:
            waiting = self._of.setdefault(request, [])
            if any(other.asker == question.asker for other in waiting):
                raise RuntimeError("input() was called by what interrupted an input() of the same thread")
            waiting.append(question)
        return question

    def _send(self, question: Question, prompt: str, password: bool) -> None:
        with self._connection.lock:
            self._asked += 1
            question.number = self._asked
        number = 0 if self._is_rank else question.number
        parts = prompt.encode("utf-8", "replace"), frames.u32(password), frames.u32(number)
        self._connection.send(frame_numbers.INPUT_REQUEST, question.request, *parts)

    def _read_for(self, question: Question) -> None:
        try:
            if not question.is_over:
                self._read(None if _ident() == MAIN_THREAD else _THREAD_SECONDS)
        finally:
            self._reader.release()

    def _close(self, question: Question) -> None:
        with self._connection.lock:
            waiting = self._of.get(question.request, [])
            if question in waiting:
                waiting.remove(question)
            if not waiting:
                self._of.pop(question.request, None)
            left = [other for queue in self._of.values() for other in queue]
        # One of them has to read from now on, and one may be the next to ask.
        for other in left:
            other.wake()
        if question.number and not question.is_over and not self._is_rank:
            self._connection.send(frame_numbers.INPUT_WITHDRAWN, question.request, frames.u32(question.number))

    def on_reply(self, frame: Frame) -> None:
        """WORKER_INPUT_REPLY has come. An answer to a question that was given up is nobody's."""
        for question in self._of.get(frame.request, [])[:1]:
            number = int.from_bytes(frame.parts[1], "little") if len(frame.parts) > 1 else 0
            if not question.number or number not in (0, question.number):
                return
            if len(frame.parts) > 2:
                question.refusal = frame.parts[2].decode("utf-8", "replace")
            else:
                question.answer = frame.parts[0].decode("utf-8", "replace")
            question.wake()
