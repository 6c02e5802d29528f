# SPDX-License-Identifier: BSD-3-Clause
"""One cell that runs in a process of its own, as the session sees it: its variables go there, and come back. How the
process is started is in start.py, how the two find each other in launcher.py."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, List, Optional, Tuple

from ..base import frame_numbers, frames
from ..base.errors import NotMeasured
from ..base.session import Session
from ..forks import guard, standby
from ..measure.wanted import Wanted
from ..persist import variables_file
from . import start, variable_files, variables_report
from .answer import Answer
from .notes import BACK, NEW, RESULT, THERE, of_not_transferred
from .plan import Plan, Where
from .ranks import Job

# How it ended, the content of its reply, and its measurement, if there is one.
Returned = Tuple[int, dict, Optional[dict]]


class LaunchedCell:
    """The cell, from handing it over until what it changed is in the session."""

    def __init__(self, session: Session, request: int, wanted: Wanted, options: dict, plan: Plan) -> None:
        """NotMeasured: ranks are wanted, and there is nothing to start them with."""
        self._session = session
        self.request = request
        self._wanted = wanted
        self._options = options
        self._plan = plan
        self._job = Job(wanted, plan) if plan.where is Where.RANKS else None
        self._moved: List[str] = []  # what was said of an older experiment, by each attempt to begin
        self._lost: List[str] = []  # of variables that were not taken there
        self.not_returned: List[str] = []  # what the cell changed, and is as it was in the session
        self.steps, self._steps_there = variables_report.Steps(), variables_report.Steps()

    def close(self) -> None:
        """Remove what the cell has not used."""
        if self._job:
            self._job.forget_unused()

    @property
    def report(self) -> str:
        """The detailed report on how its variables travelled."""
        return variables_report.text(self._wanted.marshaller, self._plan.where, self.steps, self._steps_there)

    # --- there ---------------------------------------------------------------------------------------

    def hand_over(self) -> bool:
        """Send the cell and its variables to its process. False: this process is that one, a copy of the session.
        NotMeasured: that cannot be done."""
        return self._fork() if self._plan.where is Where.FORKED else self._send(is_simple=False)

    def can_begin_again(self, answer: Answer) -> bool:
        """Whether its process may start if it is started in the simplest way."""
        return self._plan.where is Where.LAUNCHED and self._plan.by_score_p and answer.could_not_begin

    def hand_over_again(self) -> bool:
        """The same as hand_over for a process that could not begin, in the simplest way."""
        self._lost.clear()
        return self._send(is_simple=True)

    def _send(self, is_simple: bool) -> bool:
        connection = self._session.connection
        descriptor = variable_files.file_for(self._wanted.disk)
        try:
            with connection.interrupts.users_code():  # whose objects say how they are to be pickled; it may take long
                self._write(descriptor)
            connection.interrupts.before_cell = True  # one that comes now is the cell's
            how, launched = self._way(is_simple)
            there = self._options_there(launched)
            connection.send_with_descriptors(
                [descriptor], frame_numbers.LAUNCH, self.request, frames.dump(how), b"", there
            )
            return True
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int) -> None:
        """Pickle the variables into a file. NotMeasured: it cannot be written."""
        from ..persist import separately

        shell, wanted = self._session.shell, self._wanted
        try:
            with self.steps.step("pickled"):
                sent = separately.send(shell.user_ns, descriptor, set(shell.user_ns_hidden), wanted.marshaller)
        except variables_file.Unwritable as problem:
            directory = variable_files.file_directory() if wanted.disk else None
            why = variable_files.unwritten(problem, directory, descriptor)
            raise NotMeasured(f"The cell was not run: its variables cannot travel: {why}.") from None
        except separately.Ended as problem:
            raise NotMeasured(f"The cell was not run: {problem}.") from None
        self.steps.sent(sent)
        self._lost += of_not_transferred(sent.lost, THERE)

    def _way(self, is_simple: bool) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """How its process is started, and what that process has to know of it."""
        if self._job:
            self._job.make_directory(self._moved)
            return self._job.start(), self._job.for_ranks(self._plan.said)
        how = start.of_process(self._wanted.arguments, self._plan.by_score_p, is_simple)
        start.make_way(how, self._moved)
        return how, {"way": self._plan.said, "affinity": sorted(os.sched_getaffinity(0))}

    def _fork(self) -> bool:
        # For what comes back: the cell is not run if there could be none.
        os.close(variable_files.file_for(self._wanted.disk))
        connection, there = self._session.connection, self._options_there({"way": self._plan.said})
        try:
            copy = standby.copy_session(self._session)
            if copy is None:
                return False
            standby.introduce(connection, copy, frame_numbers.LAUNCH, self.request, b"{}", None, there)
        except OSError as problem:
            raise NotMeasured(
                f"The cell was not run: it needs a copy of the session ({self._plan.why}), and none could be made: "
                f"{problem.strerror}. The variables are as before. Have cells launched with\n"
                "%%marshalling_settings PROCESS=launch\nor run in the session with PROCESS=session."
            ) from None
        return True

    def _options_there(self, launched: Dict[str, Any]) -> bytes:
        """The options of the cell in the other process: what is wanted as it was read here, where the notebook is."""
        launched = {**launched, **variable_files.for_its_files()}
        return frames.dump({**self._options, "measure": self._wanted.said, "launched": launched})

    # --- back ----------------------------------------------------------------------------------------

    def take(self, answer: Answer) -> Optional[Returned]:
        """Take over what the cell changed, and put its reply together. None: this process is the copy of the session
        that goes on where that ended the session."""
        if not answer.has_replied:
            return frame_numbers.ERROR, answer.content_of_end(self._moved + self._lost), None
        content, measurement, changes = answer.content, answer.measurement, answer.changes
        if not self._guarded(self._job.comes(changes) if self._job else [changes]):
            return None
        if self._job:
            measurement, notes = self._job.take_back(answer.descriptor, changes, measurement, self._plan.why, self)
            content = {
                "status": "error", "execution_count": self._options["execution_count"], "payload": [], **content
            }
        else:
            notes = self.take_changes(answer.descriptor, changes)
        notes = self._lost + self._moved + notes
        return self._reply(answer.outcome, content, measurement, notes)

    def _reply(self, outcome: int, content: dict, measurement: Optional[dict], notes: List[str]) -> Returned:
        """The reply, with what the user is to know where that is seen."""
        is_ok = outcome == frame_numbers.OK
        notes = notes if is_ok else notes + self.not_returned
        if measurement is not None:
            measurement["warnings"] = measurement["warnings"] + notes
        elif notes and self._job:  # the error has been shown by now
            print("\n".join(notes), file=sys.stderr, flush=True)
        elif notes:
            content.setdefault("traceback", []).extend(notes)
        if not (is_ok and self.not_returned):
            return outcome, content, measurement
        content.pop("execution_count", None)
        return frame_numbers.ERROR, {**content, **_content_of_not_returned(self.not_returned)}, measurement

    def take_changes(self, descriptor: Optional[int], changes: dict, begin: int = 0) -> List[str]:
        """Take over what the cell changed, from that offset of the file. What the user is to know, but for what is in
        not_returned then."""
        from ..persist import transfer

        self._steps_there = variables_report.Steps(changes.get("steps"))
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

    def in_namespace(self, function: Any, *arguments: Any) -> Any:
        """Call a function, which may run users' code, with the user's variables and these arguments."""
        with self._session.connection.interrupts.users_code():
            return function(self._session.shell.user_ns, *arguments)

    def _guarded(self, comes: List[dict]) -> bool:
        """Before what comes is made again, which may run users' code, as __setstate__: it may end this process. False:
        this is the copy that goes on then."""
        if not any(one.get("runs_code") for one in comes):
            return True
        return guard.begin(self._session, guard.Guard(True, "users' code makes the variables")) is not None


def _content_of_not_returned(texts: List[str]) -> dict:
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
