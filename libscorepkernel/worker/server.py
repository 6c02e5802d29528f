# SPDX-License-Identifier: BSD-3-Clause
"""The session's server: one request after another, on an event loop that also runs users' tasks between cells."""

from __future__ import annotations

import asyncio
import contextvars
import faulthandler
import os
import socket
import sys
from collections import deque
from typing import Any, Awaitable, Callable, Deque, Dict, List, Optional

from . import event_loop, shell, streams
from .base import frame_numbers, frames
from .base.connection import Connection
from .base.descriptors import STDERR, STDOUT, high_descriptors, keep_reserve, none_is_left, reserve
from .base.frames import Frame
from .cells import Cells
from .comms import Comms
from .forks import resource_tracker, standby
from .input import Questions
from .liveness import Liveness
from .measure import scorep_api
from .measure.systems.selection import Selection
from .notebook_kernel import NotebookKernel, Parents
from .queries import Queries

_Event = asyncio.Event
# The first cells come at once, when all of a notebook is run: what can wait does.
_IDLE_SECONDS = 0.3
# What failed for want of descriptors is tried again.
_AGAIN_SECONDS = 10.0


class _Deaf(Exception):
    """Users' code has done to the loop what ends the task that serves: it goes on on one that hears."""


class Server:
    """Answers the library's requests."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.notices: List[str] = []
        self._interrupts = connection.interrupts
        self._frames: Deque[Frame] = deque()
        self._questions = Questions(connection, self._read_for)
        self._liveness = Liveness(connection, lambda: bool(self._frames) or connection.has_something())
        # Of the task that serves: what cells set in it, such as decimal's precision, is there for the next task.
        self._context = contextvars.copy_context()
        for name, which in (("stdout", STDOUT), ("stderr", STDERR)):
            stream = streams.OutStream(connection, which, f"<{name}>")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        _set_environment()
        with high_descriptors():
            self.shell = shell.create(connection, self._questions.raw_input, self._questions.getpass)
        scorep_api.offer()
        self._systems = Selection()
        parents = Parents(connection)
        self.shell.kernel = NotebookKernel(self.shell, parents, connection)
        self._cells = Cells(self, self._systems, self._questions, parents, self._look_for_interrupt)
        self._handlers: Dict[int, Callable[[Frame], Awaitable[Any]]] = {frame_numbers.EXECUTE: self._cells.execute}
        self._handlers.update(Queries(connection, self.shell).handlers)
        self._handlers.update(Comms(connection, parents).handlers)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that users' tasks run on."""
        return self._loop

    # --- the loop ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until SHUTDOWN, or until the library is gone."""
        self._loop = event_loop.make()
        keep_reserve()
        while not self._run():
            standby.renew(self, self._cells.runner is not None)

    def take_over(self, connection: socket.socket, setup: dict) -> None:
        """This process is a forked copy, and the session from now on, or the runner of one cell."""
        if not event_loop.renew(self._loop, self._watched, event_loop.ends(self._loop), forked=True):
            self._loop = event_loop.make()
        self.connection.take_over(connection, setup["token"])
        self._context = contextvars.copy_context()
        self._interrupts = self.connection.interrupts
        self._cells.take_over(bool(setup.get("runner")))
        self._frames.clear()
        self._questions.forget()
        self._liveness.ended()

    def descriptors(self) -> set:
        """The connections that are the worker's own."""
        pair = [getattr(self._loop, name, None) for name in ("_ssock", "_csock")]
        return self.connection.descriptors() | {*reserve(), *(end.fileno() for end in pair if end is not None)}

    def _run(self) -> bool:
        """Serve. False: this process is a copy by now, which has taken over and is to begin anew."""
        faulthandler.enable(file=self.connection._pipes[STDERR], all_threads=False)
        self._listen()
        self._loop.call_later(_IDLE_SECONDS, self._cells.prepare)
        self._loop.call_later(_IDLE_SECONDS, self._protect_tracker)
        self._interrupts.between_cells = self._on_interrupt_between_cells
        self.connection.send(frame_numbers.READY, 0)
        self.connection.hold(True)
        if not self._serve_until_the_end():
            return False
        self._loop.remove_reader(self._watched)
        self.connection.hold(False)
        resource_tracker.end()
        return True

    def _protect_tracker(self) -> None:
        try:
            resource_tracker.protect()
        except (OSError, ImportError):  # users' code has used up what it takes to import a module
            self._loop.call_later(_AGAIN_SECONDS, self._protect_tracker)

    def _serve_until_the_end(self) -> bool:
        """Serve as _serve does, and go on whatever users' code does to the event loop."""
        task: Optional[asyncio.Task] = None
        while True:
            loop = self._loop
            if task is None or task.done():
                task = self._context.run(lambda: loop.create_task(self._serve()))
            try:
                return loop.run_until_complete(task)
            except BaseException as raised:
                # A KeyboardInterrupt or SystemExit in a user's task, or whatever a signal handler of the user's raises
                # between cells, ends run_until_complete, and perhaps the task: not us.
                asyncio.events._set_running_loop(None)  # what runs is none
                try:
                    if self._liveness.loop_ended(raised) or not self._keep_hearing():
                        self._loop, task = event_loop.make(), None
                        self._listen()
                except OSError as problem:
                    if not none_is_left(problem):
                        raise
                    self.connection.end("was ended, since its event loop was taken apart and no descriptors are left")

    def _listen(self) -> None:
        """Have the loop watch the connection."""
        self._arrived = _Event()  # not earlier: it belongs to one loop
        self._watched = self.connection.socket.fileno()
        self._loop.add_reader(self._watched, self._read)
        self._loop_ends = event_loop.ends(self._loop)

    def _hears(self) -> bool:
        keep_reserve()
        return event_loop.hears(self._loop, self._watched, self._loop_ends)

    def _keep_hearing(self) -> bool:
        """Whatever was done to the loop, have it hear the library. False: there has to be another."""
        if self._hears():
            return True
        self.connection.look_after_socket()
        if not event_loop.renew(self._loop, self._watched, self._loop_ends, forked=False):
            return False
        self._loop.add_reader(self._watched, self._read)
        self._loop_ends = event_loop.ends(self._loop)
        return True

    def _on_interrupt_between_cells(self, frame: Any) -> bool:
        """The library sends one where a request waits: for a task of the user's, or since the loop is deaf."""
        self._keep_hearing()
        if event_loop.runs_users_code(frame):
            return True
        self._liveness.look()
        return False

    def _read(self) -> None:
        """Read what the library has sent; the loop calls this when there is something to read."""
        try:
            self._read_for(0)
        except Exception as problem:  # which the loop would print, and call this again
            self._liveness.loop_ended(problem)

    def _read_for(self, seconds: Optional[float]) -> None:
        """Read what the library sends within so many seconds (None: wait for it). Any thread may call this."""
        try:
            something = self.connection.read_some(seconds)
        except EOFError:
            # The library has gone, and with it whoever could want anything of us.
            os._exit(1)
        if something:
            with self.connection.lock:
                self._take()
        self._interrupts.catch_up()

    def _take(self) -> None:
        while (frame := self.connection.next_received()) is not None:
            if frame.kind == frame_numbers.INPUT_REPLY:
                self._questions.on_reply(frame)
            elif frame.kind == frame_numbers.RETURN:
                self._cells.launcher.on_return(frame)
            else:
                self._frames.append(frame)
                # Of its class, since users' code may have put something else there for the loop.
                type(self._loop).call_soon_threadsafe(self._loop, self._arrived.set)

    async def _serve(self) -> bool:
        """Answer one request after the other, until SHUTDOWN. False: this process is a copy by now."""
        while True:
            self._context = contextvars.copy_context()
            while not self._frames:
                if not self._hears():
                    raise _Deaf
                self._arrived.clear()
                await self._arrived.wait()
            frame = self._frames.popleft()
            self._interrupts.before_cell = frame.kind == frame_numbers.EXECUTE
            if frame.kind == frame_numbers.SHUTDOWN:
                if self._cells.runner:
                    self._cells.runner.leave()
                return True
            if frame.kind == frame_numbers.PLAN:
                self._cells.start_ahead(frame)
            elif frame.kind == frame_numbers.TAKE_STATE:
                self._cells.take_variables(frame)
            elif frame.kind != frame_numbers.INTERRUPT:  # of a request that is over
                if not await self._answer(frame):
                    return False

    async def _answer(self, frame: Frame) -> bool:
        """False: this process is a copy of the one that was asked, which answers if it is still there."""
        self._liveness.began(frame.request, not self._cells.runner and self.connection.setup.get("rank") is None)
        try:
            return await self._answer_it(frame)
        finally:
            self._liveness.ended()

    async def _answer_it(self, frame: Frame) -> bool:
        try:
            reply = await self._handlers[frame.kind](frame)
            if reply is None:
                return False
            how, *parts = reply
        except BaseException as problem:  # one bad request, or an interrupt of it, must not end the session
            if frame.kind == frame_numbers.EXECUTE:
                text = f"The kernel could not run the cell: {problem}"
                self._cells.show_error(frame.request, type(problem).__name__, text)
            how, parts = frame_numbers.ERROR, [_failure(problem)]
        finally:
            self._interrupts.pending = self._interrupts.before_cell = False
        self._cells.leave_if_forked(how)
        try:
            self.connection.send(frame_numbers.REPLY, frame.request, frames.u32(how), *map(frames.dump, parts))
        except BaseException as problem:  # it is too large, or cannot be written as JSON: the request ends all the same
            failure = frames.u32(frame_numbers.ERROR), frames.dump(_failure(problem))
            self.connection.send(frame_numbers.REPLY, frame.request, *failure)
        return True

    def _look_for_interrupt(self, request: int) -> None:
        """The frame that announces an interrupt may be here before its signal, which then need not be obeyed."""
        self._read_for(0)
        for frame in [frame for frame in self._frames if frame.kind == frame_numbers.INTERRUPT]:
            self._frames.remove(frame)
            if frame.request == request:
                self._interrupts.served = int.from_bytes(frame.parts[0], "little")
                self._interrupts.pending = True


def _failure(problem: BaseException) -> dict:
    """The content of the reply to a request that failed in the kernel."""
    return {"status": "error", "ename": type(problem).__name__, "evalue": str(problem), "traceback": []}


def _set_environment() -> None:
    """What programs that the notebook starts should know: they write to a page, not to a terminal."""
    for name, value in (("TERM", "xterm-color"), ("CLICOLOR", "1"), ("PAGER", "cat"), ("GIT_PAGER", "cat")):
        os.environ[name] = value
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
