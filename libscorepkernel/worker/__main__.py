# SPDX-License-Identifier: BSD-3-Clause
"""The script of `python -m scorep`, where the process for a cell is started so: it becomes a worker."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import spk_worker  # noqa: E402

del sys.path[0]
spk_worker.main()
