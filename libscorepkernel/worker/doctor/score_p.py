# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's checks of Score-P, its Python bindings, and its MPI."""

from __future__ import annotations

import contextlib
import glob
import importlib.machinery
import os
import re
import sys
from typing import List, NamedTuple, Tuple

from ..base import places
from ..base.errors import Unusable
from ..base.programs import last_line, run, run_python
from ..measure import installation
from .check import Finding, Verdict

_SELFTEST_SECONDS = 15.0
_ANEW = "Install Score-P 8.0 or newer with --enable-shared, or take it off PATH."
# What installation.ask will ask.
_QUESTIONS = ("--ldflags", "--libs", "--mgmt-libs", "--adapter-init")
_ADAPTERS = (
    ("MPI", "mpp_mpi"),
    ("SHMEM", "mpp_shmem"),
    ("pthread", "thread_create_wait_pthread"),
    ("OpenMP", "thread_fork_join_omp*"),
    ("CUDA", "adapter_cuda_event"),
    ("HIP", "adapter_hip_mgmt"),
    ("OpenCL", "adapter_opencl_event*"),
    ("OpenACC", "adapter_openacc_event"),
    ("I/O", "adapter_posix_io_event*"),
    ("memory", "adapter_memory_event*"),
    ("Kokkos", "adapter_kokkos_event"),
)


class Facts(NamedTuple):
    """What several checks need to know of Score-P."""

    config: str = ""  # path of scorep-config; empty: there is none
    version: str = ""
    libraries: str = ""  # their directory
    problem: str = ""  # why this Score-P cannot be asked


def look() -> Facts:
    """Ask scorep-config all that a session would ask it, each with a limit of time."""
    facts = Facts(installation.locate() or "")
    if not facts.config:
        return facts
    for arguments in (("--version",), *((*installation.ARGUMENTS, what) for what in _QUESTIONS)):
        ran = run([facts.config, *arguments])
        if ran.problem:
            return facts._replace(problem=f"`{' '.join([facts.config, *arguments])}` failed: {ran.problem}")
        if arguments[-1] == "--version":
            facts = facts._replace(version=ran.output.strip())
        elif arguments[-1] == "--ldflags":
            found = re.findall(r"(?:^|\s)-L(\S+)", ran.output)
            own = [path for path in found if glob.glob(os.path.join(glob.escape(path), "libscorep_*"))]
            facts = facts._replace(libraries=(own or found or [""])[0])
    return facts


def _library(facts: Facts, name: str) -> List[str]:
    pattern = os.path.join(glob.escape(facts.libraries), f"libscorep_{name}.[as]*")
    return sorted(glob.glob(pattern)) if facts.libraries else []


# --- Score-P itself --------------------------------------------------------------------------------------


def present(facts: Facts) -> Finding:
    """Whether there is a Score-P that answers."""
    if not facts.config and not facts.problem:
        wanted = os.environ.get("SCOREPKERNEL_MEASUREMENT", "").lower() == "scorep"
        return (
            Verdict.ERROR if wanted else Verdict.ABSENT,
            "no scorep-config on PATH: the built-in tracer measures"
            + (", but SCOREPKERNEL_MEASUREMENT is scorep" if wanted else ""),
            "To measure with Score-P, put its bin directory on PATH (load its module) before Jupyter starts.",
        )
    if facts.problem:
        return Verdict.ERROR, facts.problem, _ANEW
    if _numbers(facts.version) < (8,):
        return Verdict.WARNING, f"{facts.version} ({facts.config}): only 8.0 or newer is tried", _ANEW
    return Verdict.OK, f"{facts.version} ({facts.config})", ""


def shared(facts: Facts) -> Finding:
    """Whether Score-P's libraries are shared ones, which can be loaded."""
    if not facts.version or facts.problem:
        return Verdict.ABSENT, "there is no Score-P to ask", ""
    try:
        found = installation.ask(facts.config)
    except Unusable as problem:
        return Verdict.ERROR, str(problem), _ANEW
    return Verdict.OK, f"{len(found.libraries)} shared libraries in {facts.libraries}", ""


