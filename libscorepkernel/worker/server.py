# SPDX-License-Identifier: BSD-3-Clause
"""The session's server: one request after another, on an event loop that also runs users' tasks between cells."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import faulthandler
import inspect
import json
import os
import socket
import sys
from collections import deque
from typing import Any, Deque, Iterator, List, Optional

from IPython.core.error import StdinNotImplementedError

from . import comms, event_loop, shell
from .base import frame_numbers, frames, streams
from .base.connection import Connection
from .base.descriptors import STDERR, STDOUT, high_descriptors, keep_reserve, none_is_left, reserve
from .base.errors import NotMeasured
from .base.frames import Frame
from .directives import environment, settings, viewers
from .forks import guard, resource_tracker, standby
from .input import Questions
from .launch.launcher import Launcher
from .launch.runner import Runner
from .launch.way import Way, choose
from .liveness import Liveness
from .measure import binding_arguments, installation, repeats, scorep_api
from .measure.cell import Cell, measuring
from .measure.systems import selection
from .queries import Queries
from .script import write_mode


_Event = asyncio.Event
# The first cells come at once, when all of a notebook is run: what can wait does.
_IDLE_SECONDS = 0.3
# What failed for want of descriptors is tried again.
_AGAIN_SECONDS = 10.0


class _Deaf(Exception):
    """Users' code has done to the loop what ends the task that serves: it goes on on one that hears."""


