# SPDX-License-Identifier: BSD-3-Clause
"""What SCOREP_EXPERIMENT_DIRECTORY names: a new directory or an older experiment. Whatever else has the name stays as it
is, in each way to measure a cell."""

import contextlib
import glob
import os
import shutil
import stat
import tempfile
import unittest
from typing import Iterator

import ranked
from measuring import SCOREP, ByScoreP, TracedCase
from test_standin import StandIn

NOBODY = 65534


class Named(TracedCase):
    """In the session, by the built-in tracer."""

    head = SCOREP
    process = "%%marshalling_settings PROCESS=auto"

    def setUp(self) -> None:
        self.ok(self.process)
        self.base = tempfile.mkdtemp(dir=self.work)
        self.ok(f"import os; os.chdir({self.work!r})")

    @contextlib.contextmanager
    def named(self, path: str, **more: str) -> Iterator[None]:
        self.ok(f"import os; os.environ.update({dict(SCOREP_EXPERIMENT_DIRECTORY=path, **more)!r}); x = 'before'")
        try:
            yield
        finally:
            self.ok(f"for name in {['SCOREP_EXPERIMENT_DIRECTORY', *more]!r}: del os.environ[name]")

    def below(self, name: str, *files: str) -> str:
        """A directory with these files."""
        path = os.path.join(self.base, name)
        os.makedirs(path, exist_ok=True)
        for file in files:
            with open(os.path.join(path, file), "w") as stream:
                stream.write("the user's")
        return path

    def is_refused(self, wanted: str, *parts: str, **more: str) -> None:
        """The cell is not run, nothing is moved, and what the message advises works."""
        path = os.path.normpath(os.path.join(self.work, wanted))
        before = self.identity(path)
        with self.named(wanted, **more):
            said = self.fails(self.head + "x = 'after'", "NotMeasured").reply["evalue"]
            for part in (path, *parts):
                self.assertIn(part, said)
            self.assertEqual(self.ok("x").result, "'before'")
        self.assertEqual(self.identity(path), before)
        (advised,) = [line.partition("=")[2] for line in said.split("\n") if line.startswith("%env SCOREP_EXPERIMENT")]
        self.assertFalse(os.path.lexists(advised), advised)
        if advised.startswith(self.base):
            with self.named(advised):
                self.assertEqual(self.ok(self.head + "x = 1").experiment, advised)
            shutil.rmtree(advised)

    def identity(self, path: str) -> tuple:
        status = os.lstat(path)
        return status.st_ino, status.st_uid, stat.S_IMODE(status.st_mode), os.path.isdir(path) and sorted(os.listdir(path))

    def is_measured(self, wanted: str, path: str) -> None:
        with self.named(wanted):
            self.assertEqual(self.ok(self.head + "x = 1").experiment, path)
        self.is_experiment(path)
        self.assertFalse(stat.S_IMODE(os.stat(path).st_mode) & 0o022)

    def is_experiment(self, path: str) -> None:
        for name in ("traces.otf2", "cell.py", "scorepkernel.json"):
            self.assertTrue(os.path.exists(os.path.join(path, name)), name)

    # --- what stays -----------------------------------------------------------------------------------

    def test_the_sessions_directory(self) -> None:
        for wanted in (".", self.work, "./" + os.path.basename(self.base) + "/..", os.path.dirname(self.work)):
            self.is_refused(wanted, "session's directory")
        self.is_refused("/", "contains")

    def test_the_working_directory(self) -> None:
        self.ok(f"os.chdir({self.below('elsewhere')!r})")
        self.is_refused(self.below("elsewhere"), "is the working directory")

    def test_a_directory_with_other_things(self) -> None:
        data = self.below("data", "measured.h5")
        for wanted in (data, os.path.relpath(data, self.work), data + "/"):
            self.is_refused(wanted, "measured.h5")
        self.is_refused(self.below("source", "cell.py"), "cell.py")
        self.is_refused(self.below("both", "traces.otf2", "scorepkernel.json", "thesis.tex"), "thesis.tex")
        results = "run1.cubex", "summary.xlsx", "profile.py"
        self.is_refused(self.below("results", *results), "profile.py")
        for name in results[:2]:
            self.is_refused(self.below(f"with {name}", name), name)
        self.is_refused(self.below("near", "scorepkernel.json", "summary.tex"), "summary.tex")
        self.is_refused(self.below("parts", "MANIFEST.md", "summary.cubex"), "MANIFEST.md")
        self.below("of-mine/traces", "0.evt", "notes.txt")
        self.is_refused(self.below("of-mine", "traces.otf2"), "traces/notes.txt")
        self.below("of-mine/rank-1", "thesis.tex")
        self.is_refused(self.below("of-mine", "traces.otf2"), "rank-1/thesis.tex")
        os.symlink("thesis.tex", os.path.join(self.below("linked"), "traces.otf2"))
        self.is_refused(self.below("linked"), "traces.otf2")
        os.makedirs(os.path.join(self.below("directories"), "profile.cubex"))
        self.is_refused(self.below("directories"), "profile.cubex")
        os.mkdir(os.path.join(self.below("folder"), "traces"))
        self.below("folder/traces", "of-mine")
        self.is_refused(self.below("folder"), "traces/of-mine")

    def test_the_home_directory(self) -> None:
        home = self.below("home")
        self.below("home/.cache")  # which the kernel would make
        self.ok(f"home_before = os.environ['HOME']; os.environ['HOME'] = {home!r}")
        try:
            self.is_refused(home, "home directory")
        finally:
            self.ok("os.environ['HOME'] = home_before")

    def test_an_experiment_that_is_to_stay(self) -> None:
        path = self.below("kept", "scorepkernel.json")
        for no in ("false", "False ", "0"):
            self.is_refused(path, "says that it is to stay", SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY=no)
        with self.named(path, SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY="nope"):
            said = self.fails(self.head + "x = 'after'", "NotMeasured").reply["evalue"]
            self.assertIn("SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY is 'nope'", said)
            self.assertEqual(self.ok("x").result, "'before'")
        self.assertEqual(os.listdir(path), ["scorepkernel.json"])

    def test_the_home_directorys_sign(self) -> None:
        self.ok(f"home_before = os.environ['HOME']; os.environ['HOME'] = {self.below('user')!r}")
        try:
            self.is_measured("~/found", os.path.join(self.base, "user", "found"))
        finally:
            self.ok("os.environ['HOME'] = home_before")

    @unittest.skipIf(os.getuid(), "only root can make files that belong to others")
    def test_what_another_user_has_put_among_ours(self) -> None:
        path = self.below("mixed", "scorepkernel.json", "traces.otf2")
        os.chown(os.path.join(path, "traces.otf2"), NOBODY, NOBODY)
        self.is_refused(path, "traces.otf2")

    @unittest.skipIf(os.getuid(), "only root can make directories that belong to others")
    def test_what_another_user_has_put_there(self) -> None:
        theirs = self.below("theirs")
        os.chown(theirs, NOBODY, NOBODY)
        self.is_refused(theirs, "another user's")
        link = os.path.join(self.base, "link")
        os.symlink(self.below("own"), link)
        os.lchown(link, NOBODY, NOBODY)
        self.is_refused(link, "link of another user's")

    def test_a_link_that_leads_nowhere(self) -> None:
        link = os.path.join(self.base, "loop")
        os.symlink(link, link)
        with self.named(link):
            self.assertIn(link, self.fails(self.head + "x = 'after'", "NotMeasured").reply["evalue"])

    # --- what is used ---------------------------------------------------------------------------------

    def test_an_empty_one_and_the_experiments_in_it(self) -> None:
        path = self.below("test_kernel_tmp/scorep-traces")
        wanted = os.path.relpath(path, self.work)
        for number in range(3):
            with self.named(wanted, SCOREP_OVERWRITE_EXPERIMENT_DIRECTORY="true"):
                outcome = self.ok(self.head + f"x = {number}")
                self.assertEqual(outcome.experiment, path)
            kept = [name for name in glob.glob(path + "-*") if name in outcome.report]
            self.assertEqual(len(kept), min(number, 1))
            for one in (path, *kept):
                self.is_experiment(one)
        self.assertEqual(len(glob.glob(path + "*")), 3)

    def test_one_that_others_may_write(self) -> None:
        path = self.below("shared")
        os.chmod(path, 0o777)
        self.is_measured(path, path)

    def test_links_of_ones_own(self) -> None:
        full, later = self.below("big/full"), os.path.join(self.base, "big", "later")
        for target in (full, later):
            link = target + "-link"
            os.symlink(target, link)
            self.is_measured(link, target)
            self.is_measured(link, target)
            self.assertTrue(os.path.islink(link))
            self.assertEqual(len(glob.glob(target + "-2*")), 1)

    def test_nobody_else_writes_where_all_can_come(self) -> None:
        os.chmod(self.below("all"), 0o1777)
        path = os.path.join(self.base, "all", "e")
        self.ok("before = os.umask(0)")
        try:
            self.is_measured(path, path)
        finally:
            self.ok("os.umask(before)")

    def test_one_after_another(self) -> None:
        if self.head != SCOREP or "auto" not in self.process:
            self.skipTest("--repeat is the session's")
        path = os.path.join(self.base, "repeated")
        with self.named(path):
            self.ok("%%execute_with_scorep --repeat 3\nx = 1")
        found = glob.glob(path + "*")
        self.assertEqual(len(found), 3)
        for one in found:
            self.is_experiment(one)


