# SPDX-License-Identifier: BSD-3-Clause
"""What the tracer's tests share: a driver runs in a child process, and the trace is read back by otf2-print, which
shares no code with the tracer but OTF2 itself.

SPK_TREE: the build to test. SPK_TRACER_PYTHON: the Python to test it with. SPK_PRELOAD: a sanitizer's runtime."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TREE = os.environ.get("SPK_TREE") or os.path.join(ROOT, "build", "release", "tree")
PYTHON = os.environ.get("SPK_TRACER_PYTHON") or sys.executable
SANITIZED = bool(os.environ.get("SPK_PRELOAD"))
LIMIT = 240  # seconds; far more than any driver takes, sanitized or not

EVENT = re.compile(r"^(ENTER|LEAVE)\s+(\d+)\s+(\d+)\s+Region: \"(.*)\" <\d+>", re.M)
LOCATION = re.compile(r"^LOCATION\s+(\d+)\s+Name: \"(.*?)\" <\d+>, Type: CPU_THREAD, # Events: (\d+)", re.M)


def _version():
    script = "import sys; print('%d %d' % sys.version_info[:2])"
    return tuple(int(part) for part in subprocess.check_output([PYTHON, "-c", script], text=True).split())


VERSION = _version()
ROD_RUN = "__main__.Rod:run"
CELL = "__main__:<module>"


class Trace:
    """What otf2-print says of an archive."""

    def __init__(self, directory):
        anchor = os.path.join(directory, "traces.otf2")
        done = subprocess.run(["otf2-print", anchor], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.complaints = [line for line in done.stderr.splitlines() if line.strip()]
        if done.returncode != 0:
            self.complaints.append("otf2-print: exit %d" % done.returncode)
        self.text = done.stdout
        self.events = [(m[1], int(m[2]), int(m[3]), m[4]) for m in EVENT.finditer(done.stdout)]
        self.definitions = subprocess.check_output(["otf2-print", "-G", anchor], text=True, stderr=subprocess.DEVNULL)
        self.locations = {int(m[1]): (m[2], int(m[3])) for m in LOCATION.finditer(self.definitions)}

    def visits(self, location=None):
        """How often each region was entered."""
        return Counter(name for kind, where, _, name in self.events if kind == "ENTER" and location in (None, where))

    def order(self, location=0):
        """The events of a location, shortly: '+name', '-name'."""
        return [("+" if kind == "ENTER" else "-") + name for kind, where, _, name in self.events if where == location]

    def summary(self):
        """(visits, inclusive, exclusive) by region, computed anew from the events."""
        found, stacks = {}, {location: [] for location in self.locations}
        for kind, where, when, name in self.events:
            stack = stacks[where]
            if kind == "ENTER":
                stack.append([name, when, 0])
                continue
            _, begin, children = stack.pop()
            visits, inclusive, exclusive = found.get(name, (0, 0, 0))
            recursive = any(frame[0] == name for frame in stack)
            found[name] = (visits + 1, inclusive + (0 if recursive else when - begin), exclusive + when - begin - children)
            if stack:
                stack[-1][2] += when - begin
        return found


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="tracer-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def drive(self, driver, status=0, leaks=False, **environment):
        """Runs a driver, see child.py; what it reported. It must end as expected, and with nothing on stderr."""
        environment = dict(os.environ, TRACER_MODULE=os.path.join(TREE, "lib/scorepkernel/worker/spk_worker"), **environment)
        if SANITIZED:
            # What Python leaves allocated at its end is not ours; test_leaks.py looks for what is.
            environment.setdefault("ASAN_OPTIONS", "")
            environment.update(LD_PRELOAD=os.environ["SPK_PRELOAD"], LSAN_OPTIONS="")
            environment["ASAN_OPTIONS"] += ":exitcode=99:detect_leaks=%d" % leaks
        done = subprocess.run(
            [PYTHON, os.path.join(HERE, "child.py"), self.directory],
            input=driver,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            timeout=LIMIT,
        )
        self.messages = done.stderr
        if leaks:
            self.assertIn(done.returncode, (0, 99), done.stderr)
        else:
            self.assertEqual((done.returncode, done.stderr), (status, ""), driver)
        return json.loads(done.stdout)

    def trace(self, name="1", complete=True):
        trace = Trace(os.path.join(self.directory, name))
        if complete:
            self.assertEqual(trace.complaints, [])
        self.check_balance(trace)
        return trace

    def check_balance(self, trace):
        """Enter and leave nest, time goes forward, and the definitions count the events, in every location."""
        stacks = {location: [] for location in trace.locations}
        last, seen = Counter(), Counter()
        for kind, where, when, name in trace.events:
            seen[where] += 1
            self.assertGreaterEqual(when, last[where])
            last[where] = when
            if kind == "ENTER":
                stacks[where].append(name)
            else:
                self.assertTrue(stacks[where], "leave without enter: " + name)
                self.assertEqual(stacks[where].pop(), name)
        flushes = Counter(int(where) for where in re.findall(r"^BUFFER_FLUSH\s+(\d+) ", trace.text, re.M))
        for location, (_, count) in trace.locations.items():
            self.assertEqual(stacks[location], [], "never left")
            self.assertEqual(count, seen[location] + flushes[location])

    def measure(self, cell, setup="", **options):
        """Measures one cell and checks the result against the trace; (result, trace)."""
        (result,) = self.drive("%s\nmeasure(%r, **%r)" % (setup, cell, options))
        trace = self.trace()
        self.check_result(result, trace)
        return result, trace

    def check_result(self, result, trace):
        self.assertIsNone(result["error"])
        self.assertEqual(result["lost"], 0)
        self.assertEqual(result["events"], len(trace.events))
        self.assertEqual(result["locations"], len(trace.locations))
        said = {}
        for name, _, _, visits, inclusive, exclusive in result["regions"]:
            before = said.get(name, (0, 0, 0))
            said[name] = (before[0] + visits, before[1] + inclusive, before[2] + exclusive)
        found = trace.summary()
        self.assertEqual({name: row[0] for name, row in said.items()}, {name: row[0] for name, row in found.items()})
        self.assertEqual(sum(row[2] for row in said.values()), sum(row[2] for row in found.values()))
        times = [region[5] for region in result["regions"]]
        self.assertEqual(times, sorted(times, reverse=True))
