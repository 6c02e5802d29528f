# SPDX-License-Identifier: BSD-3-Clause
"""A cell that runs as many ranks: how they are started, and how what they measured and gathered becomes one. The
processes and what they say to each other are the business of ranks/ in the library's source: the session hands the cell
to a job, which is a runner to it like any other."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..base import places, tracer
from ..base.errors import NotMeasured
from ..measure import binding_arguments, experiment_directory, sampling
from ..measure.report import REPORTED_REGIONS
from ..measure.systems.built_in import BuiltIn
from ..measure.systems.score_p import ScoreP
from ..measure.wanted import Wanted
from ..persist import transfer
from . import start, variable_files
from .plan import Plan, arguments_of_ranks
from .variables_report import size_text


_RENDEZVOUS = "SCOREPKERNEL_RENDEZVOUS"  # as wire/rank_protocol.h has it
# What a rank's process must have from its start, and launchers may not pass on to other machines.
_PASSED = ("SCOREP", "PYTHON", "OMP_", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
# Options of mpirun and mpiexec that name other machines, and what batch systems set.
_HOST_OPTIONS = ("-H", "-f", "-host", "--host", "-hosts", "-hostfile", "--hostfile", "-machinefile", "--machinefile")
_ALLOCATIONS = ("SLURM_JOB_ID", "PBS_NODEFILE", "LSB_JOBID", "PE_HOSTFILE", "COBALT_JOBID", "FLUX_URI")


class Job:
    """A cell's ranks: how they are started, where their experiment is, and what becomes of what they return."""

    def __init__(self, wanted: Wanted, plan: Plan) -> None:
        """NotMeasured: the ranks cannot be started."""
        self._wanted = wanted
        self._by_score_p = plan.by_score_p
        self._warnings: List[str] = list(plan.notes)
        self._words = _launcher(wanted)
        self.directory = ""  # of the experiment

    def make_directory(self, said: List[str]) -> None:
        """Make the experiment directory, just before the job is started. What is to be said of an older experiment is
        added to said. NotMeasured: it cannot be made."""
        self.directory = experiment_directory.make(self._by_score_p, said)

    def forget_unused(self) -> None:
        """Remove the experiment directory, if nothing was written into it."""
        with contextlib.suppress(OSError):  # it was not made, here or by Score-P, or is of some worth
            os.rmdir(self.directory)

    def for_ranks(self, way: str) -> dict:
        """What each rank has to know. way: where the cell runs and why, in words."""
        system = ScoreP.key if self._by_score_p else BuiltIn.key
        return {"way": way, "directory": self.directory, "system": system}

    def start(self) -> Dict[str, Any]:
        """How the job is started, which starts the ranks; in the form of start.of_process."""
        arguments = arguments_of_ranks(self._wanted.arguments) if self._by_score_p else ""
        one = start.of_process(arguments, self._by_score_p)
        here = {name: value for name, value in os.environ.items() if start.can_travel(value)}
        there = dict(pair.split("=", 1) for pair in one["environment"])
        there["SCOREP_EXPERIMENT_DIRECTORY"] = self.directory
        passed = [
            f"{name}={value}"
            for name, value in sorted(there.items())
            if here.get(name) != value or name.startswith(_PASSED)
        ]
        relay = [places.RANKS_PROGRAM, "relay", "env", *passed, *one["argv"]]
        reach = "loopback" if _is_local(self._words) else "everywhere"
        environment = {**here, **_for_open_mpi(self._wanted, self._words)}
        return {
            "key": secrets.token_hex(8),  # no job waits for a cell, as it would hold its ranks' processors
            "argv": [places.RANKS_PROGRAM, "job", reach, self._files(), *_started_by(self._words, relay)],
            "environment": [f"{name}={value}" for name, value in environment.items()],
            "ahead": 0,
        }

    def _files(self) -> str:
        """The directory in which variables come back; "-": they come back by way of memory."""
        if not self._wanted.disk:
            return "-"
        directory = variable_files.file_directory()
        if start.can_travel(directory):
            return directory
        self._warnings.append("The variables came back by way of memory: their directory has a name that is not UTF-8.")
        return "-"

    def comes(self, returned: Dict[str, Any]) -> List[dict]:
        """Of each file of variables that is to be taken over: what its sender says of it."""
        came = _read(returned)
        first = came.of_first()
        gathered = [file for file in came.files if self._wanted.gather and file["about"].get("gathered")]
        return [file["about"] for file in ([first] if first else []) + gathered]

    def take_back(
        self,
        descriptor: Optional[int],
        returned: Dict[str, Any],
        measurements: List[Optional[dict]],
        way: str,
        cell: Any,
    ) -> Tuple[Optional[dict], List[str]]:
        """Have the cell (a LaunchedCell) take over rank 0's changes, and bind what was gathered. The ranks'
        measurement, if there is one, and what the user is to know."""
        came = _read(returned)
        first = came.of_first() if descriptor is not None else None
        notes: List[str] = []
        try:
            if first is not None:
                notes += cell.take_changes(descriptor if first["length"] else None, first["about"], first["at"])
            elif came.ranks:
                notes.append("The variables are as before: rank 0 did not come to its end.")
        except ValueError as problem:  # it came to it in the middle of them
            text = f"All variables are as before the cell: those of rank 0 did not come back whole: {problem}."
            cell.not_returned.append(text)
        if descriptor is not None and self._wanted.gather:
            cell.steps.gathered = came.size - (first["length"] if first else 0)
            with cell.steps.step("gathered"):
                said, kept = cell.in_namespace(_gather, descriptor, came, self._wanted.gather)
                notes += said
                cell.not_returned += kept
        way = f"{way}, by {os.path.basename(self._words[0])}"
        measurement = self._combined(measurements, came, way)
        if measurement is None and notes and os.path.isdir(self.directory):
            notes.append(f"What was measured until then is in {self.directory}.")
        return measurement, notes

    def _combined(self, measurements: List[Optional[dict]], came: _Returned, way: str) -> Optional[dict]:
        """The ranks' measurements as one, and one experiment of theirs. None: there is none."""
        there = [(rank, one) for rank, one in enumerate(measurements) if one is not None]
        if not there:
            self.forget_unused()
            return None
        reports = [one for _, one in there]
        combined = dict(reports[0])
        warnings = self._warnings + _by_ranks([(rank, text) for rank, one in there for text in one["warnings"]])
        if len(there) < came.ranks:
            absent = [str(rank) for rank, one in enumerate(measurements) if one is None]
            warnings.append(f"The experiment lacks rank {', '.join(absent)}, which did not end its measurement.")
        if not self._by_score_p:
            combined.update(_summed(reports))
            warnings += _merge(self.directory, there)
        else:
            _leave_out_start(combined)
        combined.update(
            way=f"{way} ({size_text(came.sent)} of variables to each, {size_text(came.size)} back)",
            directory=self.directory,
            seconds=max(one["seconds"] for one in reports),
            processor_seconds=sum(one["processor_seconds"] for one in reports),
            sampling=sampling.together([one["sampling"] for one in reports]),
            events=sum(one["events"] for one in reports),
            page_faults=sum(one["page_faults"] for one in reports),
            page_faults_seconds=sum(one["page_faults_seconds"] for one in reports),
            messages="\n".join(_by_ranks([(rank, one["messages"]) for rank, one in there if one["messages"]])),
            warnings=warnings,
            all_regions=[],
        )
        _complete_record(combined, came.ranks)
        return combined


