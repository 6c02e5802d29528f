# SPDX-License-Identifier: BSD-3-Clause
"""Builds the stand-in for Score-P: bin/scorep-config, lib/libscorep_*.so, and the Python package scorep."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Sequence

SOURCE = os.path.dirname(os.path.abspath(__file__))
_PARTS = {
    "measurement": "MEASUREMENT",
    "adapter_user_event": "USER_EVENT",
    "adapter_user_mgmt": "USER_MGMT",
    "adapter_posix_io_event": "IO",
    "thread_create_wait_pthread": "THREAD_PTHREAD",
    "thread_mockup": "THREAD_MOCKUP",
    "constructor": "CONSTRUCTOR",
}
_ROOT = ("measurement", "adapter_user_event", "adapter_user_mgmt", "thread_create_wait_pthread")


def build(prefix: str, flags: Sequence[str] = (), static: bool = False) -> str:
    """Build it in this directory, which must not exist. static: as a Score-P without shared libraries. What it returns
    is for PATH."""
    binaries, libraries = os.path.join(prefix, "bin"), os.path.join(prefix, "lib")
    os.makedirs(binaries)
    os.makedirs(libraries)
    shutil.copy(os.path.join(SOURCE, "scorep-config"), binaries)
    shutil.copytree(os.path.join(SOURCE, "scorep"), os.path.join(prefix, "python", "scorep"))
    for name, part in _PARTS.items():
        _compile(os.path.join(libraries, f"libscorep_{name}.so"), part, flags, static)
    if not static:
        # Its own references say what it needs: the others' do not.
        needed = [f"-lscorep_{name}" for name in _ROOT]
        where = ["-L" + libraries, "-Wl,-rpath," + libraries, "-Wl,--no-as-needed"]
        _compile(os.path.join(libraries, "libscorep_root.so"), "ROOT", [*flags, *where, *needed], False)
    return binaries


def build_measurement(prefix: str, flags: Sequence[str] = ()) -> None:
    """Build the measurement library anew, in place of the one that there is."""
    path = os.path.join(prefix, "lib", "libscorep_measurement.so")
    _compile(path + ".new", "MEASUREMENT", [*flags, "-Wl,-soname,libscorep_measurement.so"], False)
    os.replace(path + ".new", path)


def _compile(path: str, part: str, flags: Sequence[str], static: bool) -> None:
    common = ["cc", "-O1", "-g", "-fPIC", "-I" + SOURCE, f"-DPART_{part}"]
    source = os.path.join(SOURCE, "standin.c")
    if static:
        subprocess.run([*common, "-c", "-o", path[:-2] + "o", source], check=True)
        subprocess.run(["ar", "rcs", path[:-2] + "a", path[:-2] + "o"], check=True)
        os.unlink(path[:-2] + "o")
    else:
        subprocess.run([*common, "-shared", "-pthread", "-o", path, source, *flags], check=True)
