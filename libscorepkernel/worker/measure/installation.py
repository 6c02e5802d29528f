# SPDX-License-Identifier: BSD-3-Clause
"""Which Score-P there is, and whether it can measure in this process: asked once, tried once, and remembered.

scorep-config says which libraries and subsystems belong together. Whether this Score-P can be used again and again in
one process is no promise of Score-P's: it is tried in a process of its own (systems/selftest.py). Both answers are kept
in the user's cache directory, for as long as scorep-config and the measurement library are the same files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..base import interrupts, places, tracer
from ..base.errors import Unusable

# Threads have locations of their own with Score-P's model for POSIX threads. The session is no MPI program, and
# nothing in it was instrumented by a compiler.
ARGUMENTS = ("--user", "--thread=pthread", "--mpp=none", "--nocompiler")
_ANEW = "Install Score-P anew (8.0 or newer), or take it off PATH."
_FORMAT = 3
_CONSTRUCTOR = "libscorep_constructor"
_CONFIG_SECONDS = 20
_SELFTEST_SECONDS = 60


class Installation(NamedTuple):
    """A Score-P that can be loaded into this process."""

    config: str  # path of scorep-config
    version: str
    libraries: Tuple[str, ...]  # absolute paths
    subsystems: str  # symbols, separated by blanks
    passed: Optional[bool]  # the self-test; None: it was not tried
    why: str  # it did not pass; else empty
    wrappers: Tuple[str, ...] = ()  # absolute paths of libraries that a process must have from its start


def locate() -> Optional[str]:
    """The absolute path of the scorep-config that PATH leads to; None: there is none."""
    found = shutil.which("scorep-config")
    return os.path.abspath(found) if found else None


def ask(config: str, arguments: Sequence[str] = ARGUMENTS) -> Installation:
    """Ask scorep-config what this Score-P consists of. It is yet to be tried. Unusable."""
    version = _run(config, "--version").strip()
    directories = re.findall(r"(?:^|\s)-L(\S+)", _run(config, *arguments, "--ldflags"))
    names: List[str] = []
    for option in ("--libs", "--mgmt-libs"):
        names += re.findall(r"(?:^|\s)-l(scorep_\S+)", _run(config, *arguments, option))
    subsystems = re.findall(r"&\s*(\w+)", _run(config, *arguments, "--adapter-init"))
    libraries: List[str] = []
    for name in dict.fromkeys(names):
        paths = [os.path.join(directory, f"lib{name}.so") for directory in directories]
        found = next(filter(os.path.exists, paths), None)
        if found is None:
            raise Unusable(
                f"{config} names the library {name}, but {paths[0] if paths else name} does not exist: this Score-P "
                "was built without shared libraries, or is not complete. Build it with --enable-shared."
            )
        libraries.append(os.path.abspath(found))
    if not libraries or not subsystems:
        raise Unusable(
            f"{config} names no libraries to load: it is broken, or not Score-P's. {_ANEW}"
        )
    # Score-P's constructor begins the measurement, which is ours to begin.
    wrappers = [path for path in _run(config, *arguments, "--preload-libs").split() if _CONSTRUCTOR not in path]
    return Installation(config, version, tuple(libraries), " ".join(subsystems), None, "", tuple(wrappers))


def refusal(config: str, arguments: Sequence[str]) -> str:
    """Why this Score-P does not take these arguments, in its own words; empty: it does, or cannot be asked."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = _completed([config, *arguments], _CONFIG_SECONDS)
        if done.returncode > 0:
            said = (done.stderr or done.stdout).strip()[-500:]
            return " ".join(said.replace("[Score-P] ERROR:", "").split()) or "no more than that it does not."
    return ""


