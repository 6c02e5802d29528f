# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in processes of their own: the session hands a cell over, and waits for its answer. The library starts
the process and carries what the two say to each other (session/launched_cell.c)."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Callable, Iterator, Optional

from ..base import frame_numbers, frames
from ..base.errors import NotMeasured
from ..base.frames import Frame
from ..base.session import Session
from ..measure.systems.selection import Selection
from ..measure.wanted import Wanted
from ..persist import trial
from . import answer, start, variables_report
from .answer import Answer
from .launched_cell import LaunchedCell, Returned
from .notes import with_result_named
from .plan import Plan, Where, decide_elsewhere


class Launcher:
    """The session's side. One cell at a time is elsewhere."""

    def __init__(self, session: Session, systems: Selection) -> None:
        self._session = session
        self._systems = systems
        self._awaited: Any = None  # the future of an Answer; None: nothing is awaited
        self._request = 0  # whose answer that is

    def ahead(self, wanted: Wanted) -> None:
        """Have a process started for the next cell of this kind."""
        with contextlib.suppress(NotMeasured):
            plan = decide_elsewhere(wanted, self._systems)
            if plan is not None and plan.where is Where.LAUNCHED:
                how = frames.dump(start.of_process(wanted.arguments, plan.by_score_p))
                self._session.connection.send_with_descriptors([], frame_numbers.LAUNCH, 0, how, b"", b"{}")

    def on_return(self, frame: Frame) -> None:
        """Take a WORKER_RETURN, and wake the cell that waits for it."""
        descriptor = self._session.connection.claim(frame)
        if self._awaited is not None and not self._awaited.done() and frame.request == self._request:
            self._awaited.set_result(answer.read(frame, descriptor))
        elif descriptor is not None:
            os.close(descriptor)

    async def run(self, request: int, wanted: Wanted, options: dict, plan: Plan) -> Optional[Returned]:
        """Run the cell there. None: this process is a copy of the session that was asked. NotMeasured: it cannot be
        run there."""
        wants_report = variables_report.is_wanted()
        self._check_marshaller(wanted, plan)
        cell = LaunchedCell(self._session, request, wanted, options, plan)
        try:
            returned = await self._run(cell)
        finally:
            cell.close()
        if wants_report and returned is not None:
            print(with_result_named(cell.report), file=sys.stderr, flush=True)
        return returned

    def _check_marshaller(self, wanted: Wanted, plan: Plan) -> None:
        with self._session.connection.interrupts.users_code(True):  # of a module that is imported
            problem = trial.problem_of_import(wanted.marshaller)
        if problem:
            raise NotMeasured(
                f"The cell was not run: it needs a process of its own ({plan.why}), and variables could not go there: "
                f"{problem}"
            )

    async def _run(self, cell: LaunchedCell) -> Optional[Returned]:
        answered = await self._await(cell.request, cell.hand_over)
        if answered is not None and cell.can_begin_again(answered):
            answered = await self._await(cell.request, cell.hand_over_again)
        if answered is None:
            return None
        try:
            return cell.take(answered)
        finally:
            if answered.descriptor is not None:
                os.close(answered.descriptor)

    async def _await(self, request: int, hand_over: Callable[[], bool]) -> Optional[Answer]:
        """The answer to what is handed over. None: this is the copy that the cell runs in."""
        self._awaited, self._request = self._session.loop.create_future(), request
        try:
            if not hand_over():
                return None
            with self._elsewhere(request):
                return await self._awaited
        finally:
            self._awaited = None

    @contextlib.contextmanager
    def _elsewhere(self, request: int) -> Iterator[None]:
        """While the block runs, the cell does so in another process: an interrupt that comes here is for that one."""
        interrupts = self._session.connection.interrupts

        def forward(frame: Any) -> bool:
            self._session.connection.send(frame_numbers.NOT_FOR_ME, request)
            return True

        interrupts.on_interrupt = forward  # from now on: one may be waiting
        try:
            with interrupts.users_code():
                yield
        finally:
            interrupts.on_interrupt = None