class Launched(Named):
    process = "%%marshalling_settings PROCESS=launch"


class Forked(Named):
    process = "%%marshalling_settings PROCESS=forked"


class ByRealScoreP(ByScoreP, Named):
    """In the session, by Score-P."""


class LaunchedByRealScoreP(ByScoreP, Launched):
    """By a Score-P that waits for its cell."""


class FromItsStart(ByRealScoreP):
    """In a process that Score-P measures from its start."""

    def setUp(self) -> None:
        super().setUp()
        self.ok("%%scorep_python_binding_arguments\n--io=posix")

    def test_one_after_another(self) -> None:
        self.skipTest("--repeat is the session's")


class ByStandIn(StandIn, Named):
    """In the session, for machines without Score-P."""

    def setUp(self) -> None:
        Named.setUp(self)


class ByStandInFromItsStart(ByStandIn):
    """In a process that it measures from its start."""

    def setUp(self) -> None:
        super().setUp()
        self.ok("%%scorep_python_binding_arguments\n--io=posix")

    def test_one_after_another(self) -> None:
        self.skipTest("--repeat is the session's")


class OfRanks(ranked.RanksCase, Named):
    environment = {"SCOREPKERNEL_MEASUREMENT": "built-in"}
    head = "%%execute_with_scorep --ranks 2\n"

    def setUp(self) -> None:
        super().setUp()
        Named.setUp(self)

    def test_one_after_another(self) -> None:
        self.skipTest("--repeat is the session's")


if __name__ == "__main__":
    unittest.main()
