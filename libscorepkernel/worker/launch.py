# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in processes of their own: how the variables go there and come back. How the processes are started
is in launch_plan.py; the library starts them and carries what the two say to each other (runner.c)."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib.util
import json
import os
import sys
import tempfile
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import installation, persist_file, pools, spare, systems, wire
from .launch_plan import Way, choose, make_way, plan

RESULT = "_scorepkernel_result"


def file_directory() -> str:
    """Where variables lie that are under way by disk."""
    return os.environ.get("SCOREP_JUPYTER_PERSISTENCE_DIR") or tempfile.gettempdir()


def open_file(disk: bool) -> int:
    """A file without a name, for variables under way."""
    if not disk:
        return os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    directory = file_directory()
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    descriptor, path = tempfile.mkstemp(dir=directory, prefix="scorepkernel-")
    os.unlink(path)
    return descriptor


def _file_for(wanted: dict) -> int:
    """The same, before a cell."""
    disk = wanted.get("disk", False)
    try:
        return open_file(disk)
    except OSError as problem:
        where = f"in {file_directory()} (SCOREP_JUPYTER_PERSISTENCE_DIR)" if disk else "in memory"
        raise systems.NotMeasured(
            f"The cell was not run: there is no file {where} for its variables: {problem.strerror}. "
            f"%%marshalling_settings MODE={'memory' if disk else 'disk'} is the other way for them."
        ) from None


def _unwritten(problem: persist_file.Unwritable, disk: bool, descriptor: int) -> str:
    """Why variables could not be written, and what to do."""
    where = f"{file_directory()} (SCOREP_JUPYTER_PERSISTENCE_DIR)" if disk else "memory"
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


