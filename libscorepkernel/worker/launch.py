# SPDX-License-Identifier: BSD-3-Clause
"""Cells that run in a process of their own: which do and why, how the process is started, and how the variables go
there and come back. The library starts it and carries what the two say to each other (runner.c).

`python -m scorep` asks scorep-config eight times, compiles a library and starts Python twice. Here the process is
started right away with Score-P's libraries preloaded: scorep-config has been asked once, and nothing is compiled.
Score-P's constructor is left out, so that the process can be started ahead, and wait unmeasured for its cell. Where
that does not work, `python -m scorep` is used after all.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from . import PRELOAD_BEFORE, RUNNER, installation, measure, spare, systems, wire

# Those of the bindings' arguments that concern the bindings, not what has to be preloaded.
_OWN_ARGUMENTS = ("--keep-files", "--verbose", "-v", "--nopython", "--noinstrumenter")
_OWN_PREFIXES = ("--instrumenter-type=", "--instrumenter-file=")
# What the session has anyway.
_NO_DIFFERENCE = ("--user", "--nocompiler", "--thread=pthread", "--thread=none", "--mpp=none")
RESULT = "_scorepkernel_result"


class Way(NamedTuple):
    """Where a cell runs, and why."""

    process: str  # "session", "launch" or "forked"
    why: str


def choose(wanted: dict, package: str) -> Way:
    """The way of a measured cell. NotMeasured: what is asked for cannot be had together."""
    process, arguments = wanted.get("process", "auto"), _split(wanted.get("arguments", ""))
    needs = [word for word in arguments if not _is_own(word) and word not in _NO_DIFFERENCE]
    if process == "session" and needs:
        raise systems.NotMeasured(
            f"The cell was not run: {' '.join(needs)} must be there when a process starts, but PROCESS=session asks "
            "for the session, which runs. Take it back with `%%scorep_python_binding_arguments -`, or let the cell be "
            "launched with `%%marshalling_settings PROCESS=launch`."
        )
    if needs:
        return Way("launch", f"{' '.join(needs)} must be there when a process starts")
    if process == "launch":
        return Way("launch", "PROCESS=launch")
    if process == "forked":
        return Way("forked", "PROCESS=forked")
    if process == "auto" and systems.needs_fork(package):
        return Way("forked", "this Score-P cannot measure a process twice")
    return Way("session", "")


def _split(text: str) -> List[str]:
    try:
        return shlex.split(text)
    except ValueError as problem:
        raise systems.NotMeasured(
            f"The cell was not run: the arguments of Score-P's bindings cannot be split: {problem}. Set them again "
            "with %%scorep_python_binding_arguments"
        ) from None


def _is_own(word: str) -> bool:
    return word in _OWN_ARGUMENTS or word.startswith(_OWN_PREFIXES)


# --- how the process is started --------------------------------------------------------------------------


def plan(wanted: dict, package: str, simple: bool = False) -> Dict[str, Any]:
    """The command and the environment. simple: by `python -m scorep`, as the bindings do it."""
    systems.need_tracer(package)
    arguments = [word for word in _split(wanted.get("arguments", "")) if not _is_own(word)]
    needs = [word for word in arguments if word not in _NO_DIFFERENCE]
    environment = {name: value for name, value in os.environ.items() if _can_travel(value)}
    # What applies with the variables need not be there at the start.
    fixed = {name: value for name, value in environment.items() if needs or not name.startswith("SCOREP_")}
    environment[RUNNER] = "1"
    config = None if systems.wanted() == "built-in" else installation.locate()
    preloaded = False
    if config and not simple:
        try:
            threads = [] if any(word.startswith("--thread=") for word in arguments) else ["--thread=pthread"]
            preloaded = _preload(environment, config, [*threads, *arguments])  # as the bindings have it
        except installation.Unusable as problem:
            if needs:
                raise systems.NotMeasured(
                    f"The cell was not run: {problem}. Correct the arguments with %%scorep_python_binding_arguments; "
                    "alone, it shows them, and - takes them back."
                ) from None
            config = None  # the process finds that out, too, and measures by itself
    command = _command(package, arguments if config and not preloaded else None)
    if config and (needs or not preloaded):
        # Score-P may begin before the cell's variables are here, and would choose a directory of its own.
        environment.setdefault(systems.PRELOADED_VERSION, "")
        ours = {"SCOREP_EXPERIMENT_DIRECTORY": measure.new_directory_name(), **systems.DEFAULTS}
        environment[systems.SET_FOR_START] = " ".join(name for name in ours if name not in environment)
        environment = {**ours, **environment}
    return {
        "key": json.dumps([command, environment.get("LD_PRELOAD"), sorted(fixed.items())]),
        "argv": command,
        "environment": [f"{name}={value}" for name, value in environment.items()],
        # One that measures from its start cannot be started ahead.
        "ahead": int(bool(preloaded or not config) and not needs),
    }


def _can_travel(value: str) -> bool:
    """What is no UTF-8 comes with the variables."""
    try:
        return "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _preload(environment: Dict[str, str], config: str, arguments: List[str]) -> bool:
    """Have Score-P loaded at the start. False: there is no place for what that needs."""
    try:
        preload, subsystems, version = installation.preloads(config, arguments)
    except OSError:
        return False
    before = environment.get("LD_PRELOAD", "")
    environment.update({PRELOAD_BEFORE: before, "LD_PRELOAD": f"{before} {preload}".strip()})
    environment.update({"SCOREPKERNEL_SUBSYSTEMS": subsystems, systems.PRELOADED_VERSION: version})
    return True


def _command(package: str, arguments: Optional[List[str]]) -> List[str]:
    """Python as a worker; by way of the bindings with these arguments, if there are any."""
    # What multiprocessing and the test suites of CPython use to start Python as it was started: there is no public one.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    if arguments is not None:
        script = os.path.join(package, "launched.py")
        return [sys.executable, *flags, "-m", "scorep", "--noinstrumenter", *arguments, script]
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(package)!r}); import spk_worker; del sys.path[0]; "
        "spk_worker.main()"
    )
    return [sys.executable, *flags, "-c", code]


# --- the variables ---------------------------------------------------------------------------------------


def open_file(disk: bool) -> int:
    """A file without a name, for variables under way."""
    if not disk:
        return os.memfd_create("scorepkernel-variables", os.MFD_CLOEXEC)
    directory = os.environ.get("SCOREP_JUPYTER_PERSISTENCE_DIR") or tempfile.gettempdir()
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    descriptor, path = tempfile.mkstemp(dir=directory, prefix="scorepkernel-")
    os.unlink(path)
    return descriptor


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

    def ahead(self, wanted: dict) -> None:
        """Have a process started for the next cell of this kind."""
        with contextlib.suppress(systems.NotMeasured):
            if choose(wanted, self._server.package).process == "launch":
                plan_text = wire.dump(plan(wanted, self._server.package))
                self._server.connection.send_with_descriptors([], wire.LAUNCH, 0, plan_text, b"", b"{}")

    def on_return(self, frame: wire.Frame) -> None:
        """WORKER_RETURN has come."""
        descriptor = self._server.connection.claim(frame)
        if self._returned is not None and not self._returned.done():
            self._returned.set_result((frame, descriptor))
        elif descriptor is not None:
            os.close(descriptor)

    async def run(self, request: int, wanted: dict, options: dict, way: Way) -> Tuple[int, dict, Optional[dict]]:
        """Run the cell there. What it replied, and its measurement, if there is one."""
        lost: List[str] = []
        if importlib.util.find_spec("cloudpickle") is None:
            raise systems.NotMeasured(
                f"The cell was not run: it needs a process of its own ({way.why}), and variables travel by "
                f"cloudpickle, which this Python does not have. Install it with\n"
                f"{sys.executable} -m pip install cloudpickle"
            )
        if way.process == "forked":
            hand_over = self._fork
        else:
            hand_over = self._send
        frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, False)
        if not frame.parts[1] and frame.parts[0] == wire.u32(wire.ABORTED) and way.process == "launch":
            if frame.parts[2] != b"KeyboardInterrupt" and installation.locate():
                lost.clear()
                frame, descriptor = await self._await(hand_over, request, wanted, options, way, lost, True)
        how = int.from_bytes(frame.parts[0], "little")
        if not frame.parts[1]:
            return wire.ERROR, _ended(frame.parts[2].decode("utf-8", "replace"), how), None
        content, measurement = json.loads(frame.parts[1]), json.loads(frame.parts[2] or b"null")
        lost += self._apply(descriptor, options["execution_count"], json.loads(frame.parts[3] or b"{}"))
        if measurement is not None:
            measurement["warnings"] = measurement["warnings"] + lost
        elif lost:
            content.setdefault("traceback", []).extend(lost)
        return how, content, measurement

    async def _await(self, hand_over: Any, request: int, wanted: dict, options: dict, *more: Any) -> tuple:
        self._returned = self._server.loop.create_future()
        try:
            hand_over(request, wanted, options, *more)
            with self._server.elsewhere(request):
                return await self._returned
        finally:
            self._returned = None

    def _send(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        from . import persist

        shell, connection = self._server.shell, self._server.connection
        descriptor = open_file(wanted.get("disk", False))
        try:
            with self._server.user_code():  # whose objects say how they are to be pickled, and may take long
                sent = persist.send(shell.user_ns, descriptor, set(shell.user_ns_hidden))
            self._server.interrupts.before_cell = True  # one that comes now is the cell's
            lost += told(sent.lost, True)
            affinity = sorted(os.sched_getaffinity(0))
            there = {**options, "launched": {"way": f"launched ({way.why})", "affinity": affinity}}
            text = wire.dump(plan(wanted, self._server.package, simple))
            connection.send_with_descriptors([descriptor], wire.LAUNCH, request, text, b"", wire.dump(there))
        finally:
            os.close(descriptor)

    def _fork(self, request: int, wanted: dict, options: dict, way: Way, lost: List[str], simple: bool) -> None:
        there = wire.dump({**options, "launched": {"way": f"in a forked copy of the session ({way.why})"}})
        with spare.history_at_rest(self._server.shell):
            copy = spare.fork_copy(self._server)
        spare.introduce(self._server.connection, copy, wire.LAUNCH, request, b"{}", None, there)

    def _apply(self, descriptor: Optional[int], number: int, changes: dict) -> List[str]:
        """Take over what the cell changed. What the user is to know."""
        from . import persist

        if descriptor is None:
            return [f"The variables did not come back: {changes.get('problem', 'the process sent none')}"]
        shell = self._server.shell
        try:
            with self._server.user_code():
                applied = persist.apply_changes(descriptor, shell.user_ns)
        finally:
            os.close(descriptor)
        name = changes.get("result", RESULT)
        if name in shell.user_ns:
            shell.displayhook.update_user_ns(shell.user_ns[name])
        shell.user_ns.pop(RESULT, None)
        return told(applied.lost, False)


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
        systems.measure_once()

    def take(self, frame: wire.Frame) -> None:
        """WORKER_TAKE_STATE: the variables."""
        from . import persist

        descriptor = self._server.connection.claim(frame)
        if descriptor is None:
            return
        with contextlib.suppress(OSError):  # of a processor that this process may not use
            os.sched_setaffinity(0, json.loads(frame.parts[0])["launched"]["affinity"])
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

    def end(self, request: int, number: int, disk: bool) -> None:
        """After the cell: send what it changed."""
        from . import persist

        shell = self._server.shell
        if self._received is None:
            return
        descriptors: List[int] = []
        said: Dict[str, str] = {}
        if number in shell.user_ns["_oh"]:
            value = shell.user_ns["_oh"][number]
            # A variable that was shown stays the object that it is.
            same = (name for name, one in shell.user_ns.items() if one is value and not name.startswith("_"))
            said["result"] = next(same, RESULT)
            if said["result"] == RESULT:
                shell.user_ns[RESULT] = value
        try:
            descriptors = [open_file(disk)]
            with self._server.user_code():
                persist.send_changes(self._received, shell.user_ns, descriptors[0], set(shell.user_ns_hidden))
            self._server.connection.send_with_descriptors(descriptors, wire.STATE, request, wire.dump(said))
        except (Exception, KeyboardInterrupt) as problem:  # of whatever users' objects do when they are pickled
            said["problem"] = f"{type(problem).__name__}: {problem}"
            self._server.connection.send_with_descriptors([], wire.STATE, request, wire.dump(said))
        finally:
            shell.user_ns.pop(RESULT, None)
            for descriptor in descriptors:
                os.close(descriptor)

    def leave(self) -> None:
        """A forked copy ends without what its parent wants done at exit."""
        if self._forked:
            self._server.connection.flush()
            os._exit(0)
