# SPDX-License-Identifier: BSD-3-Clause
"""Where the kernel's own files lie, as they are installed beside each other."""

from __future__ import annotations

import os

# The directory of this package, and the one that is put on sys.path to import it.
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IMPORTED_FROM = os.path.dirname(PACKAGE)
_PRIVATE = os.path.dirname(IMPORTED_FROM)
# The library that Score-P's libraries need, and the programs that start ranks and make a report's HTML.
PROVIDER = os.path.join(_PRIVATE, "libscorepkernel-subsystems.so")
RANKS_PROGRAM = os.path.join(_PRIVATE, "scorepkernel-ranks")
HTML_PROGRAM = os.path.join(_PRIVATE, "scorepkernel-html")