def adapters(facts: Facts) -> Finding:
    """What Score-P can record beside Python."""
    if not facts.libraries:
        return Verdict.ABSENT, "there is no Score-P to ask", ""
    has = [name for name, library in _ADAPTERS if _library(facts, library)]
    lacks = [name for name, _ in _ADAPTERS if name not in has]
    if "MPI" in has:
        has[0] = f"MPI ({_flavour(_mpi_of_scorep(facts)[1])})"
    detail = (", ".join(has) or "none") + (f"; not {', '.join(lacks)}" if lacks else "")
    if "pthread" in lacks:
        return Verdict.WARNING, detail, "Events of all threads come as if of one. Install Score-P with pthread support."
    return Verdict.OK, detail, ""


def selftest(facts: Facts) -> Finding:
    """Whether Score-P can measure one process again and again."""
    if shared(facts)[0] is not Verdict.OK:
        return Verdict.ABSENT, "there is no Score-P to try", ""
    found = installation.remembered(facts.config)
    if found is None:
        found = installation.tried(installation.ask(facts.config), _SELFTEST_SECONDS)
    if not found.passed:
        return (
            Verdict.WARNING,
            f"not passed: {last_line(found.why)}",
            "Cells are measured in a forked copy of the session. For the session itself, try another Score-P.",
        )
    return Verdict.OK, "passed: it measures one process again and again", ""


# --- its bindings ----------------------------------------------------------------------------------------


