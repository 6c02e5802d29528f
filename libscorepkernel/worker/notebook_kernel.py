# SPDX-License-Identifier: BSD-3-Clause
"""What libraries use of ipykernel's kernel object: get_ipython().kernel, and which message the running code is for.

Widgets that capture output name the message whose outputs they want; others ask for the comms, or publish messages of
their own. The sockets are the library's host's: what is sent here goes the way of all output."""

from __future__ import annotations

import collections
import sys
from typing import Any, Dict, List, Optional

from .base import frame_numbers, frames
from .base.connection import Connection

# Under which the host hands on a request's header: SPK_METADATA_HEADER of scorepkernel.h.
HEADER = "scorepkernel_header"
# So many messages are remembered, whose threads may still ask.
_KEPT = 256
_CONTENTS = {
    "display_data": frame_numbers.DISPLAY_DATA,
    "update_display_data": frame_numbers.UPDATE_DISPLAY_DATA,
    "execute_result": frame_numbers.EXECUTE_RESULT,
    "error": frame_numbers.ERROR_OUTPUT,
}


class Parents:
    """The messages for which code runs, by their requests' numbers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._messages: "collections.OrderedDict[int, Dict[str, Any]]" = collections.OrderedDict()

    def begin(self, request: int, content: Dict[str, Any], metadata: Dict[str, Any]) -> None:
        """The code of a request is about to run. Its header is taken out of the metadata."""
        header = metadata.pop(HEADER, None) or {}
        message = {"parent_header": {}, "metadata": metadata, "content": content, "buffers": []}
        message.update(header=header, msg_id=header.get("msg_id", ""), msg_type=header.get("msg_type", ""))
        self._messages[request] = message
        while len(self._messages) > _KEPT:
            self._messages.popitem(last=False)

    def of_caller(self) -> Dict[str, Any]:
        """The message that the calling code runs for; empty where none is known."""
        return self._messages.get(self._connection.cell_of_caller(), {})

    def replace(self, message: Dict[str, Any]) -> None:
        """Have another one known for the calling code."""
        self._messages[self._connection.cell_of_caller()] = message


class Sender:
    """What libraries use of a kernel's session: messages of their own, published under the caller's cell."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, stream: Any, msg_or_type: Any, content: Optional[dict] = None, *_: Any, **more: Any) -> None:
        """Publish a message. stream: where ipykernel would send it, which makes no difference. more: its metadata.
        ValueError: it is of a type that cannot be published from here."""
        if isinstance(msg_or_type, dict):
            content = msg_or_type.get("content")
            msg_or_type = msg_or_type.get("msg_type") or msg_or_type.get("header", {}).get("msg_type")
        content = dict(content or {})
        if msg_or_type == "stream":
            print(content.get("text", ""), end="", file=sys.stderr if content.get("name") == "stderr" else sys.stdout)
        elif msg_or_type == "clear_output":
            wait = frames.u32(1 if content.get("wait") else 0)
            self._connection.send(frame_numbers.CLEAR_OUTPUT, self._connection.cell_of_caller(), wait)
        elif msg_or_type in _CONTENTS:
            whole: dict = {"metadata": {}, "transient": {}, **content}
            self._connection.send(_CONTENTS[msg_or_type], self._connection.cell_of_caller(), frames.dump(whole))
        else:
            raise ValueError(
                f"a message of type {msg_or_type!r} cannot be sent from a cell; stream, clear_output, display_data, "
                "update_display_data, execute_result and error can, and comms have functions of their own"
            )


class NoComms:
    """Stands in for the manager of comms where the package comm is not installed: what is registered hears nothing."""

    def __init__(self) -> None:
        self.targets: Dict[str, Any] = {}
        self.comms: Dict[str, Any] = {}

    def register_target(self, name: str, function: Any) -> None:
        """Take note of who would take comms that clients open."""
        self.targets[name] = function

    def unregister_target(self, name: str, function: Any) -> Any:
        """Forget it."""
        return self.targets.pop(name, None)

    def get_comm(self, comm_id: str) -> Any:
        """None: there is no comm."""
        return None


class NotebookKernel:
    """The kernel, as code in a notebook sees it."""

    implementation = "scorepkernel"
    iopub_socket = iopub_thread = None  # the host has it
    do_one_iteration = None

    def __init__(self, shell: Any, parents: Parents, connection: Connection) -> None:
        self.shell = shell
        self._parents = parents
        self._no_comms = NoComms()
        self.session = Sender(connection)

    @property
    def comm_manager(self) -> Any:
        """The one of the package comm."""
        try:
            import comm
        except ImportError:
            return self._no_comms
        return comm.get_comm_manager()

    @property
    def execution_count(self) -> int:
        """The number of the running cell."""
        return self.shell.execution_count

    def get_parent(self, channel: Optional[str] = None) -> Dict[str, Any]:
        """The message that the running code is for, whatever channel it came on."""
        return self._parents.of_caller()

    def set_parent(self, ident: Any, parent: Dict[str, Any], channel: str = "shell") -> None:
        """Have get_parent() return another message for the running code; its output stays under its own cell."""
        self._parents.replace(parent)

    @property
    def _parent_header(self) -> Dict[str, Any]:
        return self.get_parent()

    def __dir__(self) -> List[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]
