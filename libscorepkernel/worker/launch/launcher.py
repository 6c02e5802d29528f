# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in processes of their own, as the session sees them: the variables go there and come back. How the
processes are started is in start.py; the library starts them and carries what the two say to each other
(runner.c)."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, List, Optional, Tuple

from ..base import frame_numbers, frames
from ..base.errors import NotMeasured
from ..base.frames import Frame
from ..forks import guard, history, native_threads, standby
from ..measure import installation
from ..persist import trial, variables_file
from . import variable_files, variables_report
from .notes import BACK, NEW, RESULT, THERE, told, with_result_named
from .start import make_way, plan
from .way import Way, choose


class Launcher:
    """The session's side: it hands a cell over, and waits for what comes back."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._returned: Any = None
        self._request = 0  # whose cell that is
        self._job: Any = None  # of a cell that runs as ranks
        self._moved: List[str] = []  # what was said of an older experiment, by each attempt
        self.not_returned: List[str] = []  # what the cell changed, and is as it was in the session
        self.steps = self._other_steps = variables_report.Steps()

    def ahead(self, wanted: dict) -> None:
        """Have a process started for the next cell of this kind."""
        with contextlib.suppress(NotMeasured):
            if choose(wanted, self._server.package).process == "launch":
                plan_text = frames.dump(plan(wanted, self._server.package))
                self._server.connection.send_with_descriptors([], frame_numbers.LAUNCH, 0, plan_text, b"", b"{}")

    def on_return(self, frame: Frame) -> None:
        """WORKER_RETURN has come."""
        descriptor = self._server.connection.claim(frame)
        if self._returned is not None and not self._returned.done() and frame.request == self._request:
            self._returned.set_result((frame, descriptor))
        elif descriptor is not None:
            os.close(descriptor)

    async def run(self, request: int, wanted: dict, options: dict, way: Way) -> Tuple[int, dict, Optional[dict]]:
        """Run the cell there. What it replied, and its measurement, if there is one."""
        wants_report = variables_report.is_wanted()
        self.steps, self._other_steps = variables_report.Steps(), variables_report.Steps()
        result = await self._run(request, wanted, options, way)
        if wants_report:
            marshaller = wanted.get("marshaller", "cloudpickle")
            report = variables_report.text(marshaller, way.process, self.steps, self._other_steps)
            print(with_result_named(report), file=sys.stderr, flush=True)
        return result

    async def _run(self, request: int, wanted: dict, options: dict, way: Way) -> Tuple[int, dict, Optional[dict]]:
        lost: List[str] = []
        self._moved.clear()
        self.not_returned.clear()
        with self._server.user_code(True):  # of a module that is imported
            problem = trial.problem_of_import(wanted.get("marshaller", "cloudpickle"))
        if problem:
            raise NotMeasured(
                f"The cell was not run: it needs a process of its own ({way.why}), and variables could not go there: "
                f"{problem}"
            )
        self._job = self._job_of(wanted) if way.process == "ranks" else None
        hand_over = self._fork if way.process == "forked" else self._send
        frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, False)
        if not frame.parts[1] and frame.parts[0] == frames.u32(frame_numbers.ABORTED) and way.process == "launch":
            if frame.parts[2] != b"KeyboardInterrupt" and installation.locate():
                lost.clear()
                frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, True)
        how = int.from_bytes(frame.parts[0], "little")
        if not frame.parts[1]:
            return frame_numbers.ERROR, _ended(frame.parts[2].decode("utf-8", "replace"), how), None
        content, measurement = json.loads(frame.parts[1]), json.loads(frame.parts[2] or b"null")
        try:
            if self._job:
                measurement, notes = self._job.take_back(descriptor, frame.parts[3], measurement, way.why, self)
                content = {"status": "error", "execution_count": options["execution_count"], "payload": [], **content}
            else:
                notes = self.take_changes(descriptor, json.loads(frame.parts[3] or b"{}"))
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

    async def _await(self, hand_over: Any, request: int, wanted: dict, options: dict, *more: Any) -> tuple:
        self._returned, self._request = self._server.loop.create_future(), request
        try:
            hand_over(request, wanted, options, *more)
            with self._server.elsewhere(request):
                return await self._returned
        finally:
            self._returned = None

    def _send(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        from ..persist import separately

        shell, connection = self._server.shell, self._server.connection
        descriptor = variable_files.file_for(wanted)
        try:
            with self._server.user_code():  # whose objects say how they are to be pickled, and may take long
                marshaller = wanted.get("marshaller", "cloudpickle")
                try:
                    with self.steps.step("pickled"):
                        sent = separately.send(shell.user_ns, descriptor, set(shell.user_ns_hidden), marshaller)
                except variables_file.Unwritable as problem:
                    directory = variable_files.file_directory() if wanted.get("disk") else None
                    why = variable_files.unwritten(problem, directory, descriptor)
                    raise NotMeasured(f"The cell was not run: its variables cannot travel: {why}.") from None
                except separately.Ended as problem:
                    raise NotMeasured(f"The cell was not run: {problem}.") from None
            self.steps.sent(sent)
            self._server.interrupts.before_cell = True  # one that comes now is the cell's
            lost += told(sent.lost, THERE)
            affinity = sorted(os.sched_getaffinity(0))
            if self._job:
                launched, how = self._job.for_ranks(way.why), self._job.plan()
            else:
                launched = {"way": f"launched ({way.why})", "affinity": affinity}
                how = plan(wanted, self._server.package, simple)
                make_way(how, self._moved)
            there = frames.dump({**options, "launched": {**launched, **variable_files.for_its_files()}})
            connection.send_with_descriptors([descriptor], frame_numbers.LAUNCH, request, frames.dump(how), b"", there)
        finally:
            os.close(descriptor)

    def _fork(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        os.close(variable_files.file_for(wanted))  # for what comes back: the cell is not run if there could be none
        launched = {"way": f"in a forked copy of the session ({way.why})", **variable_files.for_its_files()}
        there = frames.dump({**options, "launched": launched})
        natives = native_threads.found()
        if natives:
            print(f"Warning: {native_threads.said_of(natives)}.", file=sys.stderr)
        with history.at_rest(self._server.shell):
            copy = standby.fork_copy(self._server)
        standby.introduce(self._server.connection, copy, frame_numbers.LAUNCH, request, b"{}", None, there)

    def _job_of(self, wanted: dict) -> Any:
        from . import ranks

        return ranks.Job(wanted, self._server.package)

    def take_changes(self, descriptor: Optional[int], changes: dict, begin: int = 0) -> List[str]:
        """Take over what the cell changed. What the user is to know, but for what is in not_returned then."""
        from ..persist import transfer

        self._other_steps = variables_report.Steps(changes.get("steps"))
        if descriptor is None:
            why = changes.get("problem", "the process sent none")
            self.not_returned.append(f"All variables are as before the cell, as they could not come back: {why}.")
            return []
        shell = self._server.shell
        before, perhaps = set(shell.user_ns), set(changes.get("perhaps", ()))
        self.guard([changes])
        with self._server.user_code(), self.steps.step("taken over"):
            applied = transfer.apply_changes(descriptor, shell.user_ns, begin)
        name = changes.get("result", RESULT)
        if name in shell.user_ns:
            _bind_result(shell, shell.user_ns[name])
        shell.user_ns.pop(RESULT, None)
        old = [one for one in applied.lost if one.name in before]
        new = [one for one in applied.lost if one.name not in before]
        missed = [one for one in new if not _is_missed_by_nobody(one, changes)]
        self.not_returned += told([one for one in old if one.name not in perhaps], BACK) + told(missed, NEW)
        unknown = told([one for one in old if one.name in perhaps], BACK)
        return unknown + told([one for one in new if one not in missed], NEW)

    def guard(self, comes: List[dict]) -> None:
        """Before what comes is made again, which may run users' code, as __setstate__: it may end this process."""
        if any(one.get("runs_code") for one in comes):
            guard.guard(self._server, True)

    def in_namespace(self, function: Any, *arguments: Any) -> Any:
        """Call it with the user's variables; it may run users' code."""
        with self._server.user_code():
            return function(self._server.shell.user_ns, *arguments)


