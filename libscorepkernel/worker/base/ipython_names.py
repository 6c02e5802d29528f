# SPDX-License-Identifier: BSD-3-Clause
"""The names that IPython gives to files which are none: its cells."""

from __future__ import annotations

_CELLS = ("<ipython-input", "/tmp/ipykernel_")  # as IPython itself names them, and as ipykernel does


def is_cell(file_name: str) -> bool:
    """Whether code of that file name is a cell's."""
    return file_name.startswith(_CELLS)
