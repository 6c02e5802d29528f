#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""scorepkernel doctor and %scorep_doctor: what they say of good, bad and absent Score-Ps, bindings, MPIs and places."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import unittest
from typing import Dict, List

import kernel
from host_process import HOST, HostCase
from kernel import PYTHON, SANITIZER, TREE
from measuring import needs_scorep, needs_tracer
from processes import alive

sys.path.insert(0, os.path.join(TREE, "lib", "scorepkernel", "worker"))
# Some of the doctor's modules are tried in this process, which a sanitized extension cannot be loaded into.
sys.modules["spk_worker._tracer"] = None  # type: ignore[assignment]

WITHOUT = os.pathsep.join(
    place for place in os.environ["PATH"].split(os.pathsep) if not os.path.exists(os.path.join(place, "scorep-config"))
)
VERDICTS = {"ok", "warning", "error", "none"}
CONFIG = """#!/bin/sh
case "$*" in
--version) echo {version} ;;
*--ldflags) echo " -L{lib} -Wl,-rpath" ;;
*libs) echo " -lscorep_measurement" ;;
*--adapter-init) echo "&SCOREP_Subsystem_X" ;;
--mpicc) echo /opt/mpi/bin/mpicc ;;
*) exit 1 ;;
esac
"""


class DoctorCase(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.bin = os.path.join(self.directory, "bin")
        self.lib = os.path.join(self.directory, "lib")
        self.python = os.path.join(self.directory, "python")
        for path in (self.bin, self.lib, self.python):
            os.mkdir(path)

    def doctor(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """By default, with what fake() and script() have made, and without any other Score-P."""
        environment.update(SANITIZER)
        environment.setdefault("PATH", self.bin + os.pathsep + WITHOUT)
        environment.setdefault("PYTHONPATH", self.python)
        environment.setdefault("XDG_CACHE_HOME", os.path.join(self.directory, "cache"))
        if "--python" not in arguments:
            arguments = (*arguments, "--python", PYTHON)
        return self.command("doctor", *arguments, **environment)

    def found(self, *arguments: str, status: int = 0, **environment: str) -> Dict[str, dict]:
        """The checks by their names."""
        done = self.doctor("--json", *arguments, **environment)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        said = json.loads(done.stdout)
        self.assertEqual(said["ok"], status == 0)
        return {check["what"]: check for check in said["checks"]}

    def says(self, check: dict, verdict: str, *texts: str) -> None:
        self.assertEqual(check["verdict"], verdict, check)
        for text in texts:
            self.assertIn(text, check["detail"] + "\n" + check["remedy"])
        if verdict in ("warning", "error"):
            self.assertTrue(check["remedy"], check)

    def script(self, name: str, text: str) -> None:
        path = os.path.join(self.bin, name)
        with open(path, "w") as file:
            file.write(text if text.startswith("#!") else "#!/bin/sh\n" + text)
        os.chmod(path, 0o755)

    def compile(self, path: str, source: str = "", *flags: str) -> str:
        if not shutil.which("cc"):
            self.skipTest("there is no compiler to make libraries with")
        command = ["cc", "-shared", "-fPIC", "-o", path, "-x", "c", "-", *flags]
        subprocess.run(command, input=source + "\nint spk_nothing;", text=True, check=True)
        return path

    def fake(self, version: str = "8.4") -> None:
        """What passes for a Score-P as long as nothing is measured."""
        self.script("scorep-config", CONFIG.format(version=version, lib=self.lib))
        self.compile(os.path.join(self.lib, "libscorep_measurement.so"))
        if not os.path.exists(os.path.join(self.python, "scorep")):
            self.package("scorep", __init__="__version__ = '4.5.1'", _bindings="")  # in front of the machine's own

    def package(self, name: str, **modules: str) -> str:
        place = os.path.join(self.python, name)
        os.makedirs(place, exist_ok=True)
        for module, text in modules.items():
            with open(os.path.join(place, module + ".py"), "w") as file:
                file.write(text)
        return place


class CommandLine(DoctorCase):
    def test_help(self) -> None:
        done = self.command("doctor", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"):
            self.assertIn(heading + "\n", done.stdout)
        self.assertIn("scorepkernel doctor", self.command("--help").stdout)

    def test_misuse(self) -> None:
        for arguments in (("--nonsense",), ("extra",), ("--python",)):
            done = self.command("doctor", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn("--help", done.stderr)

    def test_pythons_that_will_not_do(self) -> None:
        for python in ("/no/such/python", "/bin/true"):
            done = self.doctor("--python", python)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("--python PATH", done.stderr)

    def test_without_ipython(self) -> None:
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", "env"], cwd=self.directory, check=True)
        python = os.path.join(self.directory, "env", "bin", "python")
        found = self.found("--python", python, status=1)
        self.says(found["Python"], "ok", python)
        self.says(found["IPython"], "error", "No module named 'IPython'", f"{python} -m pip install ipython")

    def test_text_and_json_agree(self) -> None:
        needs_tracer()
        before = sorted(os.listdir(self.directory))
        found, done = self.found(), self.doctor()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(sorted(os.listdir(self.directory)), before, "nothing is left behind")
        lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
        self.assertEqual(len(lines), len(found) + 2, done.stdout)
        marks = {"ok": "ok ", "warning": "WARNING ", "error": "ERROR ", "none": "- "}
        for line, (what, check) in zip(lines, found.items()):
            self.assertEqual(set(check), {"what", "verdict", "detail", "remedy"})
            self.assertIn(check["verdict"], VERDICTS)
            self.assertTrue(line.startswith(marks[check["verdict"]]), line)
            self.assertEqual(line[8:].split("  ")[0], what)
            self.assertIn("-> " + check["remedy"] if check["remedy"] else check["what"], done.stdout)
        self.says(found["Score-P"], "none", "no scorep-config on PATH", "load its module")
        self.assertEqual({found[f"Score-P's {part}"]["verdict"] for part in ("libraries", "self-test")}, {"none"})

    def test_a_reader_that_leaves(self) -> None:
        command = f'set -o pipefail; "{HOST}" doctor --json --python "{PYTHON}" | true'
        done = subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": WITHOUT}, capture_output=True, text=True)
        self.assertNotIn("Traceback", done.stderr)
        self.assertNotIn("BrokenPipe", done.stderr)

    def test_measurement(self) -> None:
        found = self.found(SCOREPKERNEL_MEASUREMENT="scorep", status=1)
        self.says(found["Score-P"], "error", "SCOREPKERNEL_MEASUREMENT")
        found = self.found(SCOREPKERNEL_MEASUREMENT="nonsense", status=1)
        self.says(found["built-in tracer"], "error", "nonsense", "Unset SCOREPKERNEL_MEASUREMENT")


class TheRealOne(DoctorCase):
    def setUp(self) -> None:
        needs_scorep()
        needs_tracer()
        super().setUp()

    def test_it(self) -> None:
        first, again = (self.found(PATH=os.environ["PATH"]) for _ in range(2))
        version = subprocess.run(["scorep-config", "--version"], capture_output=True, text=True, check=True).stdout
        self.says(again["Score-P"], "ok", version.strip())
        self.says(again["Score-P's libraries"], "ok", "shared libraries")
        self.says(again["Score-P's adapters"], "ok", "pthread")
        self.says(again["Score-P's self-test"], "ok", "passed")
        self.assertEqual(first["Score-P's self-test"], again["Score-P's self-test"])
        self.assertEqual(len(os.listdir(os.path.join(self.directory, "cache", "scorepkernel"))), 1, "the verdict is kept")
        self.assertIn(again["Score-P's bindings"]["verdict"], ("ok", "none"))

    def test_variables(self) -> None:
        found = self.found(PATH=os.environ["PATH"], SCOREP_TOTAL_MEMROY="64M", SCOREP_VERBOSE="false")
        self.says(found["SCOREP_ variables"], "warning", "know SCOREP_TOTAL_MEMROY", "mean SCOREP_TOTAL_MEMORY for")
        found = self.found(PATH=os.environ["PATH"], SCOREP_VERBOSE="false", SCOREP_ROOT="/opt", SCOREP_JUPYTER_X="1")
        self.says(found["SCOREP_ variables"], "ok")


class ScoreP(DoctorCase):
    def test_broken(self) -> None:
        self.script("scorep-config", "echo it is broken >&2\nexit 3")
        found = self.found(status=1)
        self.says(found["Score-P"], "error", "exit code 3", "it is broken", "--enable-shared")
        self.assertEqual(found["Score-P's libraries"]["verdict"], "none")
        done = self.doctor()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^ERROR +Score-P +.*exit code 3.*\n +-> Install")
        self.assertIn("1 error, ", done.stdout)

    def test_no_program(self) -> None:
        self.script("scorep-config", "#!/no/such/interpreter\n")
        self.says(self.found(status=1)["Score-P"], "error", "No such file")

    def test_hanging(self) -> None:
        note = os.path.join(self.directory, "pid")
        self.script("scorep-config", f"echo $$ > {note}\nsleep 1000 & sleep 1000")
        self.says(self.found(status=1)["Score-P"], "error", "did not end within")
        with open(note) as file:
            self.assertFalse(alive(int(file.read())))

    def test_static(self) -> None:
        self.script("scorep-config", CONFIG.format(version="8.4", lib=self.lib))
        self.says(self.found(status=1)["Score-P's libraries"], "error", "without shared libraries", "--enable-shared")

    def test_one_that_cannot_measure(self) -> None:
        self.fake()
        found = self.found()
        self.says(found["Score-P"], "ok", "8.4", self.bin)
        self.says(found["Score-P's self-test"], "warning", "not passed", "forked copy")
        self.says(found["Score-P's adapters"], "warning", "not MPI", "pthread")
        self.fake("7.1")
        self.says(self.found()["Score-P"], "warning", "7.1")

    def test_variables(self) -> None:
        self.script("scorep-config", "exit 1")
        self.script("scorep-info", "echo SCOREP_VERBOSE\necho '  Type: Boolean'\necho SCOREP_TIMER\n")
        found = self.found(SCOREP_VERBSOE="1", SCOREP_TIMER="tsc", status=1)
        self.says(found["SCOREP_ variables"], "warning", "not know SCOREP_VERBSOE", "mean SCOREP_VERBOSE for SCOREP_VERBSOE")
        plugin = {"SCOREP_METRIC_PLUGINS": "apapi", "SCOREP_METRIC_APAPI": "x"}
        found = self.found(status=1, **plugin)
        self.says(found["SCOREP_ variables"], "ok", "SCOREP_METRIC_APAPI")
        self.script("scorep-info", "sleep 1000")
        self.says(self.found(SCOREP_X="1", status=1)["SCOREP_ variables"], "none", "SCOREP_X")


class Bindings(DoctorCase):
    def test_absent_or_alone(self) -> None:
        self.package("scorep", __init__="__version__ = '4.5.1'", _bindings="")
        self.says(self.found()["Score-P's bindings"], "none", "4.5.1", self.python, "no Score-P")

    def test_good_and_old(self) -> None:
        self.fake()
        place = self.package("scorep", __init__="__version__ = '4.4'", _bindings="")
        self.says(self.found()["Score-P's bindings"], "ok", "4.4", place)
        self.fake("9.0")
        self.says(self.found()["Score-P's bindings"], "warning", "4.4", "older than 4.5", "pip install")

    def test_of_another_python(self) -> None:
        place = self.package("scorep", __init__="__version__ = '4.5.1'")
        with open(os.path.join(place, "_bindings.cpython-36m-x86_64-linux-gnu.so"), "w"):
            pass
        self.says(self.found(status=1)["Score-P's bindings"], "error", "another Python", "cpython-36m", "pip install")

    def test_undefined_symbols(self) -> None:
        self.fake()
        place = self.package("scorep", __init__="__version__ = '4.5.1'")
        suffix = [PYTHON, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"]
        name = "_bindings" + subprocess.run(suffix, capture_output=True, text=True, check=True).stdout.strip()
        source = "extern int {0}; int *PyInit__bindings(void) {{ return &{0}; }}"
        self.compile(os.path.join(place, name), source.format("scorep_of_another_version"))
        self.says(self.found(status=1)["Score-P's bindings"], "error", "undefined symbol: scorep_of_another_version")
        self.compile(os.path.join(place, name), source.format("ompi_mpi_errors_abort"))
        found = self.found(status=1)["Score-P's bindings"]
        self.says(found, "error", "ompi_mpi_errors_abort is a symbol of Open MPI's", "MPICC=/opt/mpi/bin/mpicc")

    def test_that_hang(self) -> None:
        self.fake()
        self.package("scorep", __init__="__version__ = '4.5.1'", _bindings="import time\ntime.sleep(1000)")
        self.says(self.found(status=1)["Score-P's bindings"], "error", "did not end within")


class Mpi(DoctorCase):
    def mpi(self, place: str, number: int, mark: str) -> str:
        """A library that passes for an MPI's."""
        place = os.path.join(self.directory, place)
        os.makedirs(place, exist_ok=True)
        name = f"libmpi.so.{number}"
        return self.compile(os.path.join(place, name), f'const char spk_mark[] = "{mark}";', f"-Wl,-soname,{name}")

    def mpi4py(self, library: str, vendor: str) -> None:
        shutil.rmtree(os.path.join(self.python, "mpi4py"), ignore_errors=True)
        text = f"import ctypes\nctypes.CDLL({library!r})\ndef get_vendor():\n    return {vendor!r}, (4, 0, 2)\n"
        init = "__version__ = '3.1.4'\nclass rc:\n    initialize = finalize = True\n"
        self.package("mpi4py", __init__=init, MPI=text)

    def test_match(self) -> None:
        openmpi, mpich = self.mpi("openmpi", 40, "ompi_mpi_init"), self.mpi("mpich", 12, "MPIR_Init")
        other = self.mpi("other", 40, "ompi_mpi_init")
        self.mpi4py(mpich, "MPICH")
        self.says(self.found()["MPI"], "none", "mpi4py 3.1.4 has MPICH 4.0.2", mpich, "no Score-P")
        self.fake()
        self.says(self.found()["MPI"], "none", "no Score-P with MPI")
        ours = os.path.dirname(openmpi)
        flags = ("-Wl,--no-as-needed", "-L" + ours, "-l:libmpi.so.40", "-Wl,-rpath," + ours)
        self.compile(os.path.join(self.lib, "libscorep_mpp_mpi.so"), "", *flags)
        found = self.found(status=1)
        self.says(found["Score-P's adapters"], "warning", "MPI (Open MPI)")
        self.says(found["MPI"], "error", "has MPICH 4.0.2", "but Score-P Open MPI", openmpi, "MPICC=/opt/mpi/bin/mpicc")
        self.mpi4py(openmpi, "Open MPI")
        self.says(self.found()["MPI"], "ok", "as Score-P has")
        self.mpi4py(other, "Open MPI")
        self.says(self.found()["MPI"], "warning", "another one of that kind")
        self.mpi4py("/no/such/library", "Open MPI")
        self.says(self.found(status=1)["MPI"], "error", "/no/such/library", "MPICC=/opt/mpi/bin/mpicc")


class Machine(DoctorCase):
    def test_total_memory(self) -> None:
        for text, verdict, said in (
            ("lots", "error", "'lots' is no size"),
            ("64Mi", "error", "no size"),
            ("-1", "error", "no size"),
            ("99999999999999999999G", "error", "no size"),
            ("1k", "error", "SCOREP_PAGE_SIZE"),
            ("100G", "warning", "just under 4 GB"),
            (" 64 mb ", "ok", "64 mb"),
            ("", "ok", "16000k, by default"),
        ):
            with self.subTest(text=text):
                found = self.found(SCOREP_TOTAL_MEMORY=text, status=int(verdict == "error"))
                self.says(found["SCOREP_TOTAL_MEMORY"], verdict, said)

    def test_sizes(self) -> None:
        from spk_worker.doctor.machine import size

        for text, value in (("16000k", 16384000), ("1G", 1 << 30), ("2 TB", 2 << 40), ("7", 7), ("7b", 7)):
            self.assertEqual(size(text), value)
        for text in ("", "k", "1.5G", "1 k k", "1bb", "16E", "٣"):
            self.assertIsNone(size(text), text)

    def test_memory_of_control_groups(self) -> None:
        from spk_worker.doctor.machine import left_in_group

        def write(path: str, text: str) -> None:
            path = os.path.join(self.directory, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)

        self.assertIsNone(left_in_group(self.directory))
        write("proc/self/cgroup", "0::/a/b\n")
        write("sys/fs/cgroup/a/b/memory.max", "max\n")
        write("sys/fs/cgroup/a/b/memory.current", "10\n")
        self.assertIsNone(left_in_group(self.directory))
        write("sys/fs/cgroup/a/memory.max", "1000\n")
        write("sys/fs/cgroup/a/memory.current", "900\n")
        self.assertEqual(left_in_group(self.directory), 100)
        write("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 50\n")
        self.assertEqual(left_in_group(self.directory), 150)
        write("proc/self/cgroup", "3:cpu,memory:/job\n1:name=systemd:/\n")
        write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "500\n")
        write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "600\n")
        self.assertEqual(left_in_group(self.directory), 0)

    def test_noexec(self) -> None:
        place = os.path.join(self.directory, "noexec")
        os.mkdir(place)
        mount = f"mount -t tmpfs -o noexec none '{place}'"
        if subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True).returncode:
            self.skipTest("no file system can be mounted here")
        sanitizer = " ".join(["env", *(f"{name}='{value}'" for name, value in SANITIZER.items())])
        command = f"{mount} && exec {sanitizer} '{HOST}' doctor --json --python '{PYTHON}'"
        environment = {**os.environ, "PATH": WITHOUT, "TMPDIR": place, "XDG_CACHE_HOME": self.directory}
        done = subprocess.run(["unshare", "--mount", "sh", "-c", command], env=environment, capture_output=True, text=True)
        found = {check["what"]: check for check in json.loads(done.stdout)["checks"]}
        self.says(found["temporary directory"], "warning", place, "noexec", "TMPDIR")

    def test_places(self) -> None:
        found = self.found(TMPDIR="/no/such/directory", SCOREP_EXPERIMENT_DIRECTORY="/proc/1/x", status=1)
        self.says(found["temporary directory"], "warning", "/no/such/directory", "TMPDIR")
        self.says(found["disk"], "error", "/proc/1 cannot be written", "SCOREP_EXPERIMENT_DIRECTORY")
        ours = os.path.join(self.directory, "cache", "scorepkernel")
        self.says(self.found()["cache directory"], "ok", "is made when it is needed")
        relative = self.found(XDG_CACHE_HOME="relative", HOME=self.directory)["cache directory"]
        self.says(relative, "ok", os.path.join(self.directory, ".cache", "scorepkernel"))
        os.makedirs(ours)
        self.says(self.found()["cache directory"], "ok", ours)
        os.chmod(ours, 0o777)
        self.says(self.found()["cache directory"], "warning", "others may write", "chmod go-w")
        os.rmdir(ours)
        os.symlink(self.lib, ours)
        self.says(self.found()["cache directory"], "warning", "no directory of yours")

    def test_programs(self) -> None:
        for name in ("vampir", "cube", "srun", "otf2-print"):
            self.script(name, "")
        found = self.found(SLURM_JOB_ID="17", SLURM_JOB_NUM_NODES="2")
        self.says(found["Slurm"], "ok", "job 17, 2 node(s)")
        for what, name in (("Vampir", "vampir"), ("Cube", "cube"), ("MPI launcher", "srun"), ("OTF2 tools", "otf2-print")):
            self.says(found[what], "ok", os.path.join(self.bin, name))
        found = self.found(PATH="/no/such/directory", SLURM_JOB_ID="17")
        self.says(found["Slurm"], "warning", "no srun")
        self.says(found["MPI launcher"], "none", "mpirun")
        for what in ("Vampir", "Cube", "OTF2 tools"):
            self.says(found[what], "warning", "on PATH")


class Notebook(kernel.KernelCase):
    def checks(self) -> List[dict]:
        return json.loads(self.ok("%scorep_doctor --json").text())["checks"]

    def test_both_forms(self) -> None:
        needs_tracer()
        found = self.checks()
        text = self.ok("%scorep_doctor").text()
        for check in found:
            self.assertIn(check["verdict"], VERDICTS)
            self.assertIn(check["what"], text)
        self.assertEqual(self.ok("import sys; sys.executable").result, repr(PYTHON))
        self.assertIn(PYTHON, found[0]["detail"])
        wanted = "ok" if shutil.which("scorep-config") else "none"
        self.assertEqual({c["verdict"] for c in found if c["what"] in ("Score-P", "Score-P's self-test")}, {wanted})
        self.assertIsNotNone(self.ok("%%execute_with_scorep\nsum(range(9))").report, "cells are measured as before")

    def test_it_leaves_no_trace(self) -> None:
        code = "import os, sys, threading\ndef state():\n    return sorted(n for n in globals() if n[0] != '_'), "
        code += "threading.active_count(), os.getcwd(), os.listdir(), dict(os.environ), list(sys.path), 'scorep' in sys.modules"
        self.ok(code)
        self.ok("before = after = None; before = state()")
        self.checks()
        self.assertEqual(self.ok("after = state(); after == before or (before, after)").result, "True")

    def test_what_is_set_in_the_session(self) -> None:
        self.ok("import os; os.environ['SCOREP_TOTAL_MEMORY'] = 'lots'")
        found = {check["what"]: check for check in self.checks()}
        self.ok("del os.environ['SCOREP_TOTAL_MEMORY']")
        self.assertEqual(found["SCOREP_TOTAL_MEMORY"]["verdict"], "error")

    def test_no_working_directory(self) -> None:
        self.ok("import os, tempfile\nhere, gone = os.getcwd(), tempfile.mkdtemp()\nos.chdir(gone)\nos.rmdir(gone)")
        found = self.checks()
        self.ok("os.chdir(here)")
        disk = next(check for check in found if check["what"] == "disk")
        self.assertEqual(disk["verdict"], "error", disk)
        self.assertNotIn("Tell the authors", str(found))

    def test_misuse_and_help(self) -> None:
        self.fails("%scorep_doctor --nonsense", "UsageError")
        pages = self.ok("%scorep_doctor?").reply["payload"]
        self.assertIn("what to do where not", str(pages))
        self.assertIn("%scorep_doctor", self.kc.complete("%scorep_d", reply=True)["content"]["matches"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