def _is_missed_by_nobody(lost: Any, changes: dict) -> bool:
    """Whether it is of no use to later cells: the cell's result, which has been shown, what was closed, and what was
    MPI's, as the ranks have ended."""
    return lost.name == RESULT or lost.name in changes.get("closed", ()) or lost.type.startswith("mpi4py.MPI.")


def _not_returned(texts: List[str]) -> dict:
    """The content of the reply of a cell whose changes are not in the session, which must not go on as if they were."""
    said = "The cell ran to its end, but not all that it changed is in the session:\n" + "\n".join(texts)
    return {"status": "error", "ename": "VariablesNotReturned", "evalue": said, "traceback": [said]}


def _bind_result(shell: Any, value: Any) -> None:
    """As Out[n], _n and _. The cell did not run here: newer versions of IPython count it before it runs."""
    number = shell.execution_count
    shell.execution_count += number - shell.displayhook.prompt_count
    try:
        shell.displayhook.update_user_ns(value)
    finally:
        shell.execution_count = number


def _ended(text: str, how: int) -> dict:
    """The content of the reply when the process ended instead."""
    if text == "KeyboardInterrupt":
        return {"status": "error", "ename": text, "evalue": "", "traceback": [text]}
    if how == frame_numbers.ERROR:
        said = f"The cell ended the process that it ran in, which {text}. The session's variables are as before it."
    else:
        what = text.rstrip(".") if text.startswith("the Python process") else f"the process for it {text.rstrip('.')}"
        said = f"The cell was not run: {what}. The session's variables are as before."
    return {"status": "error", "ename": "LaunchedProcessEnded", "evalue": said, "traceback": [said]}
