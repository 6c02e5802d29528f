# SPDX-License-Identifier: BSD-3-Clause
"""What picklers that are not cloudpickle's take from ours, so that they can carry a notebook's variables."""

from __future__ import annotations

import io
from typing import Any, Collection, Dict, Optional

from ..users_code import Reductions
from .notebook_pickler import Pickler, taken_into


class OtherPickler:
    """A pickler that is not cloudpickle's. For functions, classes, arrays and shared memory of the notebook it asks a
    Pickler of ours (ours)."""

    options: Dict[str, Any] = {}

    def __init__(
        self,
        namespace: Dict[str, Any],
        by_value: Optional[Collection[str]],
        kept: Dict[int, str],
        anchors: Dict[int, Any],
    ) -> None:
        self.ours = Pickler(namespace, by_value, kept, anchors)
        self.namespace, self.file = namespace, io.BytesIO()
        self.buffers, self.blobs = self.ours.buffers, self.ours.blobs
        self.classes, self.arrays, self.shared = self.ours.classes, self.ours.arrays, self.ours.shared
        taken = taken_into(self.buffers)
        super().__init__(self.file, protocol=5, buffer_callback=taken, **self.options)  # type: ignore[call-arg]

    @property
    def reductions(self) -> Reductions:
        """Ours asks the user's code."""
        return self.ours.reductions

    @reductions.setter
    def reductions(self, shared: Reductions) -> None:
        self.ours.reductions = shared