def _run(config: str, *arguments: str) -> str:
    try:
        done = _completed([config, *arguments], _CONFIG_SECONDS)
    except (OSError, subprocess.SubprocessError) as problem:
        raise Unusable(f"{config} cannot be run: {problem}. {_ANEW}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-500:] or "nothing"
        command = " ".join([config, *arguments])
        how = f"failed with exit code {done.returncode}" if done.returncode > 0 else f"was ended by {_signal(done)}"
        raise Unusable(f"`{command}` {how} and said: {said.rstrip('.')}. {_ANEW}")
    return done.stdout


def _signal(done: subprocess.CompletedProcess) -> str:
    return signal.Signals(-done.returncode).name


def _completed(
    command: Sequence[str], seconds: float, environment: Optional[Dict[str, str]] = None
) -> subprocess.CompletedProcess:
    """A program that has ended. TimeoutExpired; KeyboardInterrupt: nobody waits for it any more. It is in the session's
    process group, and ends with it."""
    pipe = subprocess.PIPE
    text: Dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, **text
    )
    end = time.monotonic() + seconds
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(timeout=min(0.1, seconds))
                if interrupts.is_pending() or process.returncode == -signal.SIGINT:
                    raise KeyboardInterrupt
                return subprocess.CompletedProcess(command, process.returncode, out, err)
            if interrupts.is_pending():
                raise KeyboardInterrupt
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(command, seconds)
    except BaseException:
        with process:  # what it started may hold the pipes, which are closed here
            process.kill()
        raise


def stamp(installation: Installation) -> List[Any]:
    """Numbers that are different as soon as another Score-P lies there."""
    found: List[Any] = []
    measurement = next((path for path in installation.libraries if "libscorep_measurement" in path), "")
    for path in (installation.config, measurement):
        with contextlib.suppress(OSError):
            status = os.stat(path)
            found += [path, os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ino]
    return found + [_build_id(measurement)]


def _build_id(path: str) -> str:
    """The identifier that the linker put into a library; empty if there is none."""
    mark = struct.pack("=III", 4, 20, 3) + b"GNU\0"
    with contextlib.suppress(OSError), open(path, "rb") as file:
        head = file.read(8192)
        at = head.find(mark)
        if at >= 0:
            return head[at + len(mark) :][:20].hex()
    return ""


# --- what is remembered ----------------------------------------------------------------------------------


def cache_directory() -> str:
    """The path of the kernel's cache directory, whether it is there or not."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # which the XDG specification has us ignore
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "scorepkernel")


def _own_cache_directory() -> Optional[str]:
    """The kernel's cache directory, which is the user's own; None: there is none."""
    directory = cache_directory()
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        status = os.lstat(directory)
    except OSError:
        return None
    # Libraries are loaded from what is written there: so nobody else may write it.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        return None
    return directory


def _cache_file(config: str, arguments: Sequence[str], ending: str) -> Optional[str]:
    """Where the answers about this Score-P are kept, for this Python and this kernel; None: nowhere."""
    directory = _own_cache_directory()
    key = repr((config, tuple(arguments), sys.executable, sys.version, places.PACKAGE)).encode()
    return directory and os.path.join(directory, f"scorep-{hashlib.sha256(key).hexdigest()[:16]}.{ending}")


def remembered(config: str, arguments: Sequence[str] = ARGUMENTS) -> Optional[Installation]:
    """What is remembered of a Score-P; None: nothing, or another one lies there now."""
    path = _cache_file(config, arguments, "json")
    try:
        if path is None:
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with open(descriptor, encoding="utf-8") as file:
            if os.fstat(descriptor).st_uid != os.getuid():
                return None
            kept = json.load(file)
        libraries, wrappers = tuple(kept["libraries"]), tuple(kept["wrappers"])
        known = kept["subsystems"], kept["passed"], kept["why"]
        found = Installation(config, kept["version"], libraries, *known, wrappers)
        return found if kept["format"] == _FORMAT and kept["stamp"] == stamp(found) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(installation: Installation, arguments: Sequence[str] = ARGUMENTS) -> None:
    """Remember what is known of a Score-P. Where it cannot be kept, it is found out again."""
    path = _cache_file(installation.config, arguments, "json")
    content = {**installation._asdict(), "format": _FORMAT, "stamp": stamp(installation)}
    with contextlib.suppress(OSError):
        if path is not None:
            _write(path, json.dumps(content, indent=1).encode())


def _write(path: str, content: bytes) -> None:
    """Write a file as a whole or not at all. OSError."""
    descriptor, new = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".new-")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise


def preloads(config: str, arguments: Sequence[str]) -> Tuple[str, str, str]:
    """For a process that is started with these arguments of the bindings: what LD_PRELOAD is to be, the subsystems, and
    the version. Unusable; OSError: there is no place of the user's own for it."""
    wanted = tuple(dict.fromkeys(["--user", *arguments]))
    found = remembered(config, wanted)
    if found is None:
        found = ask(config, wanted)
        remember(found, wanted)
    umbrella = _cache_file(config, wanted, "so")
    if umbrella is None or re.search(r"[\s:]", umbrella):
        raise OSError(errno.EACCES, "there is no cache directory whose path can stand in LD_PRELOAD")
    content = tracer.extension.make_umbrella((places.PROVIDER, *found.libraries))
    if not _holds(umbrella, content):
        _write(umbrella, content)
    # Those that take the place of others' functions must come before the C library; the rest comes with the umbrella.
    return " ".join([*found.wrappers, umbrella]), found.subsystems, found.version


