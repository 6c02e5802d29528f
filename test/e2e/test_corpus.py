# SPDX-License-Identifier: BSD-3-Clause
"""The programs of test/corpus, each measured as a cell and by Score-P's own bindings: the traces must agree.

All the cells belong to one session: each experiment but the first is made by a Score-P that was used before. The
bindings measure each program in a process of its own, once, with `python -m scorep`.
"""

import csv
import glob
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
from collections import Counter

from kernel import PYTHON, KernelCase, Trace
from measuring import SCOREP, needs_tracer

CORPUS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "corpus")
PROGRAMS = {os.path.basename(path)[:-3]: path for path in sorted(glob.glob(os.path.join(CORPUS, "*.py")))}
EVENT = re.compile(r'^(ENTER|LEAVE) +(\d+) .*?Region: "(.*)" <\d+>$', re.M)
# What else a program can put into a trace by itself.
OTHER = re.compile(r'^(PARAMETER_\w+|MEASUREMENT_ON_OFF) +(\d+) +\d+ +(.*)$', re.M)
ARGUMENTS = re.compile(r"^# arguments: (.*)$", re.M)
# Events that are taken back stay in Score-P's profile, and visits of regions with parameters are missing there.
UNPROFILED = ("rewinding", "parameters")
MODULES = os.path.join(CORPUS, "instrumenter_file")
SEED = 20
# What Score-P needs for all that the programs do, here and there: 2 MB for each of twenty locations; and a profile of
# calls deeper than 100, which otherwise holds no visits from there on.
SETTINGS = {"SCOREP_TOTAL_MEMORY": "64M", "SCOREP_PROFILING_MAX_CALLPATH_DEPTH": "1000"}


def needs_score_p() -> None:
    for tool in ("scorep-config", "otf2-print", "cube_stat"):
        if shutil.which(tool) is None:
            raise unittest.SkipTest(f"{tool} is not on PATH")
    # Found, not imported: it wants Score-P's libraries in the process.
    find = "import importlib.util as util; util.find_spec('scorep._bindings').origin"
    if subprocess.run([PYTHON, "-c", find], capture_output=True).returncode:
        raise unittest.SkipTest(f"Score-P's bindings are not installed for {PYTHON}")


def own_name(region):
    """What a region of the program is compared by; None for one that is not the program's.

    The bindings put the class of self before a function's name, we put what encloses it in the source: what both
    say is the function's own name. A user region has its whole name."""
    if region.startswith(("user:", "user_instrumenter:")) or region == "error_region":
        return region
    if region.startswith(("__main__:", "__main__.", "corpus_module:", "corpus_module.")):
        return region.rpartition(":")[2]
    return None


def sequences(experiment, of_program=own_name):
    """Of each location that has any, the program's own events in their order. Parameters by their values: the bindings
    have one name for all of a type, that of the first. of_program: what a region is compared by; None: it is not."""
    done = subprocess.run(
        ["otf2-print", os.path.join(experiment, "traces.otf2")], capture_output=True, text=True, check=True
    )
    found = {}
    events = [(found.start(), *found.groups()) for pattern in (EVENT, OTHER) for found in pattern.finditer(done.stdout)]
    for _, kind, location, region in sorted(events):
        if kind not in ("ENTER", "LEAVE"):
            found.setdefault(location, []).append((kind, re.sub("Parameter: .*?, |<\\d+>", "", region)))
            continue
        name = of_program(region)
        # A module is imported once in a session, and once in each of the bindings' processes.
        if name is None or region == "corpus_module:<module>":
            continue
        found.setdefault(location, []).append((kind, name))
    return Counter(tuple(events) for events in map(without_threads_ends, found.values()) if events)


def without_threads_ends(events):
    """Without the error regions that the bindings have for functions of threading that began before their hook came."""
    kept = list(events)
    for at in range(len(events) - 3, -1, -1):
        if events[at][1] == "error_region" and '"threading.' in events[at + 1][1]:
            del kept[at : at + 3]
    return kept


def in_cube(experiment):
    """The visits of each region, as cube_stat says."""
    profile = os.path.join(experiment, "profile.cubex")
    done = subprocess.run(["cube_stat", "-m", "visits", "-t", "inf", profile], capture_output=True, text=True, check=True)
    visits = Counter()
    for row in csv.reader(line for line in done.stdout.splitlines() if line.startswith('"')):
        visits[row[0]] += int(row[1])
    return visits