class Server:
    """Answers the library's requests."""

    def __init__(self, connection: Connection, package: str) -> None:
        self.connection = connection
        self.interrupts = connection.interrupts
        self.package = package
        self.pid = os.getpid()
        self.allow_stdin = False
        self.notices: List[str] = []  # what the user is to know, and is told with the next cell
        installation.given_up = lambda: self.interrupts.pending
        self._frames: Deque[Frame] = deque()
        self._questions = Questions(connection, self._read_for)
        self.liveness = Liveness(connection, lambda: bool(self._frames) or connection.has_something())
        self._cell_task: Optional[asyncio.Task] = None
        # Of the task that serves: what cells set in it, such as decimal's precision, is there for the next task.
        self._context = contextvars.copy_context()
        for name, which in (("stdout", STDOUT), ("stderr", STDERR)):
            stream = streams.OutStream(connection, which, f"<{name}>")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        _set_environment()
        with high_descriptors():
            self.shell = shell.create(connection, self.raw_input, self.getpass)
        self.comms = comms.Comms(connection)
        queries = Queries(connection, self.shell)
        self.launcher = Launcher(self)
        self.runner: Optional[Runner] = None  # where this process is for a launched cell
        scorep_api.offer()
        self._takes_cell_id = "cell_id" in inspect.signature(self.shell.run_cell_async).parameters
        self._handlers = {
            frame_numbers.EXECUTE: self.execute,
            frame_numbers.COMPLETE: queries.complete,
            frame_numbers.INSPECT: queries.inspect,
            frame_numbers.IS_COMPLETE: queries.is_complete,
            frame_numbers.HISTORY: queries.history,
            frame_numbers.COMM_INFO: self.comm_info,
            frame_numbers.TO_COMM_OPEN: self.to_comm,
            frame_numbers.TO_COMM_MESSAGE: self.to_comm,
            frame_numbers.TO_COMM_CLOSE: self.to_comm,
        }

    # --- the loop ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until SHUTDOWN, or until the library is gone."""
        self._loop = event_loop.make()
        keep_reserve()
        while True:
            try:
                return self._run()
            except standby.Promoted:
                standby.renew(self)

    def take_over(self, connection: socket.socket, setup: dict) -> None:
        """This process is a forked copy, and the session from now on, or the runner of one cell."""
        if not event_loop.renew(self._loop, self._watched, event_loop.ends(self._loop), forked=True):
            self._loop = event_loop.make()
        self.connection.take_over(connection, setup["token"])
        self._context = contextvars.copy_context()
        if setup.get("runner"):
            self.runner = Runner(self, True)
        self.interrupts = self.connection.interrupts
        self.pid = os.getpid()
        self._frames.clear()
        self._questions.forget()
        self.liveness.ended()

    def descriptors(self) -> set:
        """The connections that are the worker's own."""
        pair = [getattr(self._loop, name, None) for name in ("_ssock", "_csock")]
        return self.connection.descriptors() | {*reserve(), *(end.fileno() for end in pair if end is not None)}

    def _run(self) -> None:
        faulthandler.enable(file=self.connection._pipes[STDERR], all_threads=False)
        self._listen()
        self._loop.call_later(_IDLE_SECONDS, selection.prepare, self.package)
        self._loop.call_later(_IDLE_SECONDS, self._protect_tracker)
        self.interrupts.between_cells = self._on_interrupt_between_cells
        self.connection.send(frame_numbers.READY, 0)
        self.connection.hold(True)
        self._serve_until_the_end()
        self._loop.remove_reader(self._watched)
        self.connection.hold(False)
        resource_tracker.end()

    def _protect_tracker(self) -> None:
        try:
            resource_tracker.protect()
        except (OSError, ImportError):  # users' code has used up what it takes to import a module
            self._loop.call_later(_AGAIN_SECONDS, self._protect_tracker)

    def _serve_until_the_end(self) -> None:
        task: Optional[asyncio.Task] = None
        while True:
            loop = self._loop
            if task is None or task.done():
                task = self._context.run(lambda: loop.create_task(self._serve()))
            try:
                loop.run_until_complete(task)
                return
            except standby.Promoted:
                raise
            except BaseException as raised:
                # A KeyboardInterrupt or SystemExit in a user's task, or whatever a signal handler of the user's raises
                # between cells, ends run_until_complete, and perhaps the task: not us.
                asyncio.events._set_running_loop(None)  # what runs is none
                try:
                    if self.liveness.loop_ended(raised) or not self._keep_hearing():
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
        self.liveness.look()
        return False

    def _read(self) -> None:
        """Take what the library sent; called on the loop when there is something."""
        try:
            self._read_for(0)
        except Exception as problem:  # which the loop would print, and call this again
            self.liveness.loop_ended(problem)

    def _read_for(self, seconds: Optional[float]) -> None:
        """The same on any thread, waiting so long for it."""
        try:
            something = self.connection.read_some(seconds)
        except EOFError:
            # The library has gone, and with it whoever could want anything of us.
            os._exit(1)
        if something:
            with self.connection.lock:
                self._take()
        self.interrupts.catch_up()

    def _take(self) -> None:
        while (frame := self.connection.next_received()) is not None:
            if frame.kind == frame_numbers.INPUT_REPLY:
                self._questions.on_reply(frame)
            elif frame.kind == frame_numbers.RETURN:
                self.launcher.on_return(frame)
            else:
                self._frames.append(frame)
                # Of its class, since users' code may have put something else there for the loop.
                type(self._loop).call_soon_threadsafe(self._loop, self._arrived.set)

    async def _serve(self) -> None:
        while True:
            self._context = contextvars.copy_context()
            while not self._frames:
                if not self._hears():
                    raise _Deaf
                self._arrived.clear()
                await self._arrived.wait()
            frame = self._frames.popleft()
            self.interrupts.before_cell = frame.kind == frame_numbers.EXECUTE
            if frame.kind == frame_numbers.SHUTDOWN:
                if self.runner:
                    self.runner.leave()
                return
            if frame.kind == frame_numbers.PLAN:
                with contextlib.suppress(Exception):  # the next launched cell comes to the same, and says it
                    self.launcher.ahead(json.loads(frame.parts[0]))
            elif frame.kind == frame_numbers.TAKE_STATE:
                self.runner = Runner(self, False)
                self._take_state(frame)
            elif frame.kind != frame_numbers.INTERRUPT:  # of a request that is over
                await self._answer(frame)

    def _take_state(self, frame: Frame) -> None:
        self.connection.begin_cell(frame.request)
        assert self.runner
        try:
            with self.user_code():  # whose objects are made from what came
                self.runner.take(frame)
        except BaseException as problem:
            self.runner.problem = problem

    async def _answer(self, frame: Frame) -> None:
        self.liveness.began(frame.request, not self.runner and self.connection.setup.get("rank") is None)
        try:
            await self._answer_it(frame)
        finally:
            self.liveness.ended()

    async def _answer_it(self, frame: Frame) -> None:
        try:
            how, *parts = await self._handlers[frame.kind](frame)
        except standby.Promoted:
            raise
        except BaseException as problem:  # one bad request, or an interrupt of it, must not end the session
            if frame.kind == frame_numbers.EXECUTE:
                self._show_error(frame.request, type(problem).__name__, f"The kernel could not run the cell: {problem}")
            how, parts = frame_numbers.ERROR, [_failure(problem)]
        finally:
            self.interrupts.pending = self.interrupts.before_cell = False
        self._leave_if_forked(how)
        try:
            self.connection.send(frame_numbers.REPLY, frame.request, frames.u32(how), *map(frames.dump, parts))
        except BaseException as problem:  # it is too large, or cannot be written as JSON: the request ends all the same
            failure = frames.u32(frame_numbers.ERROR), frames.dump(_failure(problem))
            self.connection.send(frame_numbers.REPLY, frame.request, *failure)

    def _leave_if_forked(self, how: int) -> None:
        """A child that the cell forked has run on past the cell's end: what follows is its parent's business."""
        if os.getpid() != self.pid:
            os._exit(how)

    def _look_for_interrupt(self, request: int) -> None:
        """The frame that announces an interrupt may be here before its signal, which then need not be obeyed."""
        self._read_for(0)
        for frame in [frame for frame in self._frames if frame.kind == frame_numbers.INTERRUPT]:
            self._frames.remove(frame)
            if frame.request == request:
                self.interrupts.served = int.from_bytes(frame.parts[0], "little")
                self.interrupts.pending = True

    # --- cells ---------------------------------------------------------------------------------------

    async def execute(self, frame: Frame) -> tuple:
        """Run a cell, measured or not, here or elsewhere."""
        content, options = json.loads(frame.parts[0]), json.loads(frame.parts[2])
        metadata = json.loads(frame.parts[1] or b"{}")
        sh = self.shell
        reports: List[dict] = []
        silent = bool(content.get("silent", False))
        store = bool(content.get("store_history", not silent)) and not silent
        self.allow_stdin = bool(content.get("allow_stdin", False))
        sh.execution_count = options["execution_count"]
        sh.last_error, sh.interrupted = None, False
        self.connection.begin_cell(frame.request)
        while self.notices:
            print(self.notices.pop(0), file=sys.stderr, flush=True)
        if "environment" in options:
            print(environment.apply(options["environment"]), end="")
            return self._reply(content, options)
        if "viewer" in options:
            print(viewers.switch(options["viewer"], options["on"]), end="")
            return self._reply(content, options)
        if "asked" in options:
            return self._ask_about_settings(frame.request, content, options)
        if "write" in options:
            return self._write(frame.request, content, options)
        if options.get("measure", {}).get("arguments"):
            options["measure"]["arguments"] = binding_arguments.placed(options["measure"]["arguments"])
        cell = Cell(content["code"], options.get("measure"), options, metadata, self.connection.setup)
        self._look_for_interrupt(frame.request)
        try:
            with self.user_code(True):  # which may change cells before they are run
                cell.transform(sh.transform_cell)
            way = self._way(cell, options)
            if way.process != "session":
                if (cell.wanted or {}).get("guard"):
                    print("Warning: --guard has no effect, as the cell does not run in the session.", file=sys.stderr)
                return await self._launch(frame, cell, options, way, store)
            for turn in range(cell.repeat):
                sh.execution_count = cell.number
                more = turn + 1 < cell.repeat or bool(content.get("user_expressions"))
                if not self._prepare(cell):
                    break
                with measuring(cell, sh, self.package, way.why) as measured, self.user_code(more):
                    await self._run_all(cell, silent, store and turn == 0, metadata)
                    if self.runner:
                        self.runner.ran(frame.request, sh.last_error)
                self._leave_if_forked(frame_numbers.OK if sh.last_error is None else frame_numbers.ERROR)
                if measured:
                    reports.append(measured.report())
                if sh.last_error is not None:
                    break
        except KeyboardInterrupt:
            self._show_interrupt()
        except NotMeasured as problem:
            self._show_error(frame.request, "NotMeasured", str(problem))
        how, reply = self._reply(content, options)
        if self.runner:
            self.runner.end(frame.request, options["execution_count"], cell.wanted or {})
        return self._with_report(how, reply, repeats.combined(reports) if reports else None)

    def _prepare(self, cell: Cell) -> bool:
        """Whether the cell can be run now."""
        if cell.wanted is None:
            return True
        with self.user_code(True):
            return cell.prepare(self.shell)

    def _write(self, request: int, content: dict, options: dict) -> tuple:
        """The end of write mode."""
        try:
            print(write_mode.write(options, self.shell.transform_cell), end="")
        except (NotMeasured, ValueError) as problem:
            self._show_error(request, "NotWritten", str(problem))
        return self._reply(content, options)

    def _ask_about_settings(self, request: int, content: dict, options: dict) -> tuple:
        """Whether what a directive proposes can be in force. It is not when the reply is an error."""
        stays: List[str] = []
        try:
            with self.user_code(True):  # a module is imported, which may take long
                stays = settings.check(options)
        except KeyboardInterrupt:
            self._show_interrupt()
            print("The settings are as they were before this cell.", file=sys.stderr)
        except (NotMeasured, ValueError) as problem:
            self._show_error(request, "ScorePDirectiveError", str(problem))
        return (*self._reply(content, options), stays)

    def _show_error(self, request: int, ename: str, text: str) -> None:
        """An error of the kernel's, not of the cell's code."""
        content = {"ename": ename, "evalue": text, "traceback": [text]}
        self.shell.last_error = content
        self.connection.send(frame_numbers.ERROR_OUTPUT, request, frames.dump(content))

    def _show_interrupt(self) -> None:
        """It came between the user's code and us."""
        self.shell.showtraceback((KeyboardInterrupt, KeyboardInterrupt(), None), exception_only=True)

    def _reply(self, content: dict, options: dict) -> tuple:
        """What is said at a cell's end."""
        sh = self.shell
        self._leave_if_forked(frame_numbers.OK if sh.last_error is None else frame_numbers.ERROR)
        reply: dict = {"execution_count": options["execution_count"], "user_expressions": {}, "payload": []}
        if sh.last_error is None:
            try:
                with self.user_code():
                    reply["user_expressions"] = sh.user_expressions(content.get("user_expressions") or {})
            except KeyboardInterrupt:
                self._show_interrupt()
        self.interrupts.end()
        if sh.last_error is None:
            reply["status"] = "ok"
        else:
            reply.update(sh.last_error, status="error")
        reply["payload"] = sh.payload_manager.read_payload()
        sh.payload_manager.clear_payload()
        return frame_numbers.OK if sh.last_error is None else frame_numbers.ERROR, reply

    def _way(self, cell: Cell, options: dict) -> Way:
        """Where the cell runs. In a forked copy of the session this raises standby.Promoted."""
        if "launched" in options:
            assert self.runner  # it took the variables, or is a copy that has them
            self.runner.begin(cell.wanted or {}, options["launched"])
            return Way("session", options["launched"]["way"])
        if cell.wanted is None:
            return Way("session", "")
        way = choose(cell.wanted, self.package)
        if way.process != "session":
            return way
        chosen = guard.guard(self, cell.wanted.get("guard"))
        return Way("session", f"in the session, {'guarded' if chosen.on else 'unguarded'} ({chosen.why})")

    async def _launch(
        self, frame: Frame, cell: Cell, options: dict, way: Way, store: bool
    ) -> tuple:
        """Have a cell run in a process of its own. Its output does not come by here, its variables do."""
        sh = self.shell
        if store:
            sh.history_manager.store_inputs(options["execution_count"], cell.transformed, cell.source)
        how, reply, measurement = await self.launcher.run(frame.request, cell.wanted or {}, options, way)
        if "execution_count" not in reply:  # there was no reply of its own
            self._show_error(frame.request, reply["ename"], reply["evalue"])
            reply["execution_count"] = options["execution_count"]
        return self._with_report(how, reply, measurement)

    def _with_report(self, how: int, reply: dict, measurement: Optional[dict]) -> tuple:
        if measurement is None:
            return how, reply
        if not self.runner:  # else the session does so
            print(viewers.show(measurement["directory"]), end="")
        return how, reply, measurement

    async def _run_all(self, cell: Cell, silent: bool, store: bool, metadata: dict) -> None:
        """Run a cell, or the cells that are measured as one: an error stops the rest."""
        if not cell.parts:
            await self._run_cell(cell, silent, store, metadata)
            return
        if store:
            self.shell.history_manager.store_inputs(cell.number, cell.source, cell.source)
        for number, part in enumerate(cell.parts, 1):
            print(f"--- cell {number} of {len(cell.parts)}: {part.first_line}", flush=True)
            await self._run_cell(part, silent, False, {"cellId": part.id})
            if self.shell.last_error is not None:
                left = ", ".join(str(later) for later in range(number + 1, len(cell.parts) + 1))
                if left:
                    print(f"Cell {number} failed; not run: {left}.", file=sys.stderr, flush=True)
                return

    async def _run_cell(self, cell: Cell, silent: bool, store_history: bool, metadata: dict) -> None:
        """What InteractiveShell.run_cell does, on the loop that is already running."""
        sh, result = self.shell, None
        transformed = {"transformed_cell": cell.transformed, "preprocessing_exc_tuple": cell.problem}
        extra = {"cell_id": metadata.get("cellId")} if self._takes_cell_id else {}
        coroutine = sh.run_cell_async(
            cell.source,
            store_history=store_history,
            silent=silent,
            **transformed,
            **extra,
        )
        try:
            if sh.should_run_async(cell.source, **transformed):
                result = await self._awaiting(coroutine)
            else:
                result = _drive(coroutine)
        except BaseException as raised:
            if sh.last_error is None:
                sh.showtraceback((type(raised), raised, raised.__traceback__))
        finally:
            sh.events.trigger("post_execute")
            if not silent:
                sh.events.trigger("post_run_cell", result)
            if sh.last_error is None and result is not None and not result.success:
                # Errors that IPython shows in a line of their own (UsageError) or not at all (BdbQuit).
                error = result.error_before_exec or result.error_in_exec
                sh.last_error = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}

    async def _awaiting(self, coroutine: Any) -> Any:
        """A cell with top-level await. An interrupt cancels what it awaits; in code that computes it is raised
        on the spot."""
        task = asyncio.ensure_future(coroutine)

        def on_interrupt(frame: Any) -> bool:
            while frame is not None:
                if frame.f_code.co_filename.startswith(("<ipython-input", "/tmp/ipykernel_")):
                    return False
                frame = frame.f_back
            self.shell.interrupted = True
            task.get_loop().call_soon_threadsafe(task.cancel)
            return True

        self.interrupts.on_interrupt = on_interrupt
        try:
            return await task
        finally:
            self.interrupts.on_interrupt = None

    @contextlib.contextmanager
    def elsewhere(self, request: int) -> Iterator[None]:
        """While the block runs, the cell does so in another process: an interrupt that comes here is for that one."""

        def forward(frame: Any) -> bool:
            self.connection.send(frame_numbers.NOT_FOR_ME, request)
            return True

        self.interrupts.on_interrupt = forward  # from now on: one may be waiting
        try:
            with self.user_code():
                yield
        finally:
            self.interrupts.on_interrupt = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that users' tasks run on."""
        return self._loop

    @contextlib.contextmanager
    def user_code(self, more: bool = False) -> Iterator[None]:
        """Interrupts go through while the block runs. more: the request has more of it, for which they wait."""
        with self.interrupts.users_code(more):
            yield

    # --- input ---------------------------------------------------------------------------------------

    def raw_input(self, prompt: object = "") -> str:
        """input() in the notebook."""
        return self._ask(str(prompt), False)

    def getpass(self, prompt: str = "Password: ", stream: object = None) -> str:
        """getpass.getpass() in the notebook."""
        return self._ask(prompt, True)

    def _ask(self, prompt: str, password: bool) -> str:
        if not self.allow_stdin or self.connection.forked:
            raise StdinNotImplementedError("input() was called, but this client cannot ask the user")
        return self._questions.ask(self.connection.cell_of_caller(), prompt, password)

    # --- comms ---------------------------------------------------------------------------------------

    async def to_comm(self, frame: Frame) -> tuple:
        content, metadata = json.loads(frame.parts[0]), json.loads(frame.parts[1] or b"{}")
        self.connection.begin_cell(frame.request)
        with self.user_code():
            self.comms.handle(frame.kind, content, metadata, frame.parts[2:])
        return frame_numbers.OK, {"status": "ok"}

    async def comm_info(self, frame: Frame) -> tuple:
        target = json.loads(frame.parts[0]).get("target_name")
        return frame_numbers.OK, {"status": "ok", "comms": self.comms.info(target)}


def _failure(problem: BaseException) -> dict:
    """The content of the reply to a request that failed in the kernel."""
    return {"status": "error", "ename": type(problem).__name__, "evalue": str(problem), "traceback": []}


def _drive(coroutine: Any) -> Any:
    """Run a coroutine that awaits nothing that is not ready."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a cell without top-level await waited for something")


def _set_environment() -> None:
    """What programs that the notebook starts should know: they write to a page, not to a terminal."""
    for name, value in (("TERM", "xterm-color"), ("CLICOLOR", "1"), ("PAGER", "cat"), ("GIT_PAGER", "cat")):
        os.environ[name] = value
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
