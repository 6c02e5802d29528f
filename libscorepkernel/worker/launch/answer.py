# SPDX-License-Identifier: BSD-3-Clause
"""What the process of a launched cell answers, by the frame WORKER_RETURN: read here, once."""

from __future__ import annotations

import json
from typing import Any, List, NamedTuple, Optional

from ..base import frame_numbers
from ..base.frames import Frame


class Answer(NamedTuple):
    """How the cell ended in the other process, and what came with that."""

    outcome: int  # OK, ERROR or ABORTED, as of any request
    ending: int  # what became of the process: REPLIED, INTERRUPTED, ENDED or NOT_STARTED
    descriptor: Optional[int]  # of the file with the variables that come back; its taker closes it
    frame: Frame

    @property
    def has_replied(self) -> bool:
        """Whether there is a reply of the process itself."""
        return self.ending == frame_numbers.REPLIED

    @property
    def could_not_begin(self) -> bool:
        """Whether the process ended before the cell had begun, by itself, so that another way to start it may help."""
        ended = self.ending in (frame_numbers.ENDED, frame_numbers.NOT_STARTED)
        return ended and self.outcome == frame_numbers.ABORTED

    @property
    def content(self) -> dict:
        """Of a reply: its content."""
        return json.loads(self.frame.parts[1])

    @property
    def measurement(self) -> Any:
        """Of a reply: what was measured; of ranks a list, with None for each that measured nothing."""
        return json.loads(self.frame.parts[2] or b"null")

    @property
    def changes(self) -> dict:
        """Of a reply: what the other process says of the file with the variables."""
        return json.loads(self.frame.parts[3] or b"{}")

    def content_of_end(self, notes: List[str]) -> dict:
        """The content of the cell's reply where the process has not replied. notes: what else the user is to know, such
        as variables that were not there, which may be why it ended."""
        text = self.frame.parts[2].decode("utf-8", "replace").rstrip(".")
        if self.ending == frame_numbers.INTERRUPTED:
            name = KeyboardInterrupt.__name__
            return {"status": "error", "ename": name, "evalue": "", "traceback": [name, *notes]}
        if self.ending == frame_numbers.NOT_STARTED:
            said = f"The cell was not run: {text}. The session's variables are as before."
        elif self.outcome == frame_numbers.ABORTED:
            said = f"The cell was not run: the process for it {text}. The session's variables are as before."
        else:
            said = f"The cell ended the process that it ran in, which {text}. The session's variables are as before it."
        said = "\n".join([said, *notes])
        return {"status": "error", "ename": "LaunchedProcessEnded", "evalue": said, "traceback": [said]}


def read(frame: Frame, descriptor: Optional[int]) -> Answer:
    """Read a WORKER_RETURN, with the descriptor that came along."""
    outcome, ending = (int.from_bytes(frame.parts[part], "little") for part in (0, 4))
    return Answer(outcome, ending, descriptor, frame)