def size_text(length: int) -> str:
    """Bytes, for people."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if length >= bytes_each:
            return f"{length / bytes_each:.3g} {unit}"
    return f"{length} B"


def told(lost: Any, there: bool) -> List[str]:
    """What the user is to know of variables that did not travel."""
    way = "into the launched process" if there else "back from the launched process; the session keeps its old value"
    texts = (f"{one.name} ({one.type}) could not go {way}: {one.path}: {one.reason}" for one in lost)
    return [text.replace(RESULT, "the cell's result") for text in texts]


class Launcher:
    """The session's side: it hands a cell over, and waits for what comes back."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._returned: Any = None
        self._request = 0  # whose cell that is
        self._job: Any = None  # of a cell that runs as ranks
        self._moved: List[str] = []  # what was said of an older experiment, by each attempt
        self.not_returned: List[str] = []  # what the cell changed, and is as it was in the session

    def ahead(self, wanted: dict) -> None:
        """Have a process started for the next cell of this kind."""
        with contextlib.suppress(systems.NotMeasured):
            if choose(wanted, self._server.package).process == "launch":
                plan_text = wire.dump(plan(wanted, self._server.package))
                self._server.connection.send_with_descriptors([], wire.LAUNCH, 0, plan_text, b"", b"{}")

    def on_return(self, frame: wire.Frame) -> None:
        """WORKER_RETURN has come."""
        descriptor = self._server.connection.claim(frame)
        if self._returned is not None and not self._returned.done() and frame.request == self._request:
            self._returned.set_result((frame, descriptor))
        elif descriptor is not None:
            os.close(descriptor)

    async def run(self, request: int, wanted: dict, options: dict, way: Way) -> Tuple[int, dict, Optional[dict]]:
        """Run the cell there. What it replied, and its measurement, if there is one."""
        lost: List[str] = []
        self._moved.clear()
        self.not_returned.clear()
        if importlib.util.find_spec("cloudpickle") is None:
            raise systems.NotMeasured(
                f"The cell was not run: it needs a process of its own ({way.why}), and variables travel by "
                f"cloudpickle, which this Python does not have. Install it with\n"
                f"{sys.executable} -m pip install cloudpickle"
            )
        self._job = self._job_of(wanted) if way.process == "ranks" else None
        hand_over = self._fork if way.process == "forked" else self._send
        frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, False)
        if not frame.parts[1] and frame.parts[0] == wire.u32(wire.ABORTED) and way.process == "launch":
            if frame.parts[2] != b"KeyboardInterrupt" and installation.locate():
                lost.clear()
                frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, True)
        how = int.from_bytes(frame.parts[0], "little")
        if not frame.parts[1]:
            return wire.ERROR, _ended(frame.parts[2].decode("utf-8", "replace"), how), None
        content, measurement = json.loads(frame.parts[1]), json.loads(frame.parts[2] or b"null")
        if self._job:
            measurement, notes = self._job.take_back(descriptor, frame.parts[3], measurement, way.why, self)
            content = {"status": "error", "execution_count": options["execution_count"], "payload": [], **content}
        else:
            notes = self.take_changes(descriptor, json.loads(frame.parts[3] or b"{}"))
        lost += self._moved + notes + (self.not_returned if how != wire.OK else [])
        if descriptor is not None:
            os.close(descriptor)
        if measurement is not None:
            measurement["warnings"] = measurement["warnings"] + lost
        elif self._job and lost:  # the error has been shown by now
            print("\n".join(lost), file=sys.stderr, flush=True)
        elif lost:
            content.setdefault("traceback", []).extend(lost)
        if how == wire.OK and self.not_returned:
            content.pop("execution_count", None)
            return wire.ERROR, {**content, **_not_returned(self.not_returned)}, measurement
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
        from . import persist

        shell, connection = self._server.shell, self._server.connection
        descriptor = _file_for(wanted)
        try:
            with self._server.user_code():  # whose objects say how they are to be pickled, and may take long
                try:
                    sent = persist.send(shell.user_ns, descriptor, set(shell.user_ns_hidden))
                except persist_file.Unwritable as problem:
                    why = _unwritten(problem, wanted.get("disk", False), descriptor)
                    raise systems.NotMeasured(f"The cell was not run: its variables cannot travel: {why}.") from None
            self._server.interrupts.before_cell = True  # one that comes now is the cell's
            lost += told(sent.lost, True)
            affinity = sorted(os.sched_getaffinity(0))
            if self._job:
                launched, how = self._job.for_ranks(way.why), self._job.plan()
            else:
                launched = {"way": f"launched ({way.why})", "affinity": affinity}
                how = plan(wanted, self._server.package, simple)
                make_way(how, self._moved)
            there = wire.dump({**options, "launched": launched})
            connection.send_with_descriptors([descriptor], wire.LAUNCH, request, wire.dump(how), b"", there)
        finally:
            os.close(descriptor)

    def _fork(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        there = wire.dump({**options, "launched": {"way": f"in a forked copy of the session ({way.why})"}})
        natives = pools.native_threads()
        if natives:
            print(f"Warning: {pools.said_of(natives)}.", file=sys.stderr)
        with spare.history_at_rest(self._server.shell):
            copy = spare.fork_copy(self._server)
        spare.introduce(self._server.connection, copy, wire.LAUNCH, request, b"{}", None, there)

    def _job_of(self, wanted: dict) -> Any:
        from . import ranks

        return ranks.Job(wanted, self._server.package)

    def take_changes(self, descriptor: Optional[int], changes: dict, begin: int = 0) -> List[str]:
        """Take over what the cell changed. What the user is to know, but for what is in not_returned then."""
        from . import persist

        if descriptor is None:
            why = changes.get("problem", "the process sent none")
            self.not_returned.append(f"All variables are as before the cell, as they could not come back: {why}.")
            return []
        shell = self._server.shell
        names = set(shell.user_ns).difference(changes.get("perhaps", ()))
        with self._server.user_code():
            applied = persist.apply_changes(descriptor, shell.user_ns, begin)
        name = changes.get("result", RESULT)
        if name in shell.user_ns:
            _bind_result(shell, shell.user_ns[name])
        shell.user_ns.pop(RESULT, None)
        self.not_returned += told([one for one in applied.lost if one.name in names], False)
        return told([one for one in applied.lost if one.name not in names], False)

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
    if how == wire.ERROR:
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
        self.problem: Optional[BaseException] = None  # why the variables could not be taken
        self.rank: Optional[int] = server.connection.setup.get("rank")
        systems.measure_once()

    def take(self, frame: wire.Frame) -> None:
        """WORKER_TAKE_STATE: the variables."""
        from . import persist

        descriptor = self._server.connection.claim(frame)
        if descriptor is None:
            return
        launched = json.loads(frame.parts[0])["launched"]
        if "affinity" in launched:  # of ranks the launcher decides
            with contextlib.suppress(OSError):  # of a processor that this process may not use
                os.sched_setaffinity(0, launched["affinity"])
        if launched.get("system") == "built-in":
            systems.use_built_in()
        elif self.rank is not None:
            systems.join_ranks()
        try:
            self._received = persist.receive(descriptor, self._server.shell.user_ns)
        finally:
            os.close(descriptor)

    def begin(self) -> None:
        """Before the cell: remember what there is. NotMeasured: the variables did not come."""
        from . import persist

        if isinstance(self.problem, KeyboardInterrupt):
            raise self.problem
        if self.problem is not None:
            raise systems.NotMeasured(
                f"The cell was not run: the session's variables could not be taken over: {self.problem!r}"
            )
        if self._received is None:
            shell = self._server.shell
            self._received = persist.baseline(shell.user_ns, set(shell.user_ns_hidden))
        gc.collect(1)  # what taking over the variables has left is not for the cell to tidy up, and to be measured with

    def ran(self, request: int, error: Optional[dict]) -> None:
        """The user's code has, and the measurement's end may have to wait for other ranks."""
        if self.rank is not None:
            self._server.connection.send(wire.CELL_RAN, request, wire.dump(error) if error else b"")

    def end(self, request: int, number: int, wanted: dict) -> None:
        """After the cell: send what it changed, and what is gathered of all ranks."""
        if self._received is None:
            return
        disk = bool(wanted.get("disk"))
        gathered = wanted.get("gather", ()) if self.rank is not None else ()
        if not self.rank:
            self._send_changes(request, number, disk, gathered)
        if gathered:
            self._send_gathered(request, gathered, disk)

    def _send_gathered(self, request: int, names: List[str], disk: bool) -> None:
        from . import persist

        shell = self._server.shell

        def write(file: int) -> None:
            persist.send(shell.user_ns, file, set(shell.user_ns_hidden), names)

        self._send_state(request, {"gathered": True}, disk, write)

    def _send_changes(self, request: int, number: int, disk: bool, but: Sequence[str]) -> None:
        from . import persist

        shell = self._server.shell
        about: Dict[str, Any] = {}
        if number in shell.user_ns["_oh"]:
            value = shell.user_ns["_oh"][number]
            # A variable that was shown stays the object that it is; but what is gathered comes as another.
            names = (name for name, one in shell.user_ns.items() if one is value and name not in but)
            about["result"] = next((name for name in names if not name.startswith("_")), RESULT)
            if about["result"] == RESULT:
                shell.user_ns[RESULT] = value

        def write(file: int) -> None:
            sent = persist.send_changes(self._received, shell.user_ns, file, set(shell.user_ns_hidden), but)
            # Of what nothing can be pickled, before the cell nor after it, nobody knows whether the cell changed it.
            about["perhaps"] = [x.name for x in sent.lost if self._received.failed.get(f"v:{x.name}", x) is None]

        try:
            self._send_state(request, about, disk, write)
        finally:
            shell.user_ns.pop(RESULT, None)

    def _send_state(self, request: int, about: Dict[str, Any], disk: bool, write: Callable[[int], object]) -> None:
        """Send what is written to a file, or why there is none."""
        descriptors: List[int] = []
        try:
            descriptors = [open_file(disk)]
            with self._server.user_code():
                write(descriptors[0])
            self._server.connection.send_with_descriptors(descriptors, wire.STATE, request, wire.dump(about))
        except persist_file.Unwritable as problem:
            about["problem"] = _unwritten(problem, disk, descriptors[0])
            self._server.connection.send_with_descriptors([], wire.STATE, request, wire.dump(about))
        except (Exception, KeyboardInterrupt) as problem:  # of whatever users' objects do when they are pickled
            about["problem"] = f"{type(problem).__name__}: {problem}"
            self._server.connection.send_with_descriptors([], wire.STATE, request, wire.dump(about))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def leave(self) -> None:
        """A forked copy ends without what its parent wants done at exit."""
        if self._forked:
            self._server.connection.flush()
            os._exit(0)
