# SPDX-License-Identifier: BSD-3-Clause
"""The names that IPython gives to files which are none: its cells."""

from __future__ import annotations

import re
from typing import Optional

_CELLS = ("<ipython-input", "/tmp/ipykernel_")  # as IPython itself names them, and as ipykernel does


def is_cell(file_name: str) -> bool:
    """Whether code of that file name is a cell's."""
    return file_name.startswith(_CELLS)


def cell_number(file_name: str) -> Optional[str]:
    """The number of the cell that the file name is of, as In [number] has it; None: it is of none, or has no number."""
    found = re.match(r"<ipython-input-(\d+)-", file_name)
    return found.group(1) if found else None
