# SPDX-License-Identifier: BSD-3-Clause
# not sanitized
"""The plan of a measured cell: where it runs, by what it is measured, guarded or not, and why, in words."""

import os
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import package  # noqa: E402

package.load()
from spk_worker.base.errors import NotMeasured, Unusable  # noqa: E402
from spk_worker.forks.guard import Guard  # noqa: E402
from spk_worker.launch import plan  # noqa: E402
from spk_worker.launch.plan import Where  # noqa: E402
from spk_worker.measure.systems.system import System  # noqa: E402
from spk_worker.measure.wanted import Process, Wanted  # noqa: E402

CONFIG = "/opt/scorep/bin/scorep-config"


class Plans(unittest.TestCase):
    def setUp(self):
        self.config = CONFIG
        self.guard = Guard(True, "a copy of the session slows it by at most 0.1 ms")
        self.preloads = mock.Mock()
        self.systems = mock.Mock()
        self.systems.needs_fork.return_value = False
        self.systems.choose.return_value = System()
        for target, value in (
            (mock.patch.object(plan.installation, "locate", lambda: self.config), None),
            (mock.patch.object(plan.installation, "preloads", self.preloads), None),
            (mock.patch.object(plan, "consider", lambda wanted: self.guard), None),
            (mock.patch.dict(os.environ), None),
        ):
            target.start()
            self.addCleanup(target.stop)
        os.environ.pop("SCOREPKERNEL_MEASUREMENT", None)

    def decided(self, **wanted):
        return plan.decide(Wanted(**wanted), self.systems)

    def refused(self, said, **wanted):
        with self.assertRaisesRegex(NotMeasured, said):
            self.decided(**wanted)

    def test_in_the_session(self):
        found = self.decided()
        self.assertEqual((found.where, found.system), (Where.SESSION, self.systems.choose.return_value))
        self.assertEqual(found.said, "in the session, guarded (a copy of the session slows it by at most 0.1 ms)")
        failed = found.guarded_by(Guard(False, "the session could not be copied: no memory"))
        self.assertEqual(failed.said, "in the session, unguarded (the session could not be copied: no memory)")

    def test_launched(self):
        found = self.decided(process=Process.LAUNCH)
        self.assertEqual((found.where, found.by_score_p, found.guard), (Where.LAUNCHED, True, None))
        self.assertEqual(found.said, "launched (PROCESS=launch)")
        found = self.decided(arguments="--io=runtime:posix")
        self.assertEqual(found.said, "launched (--io=runtime:posix must be there when a process starts)")
        self.config = None
        self.assertFalse(self.decided(process=Process.LAUNCH).by_score_p)
        self.assertEqual(self.decided(arguments="--io=runtime:posix").where, Where.SESSION)
        self.systems.choose.assert_called_once()  # which of the others would load it for nothing

    def test_forked(self):
        self.assertEqual(self.decided(process=Process.FORKED).said, "in a forked copy of the session (PROCESS=forked)")
        self.systems.needs_fork.return_value = True
        said = "in a forked copy of the session (this Score-P cannot measure a process twice)"
        self.assertEqual(self.decided().said, said)
        self.assertEqual(self.decided(process=Process.SESSION).where, Where.SESSION)

    def test_as_ranks(self):
        found = self.decided(ranks=4)
        self.assertEqual((found.where, found.said, found.by_score_p), (Where.RANKS, "as 4 ranks", True))
        self.assertEqual(self.decided(ranks=1).said, "as 1 rank")
        self.assertEqual(self.decided(launcher="srun").said, "as ranks")
        self.assertIn("--mpp=mpi", self.preloads.call_args[0][1])

    def test_ranks_without_score_p(self):
        self.preloads.side_effect = Unusable("It knows no paradigm: 'mpi'")
        found = self.decided(ranks=2)
        self.assertFalse(found.by_score_p)
        self.assertRegex(found.notes[0], f"^Measured by the built-in tracer.*{CONFIG} cannot measure ranks: it has no MPI")
        os.environ["SCOREPKERNEL_MEASUREMENT"] = "scorep"
        self.refused("cannot measure ranks: it has no MPI.*or unset SCOREPKERNEL_MEASUREMENT", ranks=2)
        os.environ["SCOREPKERNEL_MEASUREMENT"] = "built-in"
        self.assertEqual(self.decided(ranks=2).notes, ())

    def test_what_cannot_be_had_together(self):
        self.refused("must be there when a process starts, but PROCESS=session", process=Process.SESSION, arguments="--mpp=mpi")
        self.refused("asks for one process, and ranks are many", process=Process.FORKED, ranks=2)
        self.refused("none of the bindings. types", arguments="--instrumenter-type=none")

    def test_what_another_process_has_decided(self):
        found = plan.follow("launched (PROCESS=launch)", self.systems)
        self.assertEqual((found.where, found.said, found.guard), (Where.SESSION, "launched (PROCESS=launch)", None))


if __name__ == "__main__":
    unittest.main()
