# SPDX-License-Identifier: BSD-3-Clause
"""Cells and directives: what the client has the session run, from the request to its reply."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import statistics  # noqa: F401
import tempfile  # noqa: F401
import zlib  # noqa: F401
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .base import frame_numbers, frames
from .base.errors import NotMeasured
from .base.frames import Frame
from .base.session import Session
from .cell_code import CellCode
from .directives.visible import visible
from .forks import guard
from .input import Questions
from .launch.plan import Plan, Where, decide, follow
from .measure import progress, report
from .measure.cell import Cell
from .measure.measurement import Measurement, measuring
from .measure.systems.selection import Selection
from .measure.wanted import Wanted, read
from .notebook_kernel import Parents

if TYPE_CHECKING:
    from .launch.launcher import Launcher
    from .launch.runner import Runner

# What few cells need is imported when it is needed: a session's start does not wait for it. What those modules need of
# the standard library is imported above, before a cell can replace it (base/unpatched.py).

# How a request ended, and what is sent with it: its content, and for a measured cell its measurement.
Reply = Tuple[Any, ...]


class Request(NamedTuple):
    """A cell, or a directive, that the library sent."""

    number: int
    content: Dict[str, Any]  # of execute_request
    metadata: Dict[str, Any]
    options: Dict[str, Any]  # what the library adds

    @property
    def is_silent(self) -> bool:
        """Whether nothing of it is to be shown or kept."""
        return bool(self.content.get("silent", False))

    @property
    def is_stored(self) -> bool:
        """Whether it goes into IPython's history."""
        return bool(self.content.get("store_history", not self.is_silent)) and not self.is_silent


def _read(frame: Frame) -> Request:
    content, metadata, options = (json.loads(part or b"{}") for part in frame.parts[:3])
    return Request(frame.request, content, metadata, options)


