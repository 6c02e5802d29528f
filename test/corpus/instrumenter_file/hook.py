# SPDX-License-Identifier: BSD-3-Clause
import functools
import os
import sys

import scorep.instrumenter
import scorep.user

sys.path.insert(0, os.environ["CORPUS_MODULES"])
import corpus_module  # noqa: E402

scorep.user.instrument_module(corpus_module)
corpus_module.Thing.method = scorep.user.instrument_function(corpus_module.Thing.method, scorep.instrumenter.enable)
corpus_module.named = scorep.user.instrument_function(corpus_module.inner, functools.partial(scorep.user.region, "by the file"))
