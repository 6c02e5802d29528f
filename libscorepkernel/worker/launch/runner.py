# SPDX-License-Identifier: BSD-3-Clause
"""The process that has been launched, or forked, for a cell: how it takes the variables, and sends back what the cell
changed."""

from __future__ import annotations

import contextlib
import gc
import json
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..base import frame_numbers, frames, tracer
from ..base.errors import NotMeasured
from ..base.frames import Frame
from ..base.session import Session
from ..measure.systems.built_in import BuiltIn
from ..measure.systems.selection import Selection
from ..measure.wanted import Wanted
from ..persist import variables_file
from . import variable_files, variables_report
from .notes import RESULT


class Runner:
    """The other side: this process has been launched, or forked, for a cell."""

    def __init__(self, session: Session, systems: Selection, forked: bool) -> None:
        self._session = session
        self._systems = systems
        self._forked = forked
        self._received: Any = None
        self._files: Optional[str] = None  # the directory of those that are on disk
        self._steps = variables_report.Steps()
        self.problem: Optional[BaseException] = None  # why the variables could not be taken
        self.rank: Optional[int] = session.connection.setup.get("rank")
        systems.measure_once()

    def take(self, frame: Frame) -> None:
        """Take the session's variables, which come with WORKER_TAKE_STATE."""
        from ..persist import transfer

        descriptor = self._session.connection.claim(frame)
        if descriptor is None:
            return
        launched = json.loads(frame.parts[0])["launched"]
        if "affinity" in launched:  # of ranks the launcher decides
            with contextlib.suppress(OSError):  # of a processor that this process may not use
                os.sched_setaffinity(0, launched["affinity"])
        if launched.get("system") == BuiltIn.key:
            self._systems.use(BuiltIn.key)
        elif self.rank is not None:
            tracer.join_ranks()
        try:
            with self._steps.step("taken over"):
                self._received = transfer.receive(descriptor, self._session.shell.user_ns)
        finally:
            os.close(descriptor)

    def begin(self, wanted: Wanted, launched: dict) -> None:
        """Before the cell: remember what there is. NotMeasured: the variables did not come."""
        from ..persist import transfer

        if wanted.disk:
            self._files = launched.get("files") or variable_files.file_directory()
        if isinstance(self.problem, KeyboardInterrupt):
            raise self.problem
        if self.problem is not None:
            raise NotMeasured(
                f"The cell was not run: the session's variables could not be taken over: {self.problem!r}"
            )
        if self._received is None:
            shell = self._session.shell
            self._received = transfer.baseline(shell.user_ns, set(shell.user_ns_hidden), wanted.marshaller)
        gc.collect(1)  # what taking over the variables has left is not for the cell to tidy up, and to be measured with

    def ran(self, request: int, error: Optional[dict]) -> None:
        """The user's code has, and the measurement's end may have to wait for other ranks."""
        if self.rank is not None:
            self._session.connection.send(frame_numbers.CELL_RAN, request, frames.dump(error) if error else b"")

    def end(self, request: int, number: int, wanted: Wanted) -> None:
        """After the cell: send what it changed, and what is gathered of all ranks."""
        if self._received is None:
            return
        gathered = wanted.gather if self.rank is not None else ()
        if not self.rank:
            self._send_changes(request, number, gathered)
        if gathered:
            self._send_gathered(request, gathered)

    def _send_gathered(self, request: int, names: Sequence[str]) -> None:
        from ..persist import separately, transfer

        shell = self._session.shell

        about: Dict[str, Any] = {"gathered": True}
        watch = separately.Watch()

        def write(file: int) -> None:
            with watch.watching():
                transfer.send(shell.user_ns, file, set(shell.user_ns_hidden), names, self._received.marshaller)
            about["runs_code"] = watch.loading

        self._send_state(request, about, write)

    def _send_changes(self, request: int, number: int, but: Sequence[str]) -> None:
        from ..persist import separately, transfer

        shell = self._session.shell
        about: Dict[str, Any] = {}
        if number in shell.user_ns["_oh"]:
            value = shell.user_ns["_oh"][number]
            # A variable that was shown stays the object that it is; but what is gathered comes as another.
            names = (name for name, one in shell.user_ns.items() if one is value and name not in but)
            about["result"] = next((name for name in names if not name.startswith("_")), RESULT)
            if about["result"] == RESULT:
                shell.user_ns[RESULT] = value

        watch = separately.Watch()

        def write(file: int) -> None:
            with self._steps.step("pickled"), watch.watching():
                sent = transfer.send_changes(self._received, shell.user_ns, file, set(shell.user_ns_hidden), but)
            about["runs_code"] = watch.loading
            self._steps.sent(sent)
            # Of what nothing can be pickled, before the cell nor after it, nobody knows whether the cell changed it.
            about["perhaps"] = [one.name for one in sent.lost if self._received.was_never_known(one.name)]
            about["steps"] = self._steps.as_json()

        try:
            self._send_state(request, about, write)
        finally:
            shell.user_ns.pop(RESULT, None)

    def _send_state(self, request: int, about: Dict[str, Any], write: Callable[[int], object]) -> None:
        """Send a file of variables, which write() fills; or the reason why there is none."""
        descriptors: List[int] = []
        try:
            descriptors = [variable_files.open_file(self._files)]
            with self._session.connection.interrupts.users_code():
                write(descriptors[0])
            self._tell(request, about, descriptors)
        except variables_file.Unwritable as problem:
            about["problem"] = variable_files.unwritten(problem, self._files, descriptors[0])
            self._tell(request, about, [])
        except (Exception, KeyboardInterrupt) as problem:  # of whatever users' objects do when they are pickled
            about["problem"] = f"{type(problem).__name__}: {problem}"
            self._tell(request, about, [])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _tell(self, request: int, about: Dict[str, Any], descriptors: List[int]) -> None:
        self._session.connection.send_with_descriptors(descriptors, frame_numbers.STATE, request, frames.dump(about))

    def leave(self) -> None:
        """End a forked copy of the session, without what the session wants done at its own exit."""
        if self._forked:
            self._session.connection.flush()
            os._exit(0)
