# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in processes of their own, as the session sees them: the variables go there and come back. How the
processes are started is in start.py; the library starts them and carries what the two say to each other
(session/launched_cell.c)."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, Iterator, List, Optional, Tuple

from ..base import frame_numbers, frames
from ..base.errors import NotMeasured
from ..base.frames import Frame
from ..base.session import Session
from ..forks import guard, standby
from ..measure.systems.selection import Selection
from ..measure.wanted import Wanted
from ..persist import trial, variables_file
from . import start, variable_files, variables_report
from .notes import BACK, NEW, RESULT, THERE, of_not_transferred, with_result_named
from .plan import Plan, Where, decide_elsewhere


# How it ended, the content of its reply, and its measurement, if there is one.
Returned = Tuple[int, dict, Optional[dict]]


class Launcher:
    """The session's side: it hands a cell over, and waits for what comes back."""

    def __init__(self, session: Session, systems: Selection) -> None:
        self._session = session
        self._systems = systems
        self._returned: Any = None
        self._request = 0  # whose cell that is
        self._job: Any = None  # of a cell that runs as ranks
        self._moved: List[str] = []  # what was said of an older experiment, by each attempt
        self.not_returned: List[str] = []  # what the cell changed, and is as it was in the session
        self.steps = self._other_steps = variables_report.Steps()

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
        if self._returned is not None and not self._returned.done() and frame.request == self._request:
            self._returned.set_result((frame, descriptor))
        elif descriptor is not None:
            os.close(descriptor)

    async def run(self, request: int, wanted: Wanted, options: dict, plan: Plan) -> Optional[Returned]:
        """Run the cell there. None: this process is a copy of the session that was asked."""
        wants_report = variables_report.is_wanted()
        self.steps, self._other_steps = variables_report.Steps(), variables_report.Steps()
        result = await self._run(request, wanted, options, plan)
        if wants_report and result is not None:
            report = variables_report.text(wanted.marshaller, plan.where, self.steps, self._other_steps)
            print(with_result_named(report), file=sys.stderr, flush=True)
        return result

    async def _run(self, request: int, wanted: Wanted, options: dict, plan: Plan) -> Optional[Returned]:
        self._moved.clear()
        self.not_returned.clear()
        with self._session.connection.interrupts.users_code(True):  # of a module that is imported
            problem = trial.problem_of_import(wanted.marshaller)
        if problem:
            raise NotMeasured(
                f"The cell was not run: it needs a process of its own ({plan.why}), and variables could not go there: "
                f"{problem}"
            )
        self._job = self._job_of(wanted, plan) if plan.where is Where.RANKS else None
        try:
            return await self._run_there(request, wanted, options, plan)
        finally:
            if self._job:
                self._job.forget_unused()

    async def _run_there(self, request: int, wanted: Wanted, options: dict, plan: Plan) -> Optional[Returned]:
        lost: List[str] = []
        hand_over = self._fork if plan.where is Where.FORKED else self._send
        returned = await self._await(hand_over, request, wanted, options, plan, lost, False)
        if returned is None:
            return None
        frame, descriptor = returned
        if plan.where is Where.LAUNCHED and plan.by_score_p and _could_not_begin(frame):
            lost.clear()
            frame, descriptor = await self._await(hand_over, request, wanted, options, plan, lost, True)
        how = _outcome(frame)
        if _ending(frame) != frame_numbers.REPLIED:
            return frame_numbers.ERROR, _content_of_end(frame, self._moved + lost), None
        content, measurement = json.loads(frame.parts[1]), json.loads(frame.parts[2] or b"null")
        try:
            changes = json.loads(frame.parts[3] or b"{}")
            if not self._guarded(self._job.comes(changes) if self._job else [changes]):
                return None
            if self._job:
                measurement, notes = self._job.take_back(descriptor, changes, measurement, plan.why, self)
                content = {"status": "error", "execution_count": options["execution_count"], "payload": [], **content}
            else:
                notes = self.take_changes(descriptor, changes)
        finally:
            if descriptor is not None:
                os.close(descriptor)
        lost += self._moved + notes + (self.not_returned if how != frame_numbers.OK else [])
        if measurement is not None:
            measurement["warnings"] = measurement["warnings"] + lost
        elif self._job and lost:  # the error has been shown by now
            print("\n".join(lost), file=sys.stderr, flush=True)
        elif lost:
            content.setdefault("traceback", []).extend(lost)
        if how == frame_numbers.OK and self.not_returned:
            content.pop("execution_count", None)
            return frame_numbers.ERROR, {**content, **_not_returned(self.not_returned)}, measurement
        return how, content, measurement

    async def _await(self, hand_over: Any, request: int, wanted: Wanted, options: dict, *more: Any) -> Any:
        """The frame and the descriptor that come back. None: this is the copy that the cell runs in."""
        self._returned, self._request = self._session.loop.create_future(), request
        try:
            if not hand_over(request, wanted, options, *more):
                return None
            with self._elsewhere(request):
                return await self._returned
        finally:
            self._returned = None

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

    def _send(self, request: int, wanted: Wanted, options: dict, plan: Plan, lost: List[str], simple: bool) -> bool:
        from ..persist import separately

        shell, connection = self._session.shell, self._session.connection
        descriptor, hidden = variable_files.file_for(wanted.disk), set(shell.user_ns_hidden)
        try:
            with connection.interrupts.users_code():  # whose objects say how they are to be pickled; it may take long
                try:
                    with self.steps.step("pickled"):
                        sent = separately.send(shell.user_ns, descriptor, hidden, wanted.marshaller)
                except variables_file.Unwritable as problem:
                    directory = variable_files.file_directory() if wanted.disk else None
                    why = variable_files.unwritten(problem, directory, descriptor)
                    raise NotMeasured(f"The cell was not run: its variables cannot travel: {why}.") from None
                except separately.Ended as problem:
                    raise NotMeasured(f"The cell was not run: {problem}.") from None
            self.steps.sent(sent)
            connection.interrupts.before_cell = True  # one that comes now is the cell's
            lost += of_not_transferred(sent.lost, THERE)
            if self._job:
                self._job.make_directory(self._moved)
                launched, how = self._job.for_ranks(plan.said), self._job.start()
            else:
                launched = {"way": plan.said, "affinity": sorted(os.sched_getaffinity(0))}
                how = start.of_process(wanted.arguments, plan.by_score_p, simple)
                start.make_way(how, self._moved)
            there = _options_there(options, wanted, launched)
            connection.send_with_descriptors([descriptor], frame_numbers.LAUNCH, request, frames.dump(how), b"", there)
            return True
        finally:
            os.close(descriptor)

    def _fork(self, request: int, wanted: Wanted, options: dict, plan: Plan, lost: List[str], simple: bool) -> bool:
        """Have the cell run in a forked copy of the session. False: this process is that copy."""
        # For what comes back: the cell is not run if there could be none.
        os.close(variable_files.file_for(wanted.disk))
        there = _options_there(options, wanted, {"way": plan.said})
        try:
            copy = standby.copy_session(self._session)
            if copy is None:
                return False
            standby.introduce(self._session.connection, copy, frame_numbers.LAUNCH, request, b"{}", None, there)
        except OSError as problem:
            raise NotMeasured(
                f"The cell was not run: it needs a copy of the session ({plan.why}), and none could be made: "
                f"{problem.strerror}. The variables are as before. Have cells launched with\n"
                "%%marshalling_settings PROCESS=launch\nor run in the session with PROCESS=session."
            ) from None
        return True

    def _job_of(self, wanted: Wanted, plan: Plan) -> Any:
        from . import ranks

        return ranks.Job(wanted, plan)

    def take_changes(self, descriptor: Optional[int], changes: dict, begin: int = 0) -> List[str]:
        """Take over what the cell changed. What the user is to know, but for what is in not_returned then."""
        from ..persist import transfer

        self._other_steps = variables_report.Steps(changes.get("steps"))
        if descriptor is None:
            why = changes.get("problem", "the process sent none")
            self.not_returned.append(f"All variables are as before the cell, as they could not come back: {why}.")
            return []
        shell = self._session.shell
        before, perhaps = set(shell.user_ns), set(changes.get("perhaps", ()))
        with self._session.connection.interrupts.users_code(), self.steps.step("taken over"):
            applied = transfer.apply_changes(descriptor, shell.user_ns, begin)
        name = changes.get("result", RESULT)
        if name in shell.user_ns:
            _bind_result(shell, shell.user_ns[name])
        shell.user_ns.pop(RESULT, None)
        old = [one for one in applied.lost if one.name in before]
        # Later cells that use it say so by a NameError: nothing goes on with a wrong value.
        new = [one for one in applied.lost if one.name not in before]
        self.not_returned += of_not_transferred([one for one in old if one.name not in perhaps], BACK)
        unknown = [one for one in old if one.name in perhaps]
        return of_not_transferred(unknown, BACK) + of_not_transferred(new, NEW)

    def _guarded(self, comes: List[dict]) -> bool:
        """Before what comes is made again, which may run users' code, as __setstate__: it may end this process. False:
        this is the copy that goes on then."""
        if not any(one.get("runs_code") for one in comes):
            return True
        return guard.begin(self._session, guard.Guard(True, "users' code makes the variables")) is not None

    def in_namespace(self, function: Any, *arguments: Any) -> Any:
        """Call a function, which may run users' code, with the user's variables and these arguments."""
        with self._session.connection.interrupts.users_code():
            return function(self._session.shell.user_ns, *arguments)