class Cells:
    """Runs what the client sends, one after the other."""

    def __init__(
        self,
        session: Session,
        systems: Selection,
        questions: Questions,
        parents: Parents,
        look_for_interrupt: Callable[[int], None],
    ) -> None:
        """look_for_interrupt: called with a request's number, before its code begins."""
        self._session = session
        self._connection = session.connection
        self._shell = session.shell
        self._systems = systems
        self._questions = questions
        self._parents = parents
        self._look_for_interrupt = look_for_interrupt
        self._code = CellCode(session.connection, session.shell)
        self._pid = os.getpid()
        self._launcher: Optional[Launcher] = None
        self.runner: Optional[Runner] = None  # where this process is for a launched cell
        self._directives = {
            "environment": self._set_environment,
            "viewer": self._switch_viewer,
            "asked": self._ask_about_settings,
            "write": self._write_script,
        }

    @property
    def launcher(self) -> Launcher:
        """Runs cells in processes of their own."""
        from .launch import launcher

        if self._launcher is None:
            self._launcher = launcher.Launcher(self._session, self._systems)
        return self._launcher

    def _runner_of(self, is_forked: bool) -> Runner:
        from .launch import runner

        return runner.Runner(self._session, self._systems, is_forked)

    def prepare(self) -> None:
        """While the user thinks: import what the first measured cell may need, and load what measures it."""
        from .directives import viewers  # noqa: F401
        from .launch import launcher, runner  # noqa: F401
        from .experiments import kept  # noqa: F401
        from .measure import repeats  # noqa: F401

        self._systems.prepare()

    def take_over(self, is_runner: bool) -> None:
        """This process is a forked copy, which goes on as the session, or as the runner of one cell."""
        self._pid = os.getpid()
        if is_runner:
            self.runner = self._runner_of(True)

    def take_variables(self, frame: Frame) -> None:
        """WORKER_TAKE_STATE: this process was launched for the cell that comes next."""
        self.runner = self._runner_of(False)
        self._connection.begin_cell(frame.request)
        try:
            with self._users_code():  # whose objects are made from what came
                self.runner.take(frame)
        except BaseException as problem:
            self.runner.problem = problem

    def start_ahead(self, frame: Frame) -> None:
        """WORKER_PLAN: have a process started for cells of that kind."""
        with contextlib.suppress(Exception):  # the next launched cell comes to the same, and says it
            self.launcher.ahead(read(json.loads(frame.parts[0])))

    def leave_if_forked(self, how: int) -> None:
        """A child that the cell forked has run on past the cell's end: what follows is its parent's business."""
        if os.getpid() != self._pid:
            os._exit(how)

    async def execute(self, frame: Frame) -> Optional[Reply]:
        """Do what a WORKER_EXECUTE asks for. None: this process is a copy of the one that was asked, which answers."""
        request = _read(frame)
        shell = self._shell
        self._questions.allowed = bool(request.content.get("allow_stdin", False))
        shell.execution_count = request.options["execution_count"]
        shell.last_error, shell.interrupted = None, False
        self._connection.begin_cell(request.number)
        self._parents.begin(request.number, request.content, request.metadata)
        while self._session.notices:
            print(visible(self._session.notices.pop(0)), file=sys.stderr, flush=True)
        for name, directive in self._directives.items():
            if name in request.options:
                return directive(request)
        return await self._run(request)

    # --- directives ----------------------------------------------------------------------------------

    def _set_environment(self, request: Request) -> Reply:
        from .directives import environment

        print(environment.apply(request.options["environment"]), end="")
        return self._reply(request)

    def _switch_viewer(self, request: Request) -> Reply:
        from .directives import viewers

        print(viewers.switch(request.options["viewer"], request.options["on"]), end="")
        return self._reply(request)

    def _ask_about_settings(self, request: Request) -> Reply:
        """Whether what a directive proposes can be in force. It is not when the reply is an error."""
        from .directives import settings

        stays: List[str] = []
        try:
            with self._users_code(True):  # a module is imported, which may take long
                stays = settings.check(request.options)
        except KeyboardInterrupt:
            self._show_interrupt()
            print("The settings are as they were before this cell.", file=sys.stderr)
        except (NotMeasured, ValueError) as problem:
            self.show_error(request.number, "ScorePDirectiveError", str(problem))
        return (*self._reply(request), stays)

    def _write_script(self, request: Request) -> Reply:
        """%%end_writefile: write the marked cells to a script."""
        from .script import write_mode

        try:
            print(write_mode.write(request.options, self._shell.transform_cell), end="")
        except (NotMeasured, ValueError) as problem:
            self.show_error(request.number, "NotWritten", str(problem))
        return self._reply(request)

    # --- cells ---------------------------------------------------------------------------------------

    async def _run(self, request: Request) -> Optional[Reply]:
        """Run a cell, measured or not, here or elsewhere. None: as for execute."""
        said = request.options.get("measure")
        wanted = None if said is None else read(said)
        cell = Cell(request.content["code"], wanted, request.options, request.metadata, self._connection.setup)
        reports: List[dict] = []
        self._look_for_interrupt(request.number)
        try:
            with self._users_code(True):  # which may change cells before they are run
                cell.transform(self._shell.transform_cell)
            plan = self._plan(cell, request)
            if plan is not None and plan.where is not Where.SESSION:
                if wanted and wanted.guard:
                    print("Warning: --guard has no effect, as the cell does not run in the session.", file=sys.stderr)
                with self._progress(request, plan):
                    return await self._run_elsewhere(request, cell, plan)
            if plan is not None and plan.guard is not None:
                guarded = guard.begin(self._session, plan.guard)
                if guarded is None:
                    return None
                if wanted and wanted.guard and not guarded.on:
                    _warn_unguarded(guarded.why)
                plan = plan.guarded_by(guarded)
            with self._progress(request, plan):
                await self._run_here(request, cell, plan, reports)
        except KeyboardInterrupt:
            self._show_interrupt()
        except NotMeasured as problem:
            self.show_error(request.number, "NotMeasured", str(problem))
        reply = self._reply(request)
        if self.runner:
            self.runner.end(request.number, cell.number, wanted or Wanted())
        return self._with_report(reply, _combined(reports))

    def _plan(self, cell: Cell, request: Request) -> Optional[Plan]:
        """How the cell is to be measured; None: it is not measured. NotMeasured: it cannot be, as the user asks for
        it."""
        launched = request.options.get("launched")
        if launched is not None:
            assert self.runner  # it took the variables, or is a copy that has them
            self.runner.begin(cell.wanted or Wanted(), launched)
        if cell.wanted is None:
            return None
        report.wanted_views()
        return decide(cell.wanted, self._systems) if launched is None else follow(launched["way"], self._systems)

    async def _run_here(self, request: Request, cell: Cell, plan: Optional[Plan], reports: List[dict]) -> None:
        """Run it in this process, as often as it is to be measured; the reports are added."""
        shell = self._shell
        for turn in range(cell.repeat):
            shell.execution_count = cell.number
            more = turn + 1 < cell.repeat or bool(request.content.get("user_expressions"))
            if plan is not None and not self._prepare(cell):
                return
            with self._measuring(cell, plan) as measurement, self._users_code(more):
                await self._run_parts(request, cell, request.is_stored and turn == 0)
                if self.runner:
                    self.runner.ran(request.number, shell.last_error)
            self.leave_if_forked(self._outcome())
            if measurement is not None:
                reports.append(measurement.report())
            if shell.last_error is not None:
                return

    def _progress(self, request: Request, plan: Optional[Plan]) -> ContextManager[None]:
        """While the block runs, the user is shown how far the cell has come, if it is measured."""
        if plan is None or request.is_silent:
            return contextlib.nullcontext()
        return progress.shown(None if self.runner else self._connection, request.number)

    @contextlib.contextmanager
    def _measuring(self, cell: Cell, plan: Optional[Plan]) -> Iterator[Optional[Measurement]]:
        if plan is None:
            yield None
            return
        assert plan.system
        with measuring(cell, self._shell, plan.system, plan.said, plan.notes) as measurement:
            yield measurement

    def _prepare(self, cell: Cell) -> bool:
        """Whether the cell can be run now."""
        with self._users_code(True):
            return cell.prepare(self._shell)

    async def _run_parts(self, request: Request, cell: Cell, is_stored: bool) -> None:
        """Run a cell, or the cells that are measured as one: an error stops the rest."""
        if not cell.parts:
            await self._code.run(cell, request.is_silent, is_stored, request.metadata)
            return
        if is_stored:
            self._shell.history_manager.store_inputs(cell.number, cell.source, cell.source)
        for number, part in enumerate(cell.parts, 1):
            print(f"--- cell {number} of {len(cell.parts)}: {part.first_line}", flush=True)
            await self._code.run(part, request.is_silent, False, {"cellId": part.id})
            if self._shell.last_error is not None:
                left = ", ".join(str(later) for later in range(number + 1, len(cell.parts) + 1))
                if left:
                    print(f"Cell {number} failed; not run: {left}.", file=sys.stderr, flush=True)
                return

    async def _run_elsewhere(self, request: Request, cell: Cell, plan: Plan) -> Optional[Reply]:
        """Have it run in a process of its own. Its output does not come by here, its variables do. None: as for
        execute."""
        assert cell.wanted
        if request.is_stored:
            self._shell.history_manager.store_inputs(cell.number, cell.transformed, cell.source)
        returned = await self.launcher.run(request.number, cell.wanted, request.options, plan)
        if returned is None:
            return None
        how, content, measurement = returned
        if "execution_count" not in content:  # there was no reply of its own
            self.show_error(request.number, content["ename"], content["evalue"])
            content["execution_count"] = cell.number
        return self._with_report((how, content), measurement)

    # --- replies -------------------------------------------------------------------------------------

    def show_error(self, request: int, ename: str, text: str) -> None:
        """Show an error of the kernel's, not of the cell's code."""
        text = visible(text)
        content = {"ename": ename, "evalue": text, "traceback": [text]}
        self._shell.last_error = content
        self._connection.send(frame_numbers.ERROR_OUTPUT, request, frames.dump(content))

    def _show_interrupt(self) -> None:
        """Show an interrupt that came while our own code ran, between two pieces of the user's."""
        self._shell.showtraceback((KeyboardInterrupt, KeyboardInterrupt(), None), exception_only=True)

    def _outcome(self) -> int:
        return frame_numbers.OK if self._shell.last_error is None else frame_numbers.ERROR

    def _reply(self, request: Request) -> Reply:
        """Evaluate the user expressions of the request, and put its reply together."""
        shell = self._shell
        self.leave_if_forked(self._outcome())
        content: dict = {
            "execution_count": request.options["execution_count"], "user_expressions": {}, "payload": []
        }
        if shell.last_error is None:
            try:
                with self._users_code():
                    wanted = request.content.get("user_expressions") or {}
                    content["user_expressions"] = shell.user_expressions(wanted)
            except KeyboardInterrupt:
                self._show_interrupt()
        self._connection.interrupts.end()
        if shell.last_error is None:
            content["status"] = "ok"
        else:
            content.update(shell.last_error, status="error")
        content["payload"] = shell.payload_manager.read_payload()
        shell.payload_manager.clear_payload()
        return self._outcome(), content

    def _with_report(self, reply: Reply, measurement: Optional[dict]) -> Reply:
        if measurement is None:
            return reply
        if not self.runner:  # else the session does so
            from .directives import viewers
            from .experiments import kept

            print(visible(viewers.show(measurement["directory"])), end="")
            kept.keep(measurement)
            views = _views()
            if views is None:
                return reply
            measurement = {**report.for_library(measurement), "views": views}
        return (*reply, measurement)

    def _users_code(self, more: bool = False) -> Any:
        return self._connection.interrupts.users_code(more)


def _views() -> Optional[List[str]]:
    """The views that are shown under the cell: all, where the cell itself has broken the setting."""
    try:
        return report.wanted_views()
    except NotMeasured:
        return []


def _warn_unguarded(why: str) -> None:
    """Before a cell runs: the report says it, too, but comes only if the cell does not end the session."""
    print(
        f"Warning: the cell runs unguarded, although --guard asks for a copy of the session: {why}. Should it end its "
        "process, the variables are lost.",
        file=sys.stderr,
        flush=True,
    )


def _combined(reports: List[dict]) -> Optional[dict]:
    """The reports of a cell's repetitions as one; None: there is none."""
    from .measure import repeats

    return repeats.combined(reports) if reports else None