def _holds(path: str, content: bytes) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read() == content
    return False


# --- the self-test ---------------------------------------------------------------------------------------


# What says that a Score-P cannot be used so, and not that something else went wrong in trying.
_CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)


def _selftest(*arguments: str) -> Tuple[List[str], Dict[str, str]]:
    """Its command, and an environment in which nothing of the user's steers Score-P."""
    module = "spk_worker.measure.systems.selftest"
    code = f"import sys; sys.path.insert(0, sys.argv.pop(1)); import {module} as selftest; selftest.main()"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SCOREP_")}
    return [sys.executable, "-I", "-c", code, places.IMPORTED_FROM, *arguments], clean


def tried(installation: Installation, seconds: float = _SELFTEST_SECONDS) -> Installation:
    """The same installation with what its self-test comes to, which is remembered where that lies with Score-P."""
    command, environment = _selftest(json.dumps(installation))
    try:
        done = _completed(command, seconds, environment)
    except subprocess.TimeoutExpired:
        return installation._replace(passed=False, why=f"the self-test did not end within {seconds:g} s")
    found = _read_result(done.stdout)
    if found is not None:
        installation = installation._replace(passed=found["passed"], why=found["why"])
    elif done.returncode < 0:
        installation = installation._replace(passed=False, why=f"the self-test was ended by {_signal(done)}")
    else:
        why = f"the self-test failed with exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        installation = installation._replace(passed=False, why=why)
    if found is not None or -done.returncode in _CRASHES:
        remember(installation)
    return installation


def _read_result(output: str) -> Optional[Dict[str, Any]]:
    """What the self-test says in its last line; None: it did not come to that. A library may have written before."""
    for line in output.strip().splitlines()[-1:]:
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and isinstance(said.get("passed"), bool) and isinstance(said.get("why"), str):
                return said
    return None


def find_ahead(config: str) -> None:
    """Have it found out by a process of its own, which is nobody's child: users' os.wait() must not find it."""
    command, environment = _selftest("--find", config)
    null = subprocess.DEVNULL
    subprocess.run(command, stdin=null, stdout=null, stderr=null, env=environment, timeout=_CONFIG_SECONDS, check=True)


def find(config: str) -> Installation:
    """All that is to be known of it, remembered or found out now, which takes a quarter of a second."""
    known = remembered(config)
    if known is not None:
        return known
    return tried(ask(config))