def bindings(facts: Facts) -> Finding:
    """Whether Score-P's Python bindings work in this Python."""
    again = f"Build them anew: {sys.executable} -m pip install --force-reinstall --no-cache-dir scorep"
    # Not importlib.util's: in a session, that finds the modules which stand in for the bindings.
    spec = importlib.machinery.PathFinder.find_spec("scorep")
    if spec is None or not spec.submodule_search_locations:
        return Verdict.ABSENT, "not installed; cells are measured without them", ""
    place = list(spec.submodule_search_locations)[0]
    extensions = [os.path.basename(path) for path in glob.glob(os.path.join(glob.escape(place), "_bindings*.so"))]
    ours = ["_bindings" + suffix for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    if extensions and not set(ours) & set(extensions):
        return Verdict.ERROR, f"{place} was built for another Python: it has {extensions[0]}, not {ours[0]}", again
    version = run_python("import scorep\nprint(scorep.__version__)").output.strip() or "of an unknown version"
    detail = f"{version} ({place})"
    if not facts.version or facts.problem:
        return Verdict.ABSENT, detail + ", not tried, as there is no Score-P", ""
    for mpp in ("none", "mpi") if _library(facts, "mpp_mpi") else ("none",):
        problem = _import_bindings(facts, mpp)
        if "ompi_mpi_errors_abort" in problem:
            return (
                Verdict.ERROR,
                f"{detail}: {problem}. ompi_mpi_errors_abort is a symbol of Open MPI's: Score-P was built with another "
                "MPI than this Python gets.",
                "Load the MPI that Score-P was built with, and build mpi4py with it: " + _rebuild(facts),
            )
        if problem:
            return Verdict.ERROR, f"{detail} cannot be imported under Score-P (--mpp={mpp}): {problem}", again
    if _numbers(facts.version) >= (9,) and _numbers(version) < (4, 5):
        return Verdict.WARNING, f"{detail} are older than 4.5, which Score-P 9 needs", again
    return Verdict.OK, detail, ""


def _import_bindings(facts: Facts, mpp: str) -> str:
    """Why they cannot be imported with Score-P's libraries there, as in a launched cell; empty: they can."""
    arguments = [word for word in installation.ARGUMENTS if not word.startswith("--mpp")]
    try:
        libraries = installation.ask(facts.config, [*arguments, "--mpp=" + mpp]).libraries
    except Unusable as problem:
        return str(problem)
    return last_line(run_python("import scorep._bindings", [places.PROVIDER, *libraries]).problem)


def _numbers(version: str) -> Tuple[int, ...]:
    """The first two numbers of a version. A text without any counts as newer than all."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2]) or (99,)


# --- MPI -------------------------------------------------------------------------------------------------

# MPI is loaded, not begun.
_ASK_MPI4PY = """
import mpi4py
mpi4py.rc.initialize = mpi4py.rc.finalize = False
print(getattr(mpi4py, "__version__", ""))
from mpi4py import MPI
name, version = MPI.get_vendor()
print(name, ".".join(map(str, version)))
print(*{line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/libmpi" in line}, sep="\\n")
"""
_IS_MPI = re.compile(r"libmpi(ch|_mt|_abi)?\.so")


def mpi4py(facts: Facts) -> Finding:
    """Whether mpi4py and Score-P have the same MPI."""
    if importlib.machinery.PathFinder.find_spec("mpi4py") is None:
        return Verdict.ABSENT, "mpi4py is not installed", ""
    ran = run_python(_ASK_MPI4PY)
    if ran.problem:
        remedy = "Load the MPI that mpi4py was built with, or build mpi4py anew: " + _rebuild(facts)
        return Verdict.ERROR, f"mpi4py cannot be imported: {last_line(ran.problem)}", remedy
    version, vendor, *loaded = ran.output.strip().splitlines()
    path = next((path for path in loaded if _IS_MPI.match(os.path.basename(path))), "")
    detail = f"mpi4py {version} has {vendor} ({path or 'linked into it'})"
    if not facts.libraries or not _library(facts, "mpp_mpi"):
        return Verdict.ABSENT, detail + "; there is no Score-P with MPI to compare with", ""
    name, wanted = _mpi_of_scorep(facts)
    if not name or not path:
        return Verdict.ABSENT, detail + "; the MPI of Score-P could not be found out (ldd shows no libmpi)", ""
    # Within one ABI the number behind .so is the same: libmpi.so.40.30.4 is loaded as libmpi.so.40.
    if not (os.path.basename(path) + ".").startswith(name + "."):
        detail += f", but Score-P {_flavour(wanted)} ({wanted or name})"
        return Verdict.ERROR, detail, "Build mpi4py with Score-P's MPI: " + _rebuild(facts)
    if wanted and os.path.realpath(wanted) != os.path.realpath(path):
        return Verdict.WARNING, f"{detail}, Score-P another one of that kind ({wanted})", "Load one MPI only."
    return Verdict.OK, detail + ", as Score-P has", ""


def _rebuild(facts: Facts) -> str:
    compiler = run([facts.config, "--mpicc"]).output.strip() if facts.config else ""
    return (
        f"MPICC={compiler or 'mpicc'} {sys.executable} -m pip install --force-reinstall --no-binary=mpi4py "
        "--no-cache-dir mpi4py"
    )


def _mpi_of_scorep(facts: Facts) -> Tuple[str, str]:
    """The name and the path of the MPI library that Score-P is linked with, each empty if it cannot be told."""
    for library in _library(facts, "mpp_mpi") + _library(facts, "adapter_mpi_event"):
        for name, path in re.findall(r"^\s*(\S+) => (\S+)", run(["ldd", library]).output, re.M):
            if _IS_MPI.match(name):
                return name, path if path.startswith("/") else ""
    return "", ""


def _flavour(path: str) -> str:
    """The name of the MPI that a library belongs to."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        content = file.read(64 << 20)
        for mark, name in ((b"I_MPI_ROOT", "Intel MPI"), (b"ompi_mpi_", "Open MPI"), (b"MPIR_", "MPICH or its like")):
            if mark in content:
                return name
    return "an MPI that cannot be told"
