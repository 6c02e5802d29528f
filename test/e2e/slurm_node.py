# SPDX-License-Identifier: BSD-3-Clause
"""A Slurm cluster of one node, for tests: its own configuration, key and ports, in a directory of its own.

    with SlurmNode() as node:
        subprocess.run(["srun", "-n", "2", "hostname"], env={**os.environ, **node.environment})

The daemons belong to a keeper, which is this file run as a program. It ends them, and all that Slurm started, as soon
as its standard input ends: with the block, or with the process that the block is in, however that ends. Nothing needs
cgroups, accounting, or more processors than there are.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Dict, Iterator, List, Optional

PATIENCE = 60  # for what takes a second or two
CPUS = 8
_DAEMONS = ("munged", "slurmctld", "slurmd")
_CLIENTS = ("srun", "salloc", "sbatch", "sinfo", "squeue", "scancel")
_WAIT_FOR_JOBS = ("srun", "salloc", "sbatch")
_ANOTHER_SLURM = ("SLURM", "SALLOC", "SBATCH", "SRUN", "SINFO", "SQUEUE", "SCANCEL", "PMI")
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None)

# d: the directory, h: the host's name, u: the user. Nobody asks for cgroups; the plugin of version 1 is the one that
# looks for nothing until it is asked.
_FILES = {
    "cgroup.conf": "CgroupPlugin=cgroup/v1\n",
    "mpi.conf": "PMIxCliTmpDirBase={d}\n",
    "slurm.conf": """\
ClusterName=test
SlurmctldHost={h}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={u}
SlurmdUser={u}
AuthType=auth/munge
AuthInfo=socket={d}/munge.socket
CredType=cred/munge
StateSaveLocation={d}/state
SlurmdSpoolDir={d}/spool
SlurmctldPidFile={d}/slurmctld.pid
SlurmdPidFile={d}/slurmd.pid
SlurmctldLogFile={d}/slurmctld.log
SlurmdLogFile={d}/slurmd.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
ReturnToService=2
KillWait=2
# Open MPI names its shared memory after the job: those of two nodes at once must differ.
FirstJobId={job}
# From this, `sbatch --wait` takes how often it asks.
MinJobAge=4
MpiDefault={mpi}
NodeName={h} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""",
}


class SlurmNode:
    """A context manager. unittest.SkipTest: there can be no node here; the text says why."""

    environment: Dict[str, str]  # for whatever is to reach it, beside the environment that there is
    mpi_types: List[str]  # what `srun --mpi=` takes
    directory: str  # removed at the end

    def __init__(self, cpus: int = CPUS) -> None:
        self._cpus = cpus
        self._keeper: Any = None

    def __enter__(self) -> "SlurmNode":
        pipe = subprocess.PIPE
        command = [sys.executable, "-I", os.path.abspath(__file__), str(self._cpus)]
        self._keeper = keeper = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, start_new_session=True, env=_clean_environment()
        )
        try:
            assert keeper.stdout
            said = json.loads(keeper.stdout.readline() or '{"problem": "its keeper ended"}')
            if "problem" in said:
                raise unittest.SkipTest(f"no Slurm node here: {said['problem']}")
        except BaseException:
            self.__exit__()
            raise
        self.environment, self.mpi_types, self.directory = said["environment"], said["mpi_types"], said["directory"]
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until nothing of it is left."""
        self._keeper.stdin.close()
        self._keeper.wait(PATIENCE)
        self._keeper.stdout.close()

    def log(self) -> str:
        """What the daemons said, for the message of a test that fails."""
        return "\n".join(f"{name}:\n{_read(os.path.join(self.directory, name + '.log'))}" for name in _DAEMONS)