def _not_returned(texts: List[str]) -> dict:
    """The content of the reply of a cell whose changes are not in the session, which must not go on as if they were."""
    said = (
        "The cell ran to its end, but not all that it changed is in the session, where what is named here is as before "
        "the cell:\n"
    ) + "\n".join(texts)
    return {"status": "error", "ename": "VariablesNotReturned", "evalue": said, "traceback": [said]}


def _bind_result(shell: Any, value: Any) -> None:
    """As Out[n], _n and _. The cell did not run here: newer versions of IPython count it before it runs."""
    number = shell.execution_count
    shell.execution_count += number - shell.displayhook.prompt_count
    try:
        shell.displayhook.update_user_ns(value)
    finally:
        shell.execution_count = number


def _options_there(options: dict, wanted: Wanted, launched: dict) -> bytes:
    """The options of the cell in the other process: what is wanted as it was read here, where the notebook is."""
    return frames.dump(
        {**options, "measure": wanted.said, "launched": {**launched, **variable_files.for_its_files()}}
    )


def _outcome(frame: Frame) -> int:
    """How the request ended in the other process, by its WORKER_RETURN."""
    return int.from_bytes(frame.parts[0], "little")


def _ending(frame: Frame) -> int:
    """What became of the other process, by its WORKER_RETURN: REPLIED, INTERRUPTED, ENDED or NOT_STARTED."""
    return int.from_bytes(frame.parts[4], "little")