def different(ours, theirs):
    """What one has and the other has not, to be read."""
    text = []
    for whose, found in (("only in the cell's trace", ours - theirs), ("only in the bindings' trace", theirs - ours)):
        for events, times in found.items():
            counts = Counter(name for kind, name in events if kind == "ENTER")
            text.append(f"{whose}, {times} location(s) with {len(events)} events: {dict(counts)}")
    for mine in ours - theirs:
        for other in theirs - ours:
            at = next((i for i, pair in enumerate(zip(mine, other)) if pair[0] != pair[1]), min(len(mine), len(other)))
            text.append(f"the same for {at} events, then\n  {mine[max(0, at - 3):at + 6]}\n  {other[max(0, at - 3):at + 6]}")
    return "\n".join(text)


class Corpus(KernelCase):
    environment = {"SCOREPKERNEL_MEASUREMENT": "scorep", "CORPUS_MODULES": MODULES, **SETTINGS}

    @classmethod
    def setUpClass(cls):
        needs_tracer()
        needs_score_p()
        cls.expected = {}
        super().setUpClass()

    def arguments(self, name):
        """What the program is to be run with."""
        with open(PROGRAMS[name]) as file:
            found = ARGUMENTS.search(file.read())
        return found.group(1).replace("instrumenter_file/", MODULES + "/").split() if found else []

    def bindings(self, name):
        """What `python -m scorep` finds: the sequences and the output."""
        if name not in self.expected:
            with tempfile.TemporaryDirectory(prefix="scorepkernel-corpus-") as directory:
                experiment = os.path.join(directory, "experiment")
                environment = {key: value for key, value in os.environ.items() if not key.startswith("SCOREP_")}
                environment.update(
                    SETTINGS,
                    SCOREP_ENABLE_TRACING="true",
                    SCOREP_ENABLE_PROFILING="true",
                    SCOREP_EXPERIMENT_DIRECTORY=experiment,
                    CORPUS_MODULES=MODULES,
                )
                work = os.path.join(directory, "work")
                os.mkdir(work)
                command = [PYTHON, "-m", "scorep", "--thread=pthread", *self.arguments(name), PROGRAMS[name]]
                done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.expected[name] = sequences(experiment), done.stdout
        return self.expected[name]

    def compare(self, name):
        with open(PROGRAMS[name]) as file:
            # A notebook's event loop runs already, here as in ipykernel.
            code = re.sub(r"^asyncio\.run\((.*)\)$", r"await \1", file.read(), flags=re.M)
        self.ok(f"%%scorep_python_binding_arguments {' '.join(self.arguments(name)) or '-'}")
        outcome = self.run_cell(SCOREP + code)
        self.ok("import sys; sys.modules.pop('corpus_module', None)")  # which is as its program left it
        self.assertEqual(outcome.reply["status"], "ok", "\n".join(outcome.reply.get("traceback", [])))
        self.assertIn("by Score-P", outcome.report)
        self.assertNotRegex(outcome.report, r"(?m)^Warning|^\[Score-P\].*Error")
        with open(os.path.join(outcome.experiment, "scorepkernel.json")) as file:
            self.assertIn("in the session", json.load(file)["way"])
        theirs, output = self.bindings(name)
        self.assertEqual(outcome.text(), output)
        ours = sequences(outcome.experiment)
        self.assertTrue(ours)
        if ours != theirs:
            self.fail(different(ours, theirs))
        self.addCleanup(shutil.rmtree, outcome.experiment)
        enters, visits = Trace(outcome.experiment).enters, in_cube(outcome.experiment)
        if name in UNPROFILED:
            return
        self.assertEqual({region: visits[region] for region in enters}, enters)
        self.assertEqual([region for region in visits if own_name(region) and region not in enters], [])

    def compare_all(self, names):
        self.assertGreaterEqual(len(names), 20)
        process = self.ok("import os; os.getpid()").result
        for name in names:
            with self.subTest(name):
                self.compare(name)
        self.assertEqual(self.ok("os.getpid()").result, process)

    def test_in_order(self):
        self.compare_all(PROGRAMS)

    def test_in_another_order(self):
        names = list(PROGRAMS)
        random.Random(SEED).shuffle(names)
        self.compare_all(names)

    def test_the_first_import_of_the_bindings(self):
        # As in a new session, where the measured cell itself imports them.
        forget = "import sys\nfor name in [n for n in sys.modules if n.split('.')[0] == 'scorep']: del sys.modules[name]"
        for name, path in PROGRAMS.items():
            with open(path) as file:
                imports = "import scorep" in file.read()
            if imports:
                self.ok(forget)
                with self.subTest(name):
                    self.compare(name)


if __name__ == "__main__":
    unittest.main()