def _clean_environment() -> Dict[str, str]:
    """Without what is of a Slurm that this may run under; with where administrators' programs lie."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_ANOTHER_SLURM)}
    return {**kept, "PATH": os.pathsep.join([kept.get("PATH", os.defpath), "/usr/sbin", "/sbin"])}


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, errors="replace") as file:
        return file.read()
    return ""


# --- the keeper ------------------------------------------------------------------------------------------


class _NoNode(Exception):
    """The text says why."""


class _Keeper:
    """The node's directory and its daemons."""

    def __init__(self, directory: str, cpus: int) -> None:
        self._directory = directory
        self._cpus = cpus
        self._daemons: Dict[str, subprocess.Popen] = {}
        self._end = time.monotonic() + PATIENCE
        self.environment = {"SLURM_CONF": self._path("slurm.conf")}
        self.mpi_types: List[str] = []

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def start(self) -> None:
        """Returns when a job has run. _NoNode."""
        missing = [name for name in _DAEMONS + _CLIENTS if not shutil.which(name)]
        if missing:
            raise _NoNode(f"{', '.join(missing)} not found (Debian: munge, slurm-wlm)")
        for name in ("state", "spool"):
            os.mkdir(self._path(name), 0o755)
        descriptor = os.open(self._path("key"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with open(descriptor, "wb") as key:
            key.write(os.urandom(128))
        self._configure("none")
        listed = self._run("srun", "--mpi=list")
        self.mpi_types = [line.strip() for line in (listed.stdout + listed.stderr).splitlines() if line[:1] == "\t"]
        self._configure("pmix" if "pmix" in self.mpi_types else "none")
        names = {"socket": "munge.socket", "key-file": "key", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        files = [f"--{option}={self._path(name)}" for option, name in names.items()]
        # --force: these are a test's, and /tmp may be anybody's.
        self._begin("munged", "--foreground", "--force", f"--log-file={self._path('munged.log')}", *files)
        self._wait("munged is not ready", lambda: os.path.exists(self._path("munge.socket")))
        self._begin("slurmctld", "-D", "-i")
        self._begin("slurmd", "-D")
        self._wait("the node is not idle", lambda: self._run("sinfo", "-h", "-o", "%T").stdout == "idle\n")
        tried = self._run("srun", "-n", "2", "true")
        if tried.returncode != 0:
            raise _NoNode(f"srun says: {tried.stderr.strip()[-300:] or tried.returncode}")

    def _configure(self, mpi: str) -> None:
        with _free_ports(2) as ports:
            values = {
                "d": self._directory,
                "h": socket.gethostname().partition(".")[0],
                "u": pwd.getpwuid(os.getuid()).pw_name,
                "ports": ports,
                "job": secrets.randbelow(60_000_000) + 1,
                "mpi": mpi,
                "cpus": self._cpus,
            }
            for name, text in _FILES.items():
                with open(self._path(name), "w") as file:
                    file.write(text.format(**values))

    def _begin(self, name: str, *arguments: str) -> None:
        with open(self._path(name + ".out"), "wb") as out:
            self._daemons[name] = subprocess.Popen(
                [name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self._directory,
                env={**os.environ, **self.environment},
                preexec_fn=_end_with_parent,
            )

    def _run(self, *command: str) -> subprocess.CompletedProcess:
        left = max(1, self._end - time.monotonic())
        nothing = subprocess.DEVNULL
        environment = {**os.environ, **self.environment}
        try:
            return subprocess.run(
                command, stdin=nothing, capture_output=True, text=True, env=environment, timeout=left, cwd="/"
            )
        except subprocess.TimeoutExpired:
            raise _NoNode(f"{command[0]} does not end") from None

    def _wait(self, what: str, condition: Any) -> None:
        """For what has no event to wait for; not longer than somebody waits for us."""
        while not condition():
            for name, daemon in self._daemons.items():
                if daemon.poll() is not None:
                    raise _NoNode(f"{name} ended with {daemon.returncode} and said: {self._last_words(name)}")
            if time.monotonic() > self._end:
                raise _NoNode(f"{what} after {PATIENCE} s; {', '.join(map(self._last_words, self._daemons))}")
            if select.select([sys.stdin], [], [], 0.05)[0]:
                raise _NoNode("nobody waits for it")

    def _last_words(self, name: str) -> str:
        lines = [line for line in _read(self._path(name + ".out")).splitlines() if "rror:" in line or "fatal:" in line]
        return lines[-1] if lines else f"{name} said nothing of an error"

    def cancel_jobs(self) -> None:
        """What waits for a job is told that it is over; what is left then is killed."""
        self._end = time.monotonic() + 5
        with contextlib.suppress(_NoNode):
            self._run("scancel", "--me")
            while (self._run("squeue", "-h").stdout or self.clients()) and time.monotonic() < self._end:
                time.sleep(0.05)

    def clients(self) -> List[int]:
        """What waits for jobs of this node, and may have outlived who started it."""
        ours = "\0SLURM_CONF=" + self.environment["SLURM_CONF"] + "\0"
        found = [pid for pid in _processes() if _read(f"/proc/{pid}/comm").strip() in _WAIT_FOR_JOBS]
        return [pid for pid in found if ours in "\0" + _read(f"/proc/{pid}/environ")]

    def kill_all(self) -> None:
        """The daemons, and the steps and tasks, whose parent we are by now where it has ended; and clients with what
        they run: without a controller, they may run for ever."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = _descendants([os.getpid(), *self.clients()])
            if not found:
                return
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


@contextlib.contextmanager
def _free_ports(count: int) -> Iterator[List[int]]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        yield [one.getsockname()[1] for one in sockets]


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _processes() -> Iterator[int]:
    return map(int, filter(str.isdigit, os.listdir("/proc")))


def _descendants(of: List[int]) -> List[int]:
    """These processes, but not this one, and their children, and so on."""
    children: Dict[int, List[int]] = {}
    for pid in _processes():
        stat = _read(f"/proc/{pid}/stat")
        if stat:
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(pid)
    found = list(of)
    for pid in found:
        found += children.get(pid, [])
    return [pid for pid in dict.fromkeys(found) if pid != os.getpid()]


def _keep(cpus: int) -> Optional[str]:
    """Keep a node while it is wanted; None, or why there is none."""
    directory = os.path.realpath(tempfile.mkdtemp(prefix="spk-slurm-"))
    os.chmod(directory, 0o711)  # munged wants everybody to reach its socket
    keeper = _Keeper(directory, cpus)
    try:
        keeper.start()
        said = {"environment": keeper.environment, "mpi_types": keeper.mpi_types, "directory": directory}
        print(json.dumps(said), flush=True)
        sys.stdin.read()
        keeper.cancel_jobs()
        return None
    except _NoNode as problem:
        return str(problem)
    finally:
        keeper.kill_all()
        shutil.rmtree(directory)


def main() -> None:
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    problem: Optional[str] = ""
    for _ in range(3):  # somebody else may have taken a port before Slurm did
        problem = _keep(int(sys.argv[1]))
        if problem is None or "in use" not in problem:
            break
    if problem is not None:
        print(json.dumps({"problem": problem}), flush=True)


if __name__ == "__main__":
    main()
