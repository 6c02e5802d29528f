# SPDX-License-Identifier: BSD-3-Clause
"""Comms, the message channels of widgets: the `comm` package's, carried by the library."""

from __future__ import annotations

import json
from typing import Any, Optional

from .base import frame_numbers, frames
from .base.connection import Connection
from .base.frames import Frame
from .notebook_kernel import Parents

_SEND = {
    "comm_open": frame_numbers.FROM_COMM_OPEN,
    "comm_msg": frame_numbers.FROM_COMM_MESSAGE,
    "comm_close": frame_numbers.FROM_COMM_CLOSE,
}
_HANDLED_BY = {
    frame_numbers.TO_COMM_OPEN: "comm_open",
    frame_numbers.TO_COMM_MESSAGE: "comm_msg",
    frame_numbers.TO_COMM_CLOSE: "comm_close",
}


class Comms:
    """Connects the `comm` package, where it is installed, to the library."""

    def __init__(self, connection: Connection, parents: Parents) -> None:
        self._connection = connection
        self._parents = parents
        self._manager: Optional[Any] = None
        # By the frame: what answers it, with how it went and the content of the reply.
        self.handlers = {frame_numbers.COMM_INFO: self._on_info, **dict.fromkeys(_HANDLED_BY, self._on_message)}
        try:
            import comm
            from comm.base_comm import BaseComm
        except ImportError:
            return

        class SessionComm(BaseComm):
            """A comm whose messages go to the client."""

            def publish_msg(  # type: ignore[override]
                self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
            ) -> None:
                content = {"data": data or {}, "comm_id": self.comm_id, **keys}
                raw = [bytes(memoryview(b).cast("B")) for b in buffers or ()]
                described = frames.dump(content), frames.dump(metadata or {})
                connection.send(_SEND[msg_type], connection.cell_of_caller(), *described, *raw)

        comm.create_comm = SessionComm
        self._manager = comm.get_comm_manager()

    async def _on_message(self, frame: Frame) -> tuple:
        content, metadata = json.loads(frame.parts[0]), json.loads(frame.parts[1] or b"{}")
        self._connection.begin_cell(frame.request)
        self._parents.begin(frame.request, content, metadata)
        with self._connection.interrupts.users_code():
            self.handle(frame.kind, content, metadata, frame.parts[2:])
        return frame_numbers.OK, {"status": "ok"}

    async def _on_info(self, frame: Frame) -> tuple:
        """Answer a comm_info_request."""
        target = json.loads(frame.parts[0]).get("target_name")
        return frame_numbers.OK, {"status": "ok", "comms": self.info(target)}

    def handle(self, kind: int, content: dict, metadata: dict, buffers: list) -> None:
        """Give a message from the client to the comm that it is for."""
        if self._manager is None:
            return
        message = {"content": content, "metadata": metadata, "buffers": [memoryview(b) for b in buffers]}
        getattr(self._manager, _HANDLED_BY[kind])(None, None, message)

    def info(self, target: Optional[str]) -> dict:
        """The open comms, by id."""
        comms = {} if self._manager is None else self._manager.comms
        return {
            key: {"target_name": item.target_name}
            for key, item in comms.items()
            if target in (None, "", item.target_name)
        }
