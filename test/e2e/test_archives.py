#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""%scorep_report of what no cell of this kernel has measured: profiles of any Score-P, and traces of any writer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import unittest

from kernel import Outcome
from measuring import SCOREP, ByScoreP, TracedCase

WRITE = """
import sys, otf2
from otf2.enums import Type
path, regions, locations, depth = sys.argv[1], *map(int, sys.argv[2:])
with otf2.writer.open(path, timer_resolution=10**9) as trace:
    made = [trace.definitions.region(f"region {i}") for i in range(regions)]
    root = trace.definitions.system_tree_node("node")
    group = trace.definitions.location_group("process", system_tree_parent=root)
    for number in range(locations):
        writer = trace.event_writer(f"thread {number}", group=group)
        time = 1
        for region in made:
            for _ in range(depth): writer.enter(time, region); time += 1
            for _ in range(depth): writer.leave(time, region); time += 1
"""
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures")


class Archives(TracedCase):
    def shown(self, line: str) -> str:
        outcome = self.ok(f"%scorep_report {line}")
        texts = [content["data"]["text/plain"] for content in outcome.of("display_data")]
        self.assertTrue(texts, outcome.messages)
        return texts[-1]

    def refused(self, line: str) -> str:
        outcome: Outcome = self.run_cell(f"%scorep_report {line}")
        self.assertEqual(outcome.reply["status"], "error")
        said = outcome.text("stderr")
        self.assertTrue(said.startswith("UsageError: ") and said.count("\n") == 1, outcome.messages)
        return said

    def copy(self, name: str) -> str:
        path = os.path.join(self.work, f"of-{name}-{len(os.listdir(self.work))}")
        shutil.copytree(os.path.join(FIXTURES, f"scorep-{name}"), path)
        return path


