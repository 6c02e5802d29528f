# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in processes of their own: how the variables go there and come back. How the processes are started
is in launch_plan.py; the library starts them and carries what the two say to each other (runner.c)."""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import sys
import tempfile
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import detailed, settings
from .base import frame_numbers, frames, tracer
from .base.errors import NotMeasured
from .base.frames import Frame
from .detailed import size_text
from .forks import guard, history, native_threads, standby
from .launch_plan import Way, can_travel, choose, make_way, plan
from .measure import installation
from .measure.systems import selection
from .persist import variables_file

RESULT = "_scorepkernel_result"
_DIRECTORY = "SCOREP_JUPYTER_PERSISTENCE_DIR"


def file_directory() -> str:
    """Where variables lie that are under way by disk."""
    directory = os.environ.get(_DIRECTORY) or tempfile.gettempdir()
    with contextlib.suppress(OSError):  # this process may be where nothing is any more
        directory = os.path.abspath(directory)  # a cell may go elsewhere
    return directory


def open_file(directory: Optional[str]) -> int:
    """A file without a name, for variables under way. None: in memory."""
    if directory is None:
        return os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    if not os.path.lexists(directory):  # as the existing kernel does
        os.makedirs(directory, 0o700)
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    descriptor, path = tempfile.mkstemp(dir=directory, prefix="scorepkernel-")
    os.unlink(path)
    return descriptor


def problem_of_directory() -> str:
    """Why variables cannot travel by disk, and what to do; empty: they can."""
    directory = file_directory()
    try:
        os.close(open_file(directory))
    except OSError as problem:
        return (
            f"There is no file in {directory} for variables: {problem.strerror}. Make that directory, or name another "
            f"with %env {_DIRECTORY}=DIRECTORY; %%marshalling_settings MODE=memory is the other way for them."
        )
    return ""


def _file_for(wanted: dict) -> int:
    """A file before a cell."""
    try:
        return open_file(file_directory() if wanted.get("disk") else None)
    except OSError as problem:
        if wanted.get("disk"):
            raise NotMeasured(f"The cell was not run. {problem_of_directory() or problem}") from None
        raise NotMeasured(
            f"The cell was not run: there is no file in memory for its variables: {problem.strerror}. "
            "%%marshalling_settings MODE=disk is the other way for them."
        ) from None


def _unwritten(problem: variables_file.Unwritable, disk: Optional[str], descriptor: int) -> str:
    """Why variables could not be written, and what to do. disk: the directory; None: to memory."""
    where = f"{disk} ({_DIRECTORY})" if disk else "memory"
    status = os.fstatvfs(descriptor)
    free = status.f_bavail * status.f_frsize
    # It says nothing of quotas.
    left = f", and {size_text(free)} free" if disk and problem.errno == errno.ENOSPC and free < problem.needed else ""
    else_where = "name another directory with\n%env SCOREP_JUPYTER_PERSISTENCE_DIR=DIRECTORY\nor " if disk else ""
    return (
        f"there is no room for them in {where}: {problem.strerror}; {size_text(problem.needed)} are needed{left}. Make "
        f"room, {else_where}have them travel the other way with\n"
        f"%%marshalling_settings MODE={'memory' if disk else 'disk'}\nand run the cell again"
    )


def _for_its_files() -> Dict[str, str]:
    """What the other process has to know. Where the user names no directory, each machine has its own."""
    named = os.environ.get(_DIRECTORY)
    return {"files": file_directory()} if named and can_travel(file_directory()) else {}


def told(lost: Any, there: bool) -> List[str]:
    """What the user is to know of variables that did not travel."""
    way = "into the launched process" if there else "back from the launched process; the session keeps its old value"
    texts = (f"{one.name} ({one.type}) could not go {way}: {one.path}: {one.reason}" for one in lost)
    return [_with_result_named(text) for text in texts]


def _with_result_named(text: str) -> str:
    return text.replace(RESULT, "the cell's result")


class Launcher:
    """The session's side: it hands a cell over, and waits for what comes back."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._returned: Any = None
        self._request = 0  # whose cell that is
        self._job: Any = None  # of a cell that runs as ranks
        self._moved: List[str] = []  # what was said of an older experiment, by each attempt
        self.not_returned: List[str] = []  # what the cell changed, and is as it was in the session
        self.steps = self._other_steps = detailed.Steps()

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
        wants_report = detailed.is_wanted()
        self.steps, self._other_steps = detailed.Steps(), detailed.Steps()
        result = await self._run(request, wanted, options, way)
        if wants_report:
            marshaller = wanted.get("marshaller", "cloudpickle")
            report = detailed.text(marshaller, way.process, self.steps, self._other_steps)
            print(_with_result_named(report), file=sys.stderr, flush=True)
        return result

    async def _run(self, request: int, wanted: dict, options: dict, way: Way) -> Tuple[int, dict, Optional[dict]]:
        lost: List[str] = []
        self._moved.clear()
        self.not_returned.clear()
        with self._server.user_code(True):  # of a module that is imported
            problem = settings.problem_of_marshaller(wanted.get("marshaller", "cloudpickle"))
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
        from .persist import separately

        shell, connection = self._server.shell, self._server.connection
        descriptor = _file_for(wanted)
        try:
            with self._server.user_code():  # whose objects say how they are to be pickled, and may take long
                marshaller = wanted.get("marshaller", "cloudpickle")
                try:
                    with self.steps.step("pickled"):
                        sent = separately.send(shell.user_ns, descriptor, set(shell.user_ns_hidden), marshaller)
                except variables_file.Unwritable as problem:
                    why = _unwritten(problem, file_directory() if wanted.get("disk") else None, descriptor)
                    raise NotMeasured(f"The cell was not run: its variables cannot travel: {why}.") from None
                except separately.Ended as problem:
                    raise NotMeasured(f"The cell was not run: {problem}.") from None
            self.steps.sent(sent)
            self._server.interrupts.before_cell = True  # one that comes now is the cell's
            lost += told(sent.lost, True)
            affinity = sorted(os.sched_getaffinity(0))
            if self._job:
                launched, how = self._job.for_ranks(way.why), self._job.plan()
            else:
                launched = {"way": f"launched ({way.why})", "affinity": affinity}
                how = plan(wanted, self._server.package, simple)
                make_way(how, self._moved)
            there = frames.dump({**options, "launched": {**launched, **_for_its_files()}})
            connection.send_with_descriptors([descriptor], frame_numbers.LAUNCH, request, frames.dump(how), b"", there)
        finally:
            os.close(descriptor)

    def _fork(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        os.close(_file_for(wanted))  # for what comes back: the cell is not run if there could be none
        launched = {"way": f"in a forked copy of the session ({way.why})", **_for_its_files()}
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
        from .persist import transfer

        self._other_steps = detailed.Steps(changes.get("steps"))
        if descriptor is None:
            why = changes.get("problem", "the process sent none")
            self.not_returned.append(f"All variables are as before the cell, as they could not come back: {why}.")
            return []
        shell = self._server.shell
        names = set(shell.user_ns).difference(changes.get("perhaps", ()))
        self.guard([changes])
        with self._server.user_code(), self.steps.step("taken over"):
            applied = transfer.apply_changes(descriptor, shell.user_ns, begin)
        name = changes.get("result", RESULT)
        if name in shell.user_ns:
            _bind_result(shell, shell.user_ns[name])
        shell.user_ns.pop(RESULT, None)
        self.not_returned += told([one for one in applied.lost if one.name in names], False)
        return told([one for one in applied.lost if one.name not in names], False)

    def guard(self, comes: List[dict]) -> None:
        """Before what comes is made again, which may run users' code, as __setstate__: it may end this process."""
        if any(one.get("runs_code") for one in comes):
            guard.guard(self._server, True)

    def in_namespace(self, function: Any, *arguments: Any) -> Any:
        """Call it with the user's variables; it may run users' code."""
        with self._server.user_code():
            return function(self._server.shell.user_ns, *arguments)


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


class Runner:
    """The other side: this process has been launched, or forked, for a cell."""

    def __init__(self, server: Any, forked: bool) -> None:
        self._server = server
        self._forked = forked
        self._received: Any = None
        self._files: Optional[str] = None  # the directory of those that are on disk
        self._steps = detailed.Steps()
        self.problem: Optional[BaseException] = None  # why the variables could not be taken
        self.rank: Optional[int] = server.connection.setup.get("rank")
        selection.measure_once()

    def take(self, frame: Frame) -> None:
        """WORKER_TAKE_STATE: the variables."""
        from .persist import transfer

        descriptor = self._server.connection.claim(frame)
        if descriptor is None:
            return
        launched = json.loads(frame.parts[0])["launched"]
        if "affinity" in launched:  # of ranks the launcher decides
            with contextlib.suppress(OSError):  # of a processor that this process may not use
                os.sched_setaffinity(0, launched["affinity"])
        if launched.get("system") == "built-in":
            selection.use_built_in()
        elif self.rank is not None:
            tracer.join_ranks()
        try:
            with self._steps.step("taken over"):
                self._received = transfer.receive(descriptor, self._server.shell.user_ns)
        finally:
            os.close(descriptor)

    def begin(self, wanted: dict, launched: dict) -> None:
        """Before the cell: remember what there is. NotMeasured: the variables did not come."""
        from .persist import transfer

        if wanted.get("disk"):
            self._files = launched.get("files") or file_directory()
        if isinstance(self.problem, KeyboardInterrupt):
            raise self.problem
        if self.problem is not None:
            raise NotMeasured(
                f"The cell was not run: the session's variables could not be taken over: {self.problem!r}"
            )
        if self._received is None:
            shell = self._server.shell
            marshaller = wanted.get("marshaller", "cloudpickle")
            self._received = transfer.baseline(shell.user_ns, set(shell.user_ns_hidden), marshaller)
        gc.collect(1)  # what taking over the variables has left is not for the cell to tidy up, and to be measured with

    def ran(self, request: int, error: Optional[dict]) -> None:
        """The user's code has, and the measurement's end may have to wait for other ranks."""
        if self.rank is not None:
            self._server.connection.send(frame_numbers.CELL_RAN, request, frames.dump(error) if error else b"")

    def end(self, request: int, number: int, wanted: dict) -> None:
        """After the cell: send what it changed, and what is gathered of all ranks."""
        if self._received is None:
            return
        gathered = wanted.get("gather", ()) if self.rank is not None else ()
        if not self.rank:
            self._send_changes(request, number, gathered)
        if gathered:
            self._send_gathered(request, gathered)

    def _send_gathered(self, request: int, names: List[str]) -> None:
        from .persist import separately, transfer

        shell = self._server.shell

        about: Dict[str, Any] = {"gathered": True}
        watch = separately.Watch()

        def write(file: int) -> None:
            with watch.watching():
                transfer.send(shell.user_ns, file, set(shell.user_ns_hidden), names, self._received.marshaller)
            about["runs_code"] = watch.loading

        self._send_state(request, about, write)

    def _send_changes(self, request: int, number: int, but: Sequence[str]) -> None:
        from .persist import separately, transfer

        shell = self._server.shell
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
            about["perhaps"] = [x.name for x in sent.lost if self._received.failed.get(f"v:{x.name}", x) is None]
            about["steps"] = self._steps.as_json()

        try:
            self._send_state(request, about, write)
        finally:
            shell.user_ns.pop(RESULT, None)

    def _send_state(self, request: int, about: Dict[str, Any], write: Callable[[int], object]) -> None:
        """Send what is written to a file, or why there is none."""
        descriptors: List[int] = []
        try:
            descriptors = [open_file(self._files)]
            with self._server.user_code():
                write(descriptors[0])
            self._server.connection.send_with_descriptors(descriptors, frame_numbers.STATE, request, frames.dump(about))
        except variables_file.Unwritable as problem:
            about["problem"] = _unwritten(problem, self._files, descriptors[0])
            self._server.connection.send_with_descriptors([], frame_numbers.STATE, request, frames.dump(about))
        except (Exception, KeyboardInterrupt) as problem:  # of whatever users' objects do when they are pickled
            about["problem"] = f"{type(problem).__name__}: {problem}"
            self._server.connection.send_with_descriptors([], frame_numbers.STATE, request, frames.dump(about))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def leave(self) -> None:
        """A forked copy ends without what its parent wants done at exit."""
        if self._forked:
            self._server.connection.flush()
            os._exit(0)