def _could_not_begin(frame: Frame) -> bool:
    """Whether the process ended before the cell had begun, by itself, so that another way to start it may help."""
    ended = _ending(frame) in (frame_numbers.ENDED, frame_numbers.NOT_STARTED)
    return ended and _outcome(frame) == frame_numbers.ABORTED


def _content_of_end(frame: Frame, notes: List[str]) -> dict:
    """The content of the reply where the other process has not replied. notes: what else the user is to know, such as
    variables that were not there, which may be why it ended."""
    ending, text = _ending(frame), frame.parts[2].decode("utf-8", "replace").rstrip(".")
    if ending == frame_numbers.INTERRUPTED:
        name = KeyboardInterrupt.__name__
        return {"status": "error", "ename": name, "evalue": "", "traceback": [name, *notes]}
    if ending == frame_numbers.NOT_STARTED:
        said = f"The cell was not run: {text}. The session's variables are as before."
    elif _outcome(frame) == frame_numbers.ABORTED:
        said = f"The cell was not run: the process for it {text}. The session's variables are as before."
    else:
        said = f"The cell ended the process that it ran in, which {text}. The session's variables are as before it."
    said = "\n".join([said, *notes])
    return {"status": "error", "ename": "LaunchedProcessEnded", "evalue": said, "traceback": [said]}
