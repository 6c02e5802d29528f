#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What was measured is shown again, listed, compared, handed on to other viewers, and removed when that is asked for."""

from __future__ import annotations

import gzip
import json
import os
import unittest
from typing import List

from measuring import TracedCase

FAST = "%%execute_with_scorep\nimport time\nbusy(0.1)\ntime.sleep(0.1)"
SLOW = "%%execute_with_scorep\nimport time\nbusy(0.3)\ntime.sleep(0.1)\nextra = busy(0.1)"


class Experiments(TracedCase):
    def setUp(self) -> None:
        self.ok("def busy(seconds):\n    import time\n    end = time.perf_counter() + seconds\n    while time.perf_counter() < end: pass")
        for name in os.listdir(self.work):
            self.ok(f"import shutil; shutil.rmtree({os.path.join(self.work, name)!r}, ignore_errors=True)")

    def measured(self, code: str) -> str:
        return self.ok(code).experiment

    def shown(self, line: str) -> str:
        """The text of the report, or of the comparison, that the magic shows."""
        outcome = self.ok(line)
        contents = [content["data"] for content in outcome.of("display_data")]
        self.assertEqual(len(contents), 1, outcome.messages)
        self.assertIn("text/html", contents[0])
        self.html = contents[0]["text/html"]
        return contents[0]["text/plain"]

    def refused(self, line: str) -> str:
        return self.fails(line, "UsageError").reply["evalue"]

    def test_the_report_again(self) -> None:
        first = self.ok(FAST)
        second = self.ok(SLOW)
        self.assertEqual(self.shown("%scorep_report"), second.report)
        self.assertEqual(self.shown(f"%scorep_report {first.experiment}"), first.report)
        self.assertEqual(self.shown(f"%scorep_report {os.path.basename(first.experiment)}"), first.report)

    def test_views(self) -> None:
        self.measured(FAST)
        self.assertNotIn("exclusive", self.shown("%scorep_report --view lines"))
        self.shown("%scorep_report --view flame --view threads")
        self.assertIn("<details open><summary>Flame graph", self.html)
        self.assertNotIn("Calls", self.html)
        regions = self.shown("%scorep_report --view regions --top 1 --by calls").split("region\n")[1]
        self.assertRegex(regions, r"and \d more region")
        self.assertEqual(self.shown("%scorep_report --view table"), self.shown("%scorep_report --view regions"))

    def test_what_is_not_understood(self) -> None:
        self.assertIn("Nothing was measured here yet", self.refused("%scorep_report"))
        self.measured(FAST)
        self.assertIn("There is no experiment elsewhere", self.refused("%scorep_report elsewhere"))
        for words in ("--view none", "--top 0", "--top x", "--by x", "--viw lines", "one two", "'one"):
            self.assertIn("scorep_report", self.refused("%scorep_report " + words))
        self.assertIn("one of speedscope", self.refused("%scorep_export"))
        self.assertIn("one of speedscope", self.refused("%scorep_export nothing"))
        self.assertIn("two experiments", self.refused("%scorep_compare one"))
        self.assertIn("Only one experiment", self.refused("%scorep_compare"))

    def test_reports_that_are_damaged(self) -> None:
        path = os.path.join(self.measured(FAST), "scorepkernel-report.json")
        with open(path) as file:
            good = file.read()
        for text in ("", "{", "[]", "[" * 100_000, good[:-100], "null"):
            with open(path, "w") as file:
                file.write(text)
            self.assertIn("has no report", self.refused("%scorep_report --from cell"))
            self.assertIn("Read from traces.otf2", self.shown("%scorep_report"))
        hostile = json.loads(good)
        for nodes in ([[-1, -1, 5]], [[3, 0, 1]], ["x"], [[-1, -1, 0], [0, 99, 1]], 5, [[0] * 20]):
            hostile["sampling"]["nodes"] = nodes
            with open(path, "w") as file:
                json.dump(hostile, file)
            self.assertIn("Measured in", self.shown("%scorep_report"))
        refused = {"regions": 7, "events": "many", "sampling": {"nodes": [["x"]]}}
        for place, value in refused.items():
            with open(path, "w") as file:
                json.dump({**json.loads(good), place: value}, file)
            magics = ["%scorep_export folded", "%scorep_export pprof"]
            if place != "sampling":
                magics += ["%scorep_report", "%scorep_filter", "%scorep_export html", "%scorep_result"]
            for magic in magics:
                self.assertIn("Measure the cell again.", self.refused(magic))
        os.unlink(path)
        self.assertIn("has no report", self.refused("%scorep_report --from cell"))
        with open(os.path.join(os.path.dirname(path), "scorepkernel.json"), "w") as file:
            file.write("{}")
        self.assertIn("Nothing was measured", self.refused("%scorep_report"))

    def test_the_list(self) -> None:
        self.assertIn("Nothing was measured here yet", self.ok("%scorep_experiments").text())
        paths = [self.measured(FAST), self.measured(SLOW)]
        rows = self.ok("%scorep_experiments").text().split("\n")[1:3]
        for path, row, code in zip(paths, rows, ("import time", "import time")):
            self.assertIn(os.path.basename(path), row)
            self.assertRegex(row, rf"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +0\.\d+ s +[\d.]+ kB  .*{code}$")
        self.assertEqual(sorted(paths), paths, "names sort by time")

    def test_removing(self) -> None:
        paths = [self.measured(FAST) for _ in range(3)]
        self.ok(f"%scorep_experiments --remove {paths[1]}")
        self.assertEqual([os.path.exists(path) for path in paths], [True, False, True])
        self.assertIn(paths[0], self.ok("%scorep_experiments --keep 1").text())
        self.assertEqual([os.path.exists(path) for path in paths], [False, False, True])
        self.assertIn("none was removed", self.ok("%scorep_experiments --keep 1").text())
        self.assertTrue(os.path.exists(paths[2]))
        os.mkdir(os.path.join(self.work, "precious"))
        self.assertIn("no experiment precious", self.refused("%scorep_experiments --remove precious"))
        self.assertIn("scorep_experiments", self.refused("%scorep_experiments --keep 0"))
        self.assertTrue(os.path.exists(os.path.join(self.work, "precious")))

    def test_a_cell_that_ends_its_process(self) -> None:
        self.measured(FAST)
        self.fails("%%execute_with_scorep --guard\nimport os\nos.abort()", "SessionRestored")
        self.assertIn("its cell has ended its process", self.refused("%scorep_report"))
        rows = self.ok("%scorep_experiments").text().split("\n")
        self.assertRegex(rows[2], r"^20\d\d-.* not ended  ")
        self.assertNotIn("not ended", rows[1])

    def test_those_of_others_are_not_removed(self) -> None:
        """Another program's, and one that another kernel is measuring."""
        own = [self.measured(FAST), self.measured(FAST)]
        for name, record in (("theirs", {"started": ""}), ("running", {"record": 1, "started": "", "status": "running"})):
            os.mkdir(os.path.join(self.work, name))
            with open(os.path.join(self.work, name, "scorepkernel.json"), "w") as file:
                json.dump(record, file)
        with open(os.path.join(own[0], "thesis.tex"), "w") as file:
            file.write("precious")
        own.append(self.measured(FAST))
        self.assertIn("thesis.tex", self.refused("%scorep_experiments --keep 1"))
        self.assertEqual([os.path.exists(path) for path in own], [True, False, True])
        self.assertTrue(os.path.exists(os.path.join(self.work, "theirs")))
        self.assertTrue(os.path.exists(os.path.join(self.work, "running")))

    def test_what_else_is_there_is_not_removed(self) -> None:
        path = self.measured(FAST)
        with open(os.path.join(path, "thesis.tex"), "w") as file:
            file.write("precious")
        self.assertIn("thesis.tex", self.refused(f"%scorep_experiments --remove {path}"))
        self.assertTrue(os.path.exists(os.path.join(path, "traces.otf2")))
        os.unlink(os.path.join(path, "thesis.tex"))
        link = os.path.join(self.work, "link")
        os.symlink(path, link)
        self.assertIn("could not be removed", self.refused(f"%scorep_experiments --remove {link}"))
        self.assertTrue(os.path.exists(os.path.join(path, "traces.otf2")))
        self.ok(f"%scorep_experiments --remove {path}")

    def test_comparing(self) -> None:
        older, newer = self.measured(FAST), self.measured(SLOW)
        for line in ("%scorep_compare", f"%scorep_compare {older} {newer}"):
            text = self.shown(line)
            self.assertRegex(text, r"^2\d\d ms before, [56]\d\d ms now: 2\.\d\d times slower\.\n")
            rows = {row[49:]: row for row in text.split("line\n")[1].split("\n")}
            self.assertIn("new", rows["busy(0.3)"])
            self.assertIn("noise", rows["time.sleep(0.1)"])
            self.assertIn("new", rows["extra = busy(0.1)"])
            self.assertRegex(text, "Lines that are gone took (9\\d\\.\\d|1\\d\\d) ms")
        self.assertRegex(self.shown(f"%scorep_compare {newer} {older}"), "2\\.\\d\\d times faster")
        self.assertIn("no difference beyond", self.shown(f"%scorep_compare {older} {older}"))

    def test_comparing_the_same_cell(self) -> None:
        """The one before of that cell, not the one before."""
        metadata = {"cellId": "one"}
        for code, cell in ((SLOW, metadata), (FAST, {"cellId": "other"}), (SLOW, metadata)):
            request = self.kc.session.send(self.kc.shell_channel.socket, "execute_request", self.request(code), metadata=cell)
            self.outputs_of(request["header"]["msg_id"])
            self.reply_of(request["header"]["msg_id"])
        self.assertIn("no difference beyond", self.shown("%scorep_compare"))

    @staticmethod
    def request(code: str) -> dict:
        return {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}

    def exported(self, form: str) -> str:
        return self.exported_bytes(form, f"out.{form}" if form == "folded" else f"out.{form}.json").decode()

    def exported_bytes(self, form: str, name: str) -> bytes:
        for _ in range(2):  # its own files are overwritten, as notebooks are run again
            said = self.ok(f"%scorep_export {form} --to {name}").text()
            self.assertEqual(said, f"Written: {os.path.join(self.work, name)}\n")
        with open(os.path.join(self.work, name), "rb") as file:
            return file.read()

    def test_exporting(self) -> None:
        self.measured(FAST)
        folded = self.exported("folded")
        total = sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines())
        self.assertLess(abs(total - 200_000), 40_000, folded)
        self.assertRegex(folded, r"<module> \(In \[\d+\]:3\);busy \(In \[\d+\]:\d\) \d+")
        scope = json.loads(self.exported("speedscope"))
        profile = scope["profiles"][0]
        self.assertEqual(len(profile["samples"]), len(profile["weights"]))
        self.assertEqual(profile["endValue"], sum(profile["weights"]))
        self.assertTrue(all(frame < len(scope["shared"]["frames"]) for stack in profile["samples"] for frame in stack))
        events: List[dict] = json.loads(self.exported("chrome"))["traceEvents"]
        self.assertTrue(all(event["dur"] > 0 for event in events))
        profile = gzip.decompress(self.exported_bytes("pprof", "out.pb.gz"))  # test/worker/experiments reads the rest
        self.assertIn(b"\x32\x04busy", profile)
        self.assertIn("could not be written", self.refused("%scorep_export folded --to /proc/out"))
        self.ok("open('thesis.tex', 'w').write('precious'); shell = get_ipython()")
        self.assertIn("exists", self.refused("%scorep_export folded --to thesis.tex"))
        self.assertIn("null byte", self.refused("shell.run_line_magic('scorep_export', 'folded --to a\\0b')"))

    def test_filter(self) -> None:
        self.ok("def often(): pass\ndef seldom(): pass\nimport os")
        code = "%%execute_with_scorep\nfor _ in range(5000): often()\nseldom()"
        self.measured(code)
        said = self.ok("%scorep_filter --apply").text()
        self.assertRegex(said, r"leaves out __main__:often\.\n10,\d{3} events become about \d+, [\d.]+ kB about ")
        self.addCleanup(self.ok, "os.environ.pop('SCOREP_FILTERING_FILE', None)")
        report = self.ok(code).report or ""
        self.assertRegex(report, r"Measured in .*: \d events in")
        self.assertIn("seldom", report)
        self.assertIn("No function is called so often", self.ok("%scorep_filter --to other").text())
        self.ok("del os.environ['SCOREP_FILTERING_FILE']")
        self.measured(code)
        self.assertIn("Written", self.ok("%scorep_filter --suggest").text(), "its own file is overwritten")
        self.ok("open('scorep.filter', 'w').write('SCOREP_REGION_NAMES_BEGIN')")
        self.assertIn("exists", self.refused("%scorep_filter"))

    def test_nothing_to_export(self) -> None:
        self.ok("%env SCOREPKERNEL_SAMPLING=off")
        try:
            self.measured(FAST)
        finally:
            self.ok("%env SCOREPKERNEL_SAMPLING=on")
        self.assertIn("has no samples", self.refused("%scorep_export folded"))

    def test_help_and_completion(self) -> None:
        for name in ("report", "experiments", "compare", "export", "result", "filter"):
            reply = self.reply_of(self.kc.inspect(f"%scorep_{name}", 9))
            self.assertIn(f"%scorep_{name} [", reply["data"]["text/plain"])


if __name__ == "__main__":
    unittest.main()