class OfOthers(Archives):
    def test_a_profile(self) -> None:
        text = self.shown(self.copy("single"))
        self.assertIn("by Score-P: 1 location\n", text)
        self.assertRegex(text, r"(?m)^ +\S+ µs +\d+ % +141 µs|^ +87\.3 µs +35 % +141 µs +10  step  \(heat\.py:6\)$")
        self.assertIn("Read from profile.cubex", text)

    def test_a_trace(self) -> None:
        path = self.copy("single")
        text = self.shown(f"{path} --from trace --top 3")
        self.assertIn("Measured in 252 µs by Score-P: 534 events in 1 location\n", text)
        self.assertRegex(text, r"(?m)^ +252 µs +100 % +1  __main__:main  heat\.py:31$")
        self.assertRegex(text, r"(?m)^ +141 µs +56 % +10      __main__:step  heat\.py:6$")
        self.assertIn("and 5 more regions", text)
        self.assertEqual(self.shown(f"{path}/traces.otf2 --top 3").splitlines()[-1], "Read from traces.otf2")

    def test_threads_and_ranks(self) -> None:
        text = self.shown(f"{self.copy('threads')} --threads --view regions --view calls")
        for thread in ("Master thread", "Orphan thread 1", "Orphan thread 2"):
            self.assertRegex(text, rf"(?m)^ .*%                {thread}$")
        text = self.shown(f"{self.copy('ranks')} --ranks")
        self.assertRegex(text, r"(?m)^ +246 ms +50 %                rank [01]\n +246 ms +50 % +1    MPI_Init_thread  MPI$")

    def test_what_is_none(self) -> None:
        self.assertIn("neither a traces.otf2 nor a profile.cubex", self.refused(self.work))
        self.assertIn("There is no experiment", self.refused("/nowhere"))
        self.assertIn("no trace", self.refused(os.path.join(self.copy("single"), "profile.cubex --threads")))
        path = self.copy("single")
        self.assertIn("adds up threads", self.refused(f"{path} --from profile --threads"))
        self.assertIn("has no cell", self.refused(f"{path} --from cell"))
        self.refused("--from nowhere")

    def test_damaged_ones(self) -> None:
        path = self.copy("threads")
        for name, content in (("profile.cubex", b"x" * 1000), ("profile.cubex", b""), ("traces.otf2", b"\0" * 300)):
            with self.subTest(name=name, content=content[:1]):
                with open(os.path.join(path, name), "wb") as file:
                    file.write(content)
                self.assertIn("cannot be read", self.refused(os.path.join(path, name)))
        path = self.copy("threads")
        for where, _, names in os.walk(os.path.join(path, "traces")):
            for name in names:
                os.truncate(os.path.join(where, name), os.path.getsize(os.path.join(where, name)) * 2 // 3)
        outcome = self.run_cell(f"%scorep_report {path} --from trace")
        shown = outcome.text("stderr") + "".join(c["data"]["text/plain"] for c in outcome.of("display_data"))
        self.assertRegex(shown, "damaged or incomplete|cannot be read")
        self.assertEqual(self.ok("1 + 1").result, "2")

    def test_a_pipe_in_the_place_of_a_file(self) -> None:
        path = os.path.join(self.work, "pipes")
        os.mkdir(path)
        for name in ("traces.otf2", "profile.cubex"):
            os.mkfifo(os.path.join(path, name))
        self.refused(path)

    def test_a_reader_that_is_killed(self) -> None:
        self.ok(
            "import threading, os, signal, time, subprocess\nis_over = False\n"
            "def kill():\n"
            "    while not is_over:\n"
            "        found = subprocess.run(['pgrep', '-P', str(os.getpid()), '-f', 'trace_process'],\n"
            "                               capture_output=True, text=True).stdout.split()\n"
            "        if found: return os.kill(int(found[0]), signal.SIGSEGV)\n"
            "thread = threading.Thread(target=kill); thread.start()"
        )
        outcome = self.run_cell(f"%scorep_report {self.copy('threads')} --from trace")
        if outcome.reply["status"] == "error":  # else it had come to its end
            self.assertIn("ended by signal 11", outcome.text("stderr"))
        self.ok("is_over = True; thread.join()")


class OfAnotherWriter(Archives):
    """Archives that OTF2's Python module writes, with its default settings."""

    def setUp(self) -> None:
        if importlib.util.find_spec("otf2") is None:
            self.skipTest("OTF2's Python module is not installed (python3-otf2)")

    def write(self, regions: int, locations: int = 1, depth: int = 1) -> str:
        """An archive in which each location calls each region, that many within each other."""
        path = os.path.join(self.work, f"written-{len(os.listdir(self.work))}")
        done = subprocess.run(
            [sys.executable, "-c", WRITE, path, str(regions), str(locations), str(depth)], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def test_one_call(self) -> None:
        text = self.shown(self.write(1))
        self.assertIn("2 events in 1 location", text)
        self.assertRegex(text, r"(?m) 1  region 0")

    def test_more_regions_than_a_tree_shows(self) -> None:
        """Those that were not visited do not count."""
        text = self.shown(f"{self.write(70_000)} --top 2")
        self.assertIn("140,000 events", text)
        self.assertIn("and 69998 more regions", text)
        self.assertRegex(text, r"visits  calls\n .* 1  region \d+")

    def test_many_locations_apart(self) -> None:
        text = self.shown(f"{self.write(1, 300)} --threads")
        self.assertRegex(text, r"(?m)^ .*%                thread \d+$")
        self.assertIn("more", text)

    def test_deep_calls(self) -> None:
        text = self.shown(self.write(1, 1, 50_000))
        self.assertIn("region 0 (calls itself)", text)
        self.assertEqual(self.ok("1 + 1").result, "2")


class OfOwn(Archives):
    CODE = SCOREP + "def leaf(): sum(range(3000))\ndef work():\n    for _ in range(50): leaf()\nwork()\nwork()"

    def test_all_sources_agree(self) -> None:
        self.ok(self.CODE)
        text = self.shown("--from trace")
        self.assertRegex(text, r"(?m) +100  +\S*leaf  In \[\d+\]:2$")
        self.assertIn("(the cell itself)", text)
        self.assertRegex(text, r"(?m)^ .* 100  leaf  \(In \[\d+\]:2\)$")
        self.assertRegex(self.shown("--from cell"), r"(?m)^ .* 100  leaf  \(In \[\d+\]:2\)$")

    def test_threads_of_samples(self) -> None:
        self.ok(
            SCOREP + "import threading, time\ndef work():\n    end = time.monotonic() + 0.3\n"
            "    while time.monotonic() < end: pass\n"
            "t = threading.Thread(target=work); t.start(); work(); t.join()"
        )
        text = self.shown("--threads")
        self.assertRegex(text, r"(?m)%  the cell$")
        self.assertRegex(text, r"(?m)%  thread 1$")
        self.assertIn("is of one process", self.refused("--ranks"))


class OfOwnByScoreP(ByScoreP, OfOwn):
    def test_the_profile_agrees(self) -> None:
        self.ok(self.CODE)
        text = self.shown("--from profile")
        self.assertRegex(text, r"(?m) +100  +\S*leaf  In \[\d+\]:2$")


if __name__ == "__main__":
    unittest.main()
