# SPDX-License-Identifier: BSD-3-Clause
"""What the session offers to those who work for it: the server has it (server.py)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, List, Protocol

from .connection import Connection


class Session(Protocol):
    """The process that a notebook's cells run in, with its connection to the library."""

    connection: Connection
    shell: Any  # IPython's
    notices: List[str]  # what the user is to know, and is told with the next cell

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that users' tasks run on."""

    def descriptors(self) -> set:
        """The numbers of the descriptors that are the worker's own."""

    def take_over(self, connection: socket.socket, setup: dict) -> None:
        """This process is a forked copy, and the session from now on, or the runner of one cell. setup: as
        WORKER_SETUP has it."""