# --- how they are started --------------------------------------------------------------------------------


def _launcher(wanted: Wanted) -> List[str]:
    words, count = binding_arguments.split(wanted.launcher, "%%scorep_launcher"), wanted.ranks
    if not words:
        names = [*(["srun"] if "SLURM_JOB_ID" in os.environ else []), "mpirun", "mpiexec"]
        words = [name for name in names if shutil.which(name)][:1]
        if not words:
            raise NotMeasured(
                f"The cell was not run: there is nothing to start {count} ranks with, neither {' nor '.join(names)}. "
                "Load the module of your MPI before the notebook server starts, or install one (on Debian: apt install "
                "openmpi-bin python3-mpi4py); or name the command with\n%%scorep_launcher COMMAND"
            )
    elif not shutil.which(words[0]):
        raise NotMeasured(
            f"The cell was not run: the launcher {words[0]} is not on PATH. Name another with %%scorep_launcher, or "
            "take it back with\n%%scorep_launcher -"
        )
    return [*words, "-n", str(count)] if count else words


def _is_local(words: List[str]) -> bool:
    """Whether all ranks will be on this machine."""
    if os.path.basename(words[0]) not in ("mpirun", "mpiexec") or any(name in os.environ for name in _ALLOCATIONS):
        return False
    return not any(word.split("=")[0] in _HOST_OPTIONS for word in words)


def _started_by(words: List[str], relay: List[str]) -> List[str]:
    """The whole command. A batch job is cancelled when nobody waits for it any more."""
    if os.path.basename(words[0]) != "sbatch":
        return [*words, *relay]
    name = f"scorepkernel-{secrets.token_hex(4)}"
    batch = [words[0], "--wait", f"--job-name={name}", "--output=/dev/null", *words[1:]]
    submit = shlex.join([*batch, "--wrap", shlex.join(["srun", *relay])])
    return ["sh", "-c", f"trap 'setsid scancel --quiet --name={name} & exit 143' TERM; {submit} & wait $!"]


def _for_open_mpi(wanted: Wanted, words: List[str]) -> Dict[str, str]:
    """Environment variables that Open MPI needs, and other launchers ignore."""
    found: Dict[str, str] = {}
    if os.getuid() == 0:  # as the notebook is
        found.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    if not wanted.launcher:
        found["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    if not _is_local(words) and "-x" not in words:
        found["OMPI_MCA_mca_base_env_list"] = _RENDEZVOUS
    return found


# --- what comes back -------------------------------------------------------------------------------------


class _Returned(NamedTuple):
    """What the job says that came back of its ranks."""

    ranks: int
    sent: int  # bytes of variables that each rank got
    files: List[dict]  # what came back: {"rank", "at", "length", "about"}

    @property
    def size(self) -> int:
        """The number of bytes that came back."""
        return sum(file["length"] for file in self.files)

    def of_first(self) -> Optional[dict]:
        """The file with rank 0's changes; None: there is none."""
        return next((file for file in self.files if file["rank"] == 0 and not file["about"].get("gathered")), None)


def _read(said: Dict[str, Any]) -> _Returned:
    """Read what WORKER_STATE of a job says."""
    return _Returned(said.get("ranks", 0), said.get("sent", 0), said.get("files", []))


def _gather(
    namespace: Dict[str, Any], descriptor: int, came: _Returned, names: Sequence[str]
) -> Tuple[List[str], List[str]]:
    """Bind each name to the list of what it is in each rank, None where it is not. What the user is to know, and a
    sentence for each name that no rank could send, which keeps its value."""
    found: List[Dict[str, Any]] = [{} for _ in range(came.ranks)]
    gathered = [file for file in came.files if file["about"].get("gathered")]
    files = [file for file in gathered if "problem" not in file["about"]]
    problems = [(file["rank"], file["about"]["problem"]) for file in gathered if file not in files]
    said = [(rank, f"--gather {name}: {problem}") for rank, problem in problems for name in names]
    explained = {(rank, name) for rank, _ in problems for name in names}
    if not files:
        nothing = f"--gather {', '.join(names)}: nothing came back, and the session keeps what it had."
        return [*_by_ranks(said), nothing], []
    for file in files:
        try:
            values, lost = transfer.values(descriptor, namespace, file["at"])
        except ValueError:
            continue  # it ended in the middle, and lacks them all
        found[file["rank"]] = values
        said += [(file["rank"], f"--gather {one.name}: {one.path}: {one.reason}") for one in lost]
        explained.update((file["rank"], one.name) for one in lost)
    kept = [name for name in names if all((rank, name) in explained for rank in range(came.ranks))]
    for name in [name for name in names if name not in kept]:
        lacking = [rank for rank, values in enumerate(found) if name not in values and (rank, name) not in explained]
        namespace[name] = [values.get(name) for values in found]
        said += [(rank, f"--gather {name}: there is none; it is None there.") for rank in lacking]
    none = "no rank could send it, and the session keeps what it had."
    return _by_ranks(said), [f"--gather {name}: {none}" for name in kept]


def _leave_out_start(combined: dict) -> None:
    """Take MPI's initialisation out of the regions: the cell did not do it, it was done for the cell."""
    start = [row for row in combined["regions"] if row[0] in ("MPI_Init_thread", "MPI_Initialized") and row[1] == "MPI"]
    combined["regions"] = [row for row in combined["regions"] if row not in start]
    combined["region_count"] -= len(start)
    combined["exclusive_ns"] -= sum(row[5] for row in start)


def _by_ranks(said: List[Tuple[int, str]]) -> List[str]:
    """What several ranks say, once."""
    by_text: Dict[str, List[int]] = {}
    for rank, text in said:
        by_text.setdefault(text, []).append(rank)
    return [f"Rank {', '.join(map(str, sorted(ranks)))}: {text}" for text, ranks in by_text.items()]


def _summed(reports: List[dict]) -> dict:
    """The sums of regions and locations of ranks that were measured each by itself."""
    rows: Dict[tuple, list] = {}
    for report in reports:
        for name, file, line, *numbers in report["all_regions"]:
            row = rows.setdefault((name, file, line), [0, 0, 0])
            rows[name, file, line] = [one + other for one, other in zip(row, numbers)]
    regions = sorted(([*key, *numbers] for key, numbers in rows.items()), key=lambda row: -row[5])
    return {
        "regions": regions[: REPORTED_REGIONS],
        "region_count": len(regions),
        "exclusive_ns": sum(row[5] for row in regions),
        "locations": sum(report["locations"] for report in reports),
    }


def _merge(directory: str, there: List[Tuple[int, dict]]) -> List[str]:
    first = there[0][1]
    parts = []
    for rank, one in there:
        # The clocks of one machine are one.
        offset = one["clock_offset_ns"] - first["clock_offset_ns"] if one["host"] != first["host"] else 0
        parts.append((one["directory"], rank, one["host"], offset))
    try:
        tracer.merge(parts, directory)
    except (OSError, ValueError) as problem:
        return [f"The ranks' traces could not be made one, and are in {directory}/rank-*: {problem}"]
    return []


def _complete_record(combined: dict, count: int) -> None:
    """Complete the record that rank 0 has written, so that it is one of all ranks."""
    path = os.path.join(combined["directory"], "scorepkernel.json")
    names = ("way", "seconds", "events", "locations", "page_faults", "messages", "warnings")
    with contextlib.suppress(OSError, ValueError):
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        record.update({name: combined[name] for name in names}, ranks=count)
        experiment_directory.write_record(combined["directory"], record)
