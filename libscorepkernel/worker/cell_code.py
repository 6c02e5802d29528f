# SPDX-License-Identifier: BSD-3-Clause
"""Runs a cell's code as InteractiveShell.run_cell does, but on the loop that is already running."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from .base.connection import Connection
from .base.ipython_names import is_cell
from .measure.cell import Cell


class CellCode:
    """Runs one cell after another in IPython's shell."""

    def __init__(self, connection: Connection, shell: Any) -> None:
        self._connection = connection
        self._shell = shell
        self._takes_cell_id = "cell_id" in inspect.signature(shell.run_cell_async).parameters

    async def run(self, cell: Cell, silent: bool, store_history: bool, metadata: dict) -> None:
        """Run a cell. metadata: of the client's request. Its error is in the shell's last_error then."""
        sh, result = self._shell, None
        transformed = {"transformed_cell": cell.transformed, "preprocessing_exc_tuple": cell.problem}
        extra = {"cell_id": metadata.get("cellId")} if self._takes_cell_id else {}
        coroutine = sh.run_cell_async(
            cell.source,
            store_history=store_history,
            silent=silent,
            **transformed,
            **extra,
        )
        try:
            if sh.should_run_async(cell.source, **transformed):
                result = await self._await(coroutine)
            else:
                result = _drive(coroutine)
        except BaseException as raised:
            if sh.last_error is None:
                sh.showtraceback((type(raised), raised, raised.__traceback__))
        finally:
            sh.events.trigger("post_execute")
            if not silent:
                sh.events.trigger("post_run_cell", result)
            if result is not None and result.success:
                sh.last_error = None  # one that was shown, and got over
            if sh.last_error is None and result is not None and not result.success:
                # Errors that IPython shows in a line of their own (UsageError) or not at all (BdbQuit).
                error = result.error_before_exec or result.error_in_exec
                sh.last_error = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}

    async def _await(self, coroutine: Any) -> Any:
        """A cell with top-level await. An interrupt cancels what it awaits; in code that computes it is raised
        on the spot."""
        task = asyncio.ensure_future(coroutine)

        def on_interrupt(frame: Any) -> bool:
            while frame is not None:
                if is_cell(frame.f_code.co_filename):
                    return False
                frame = frame.f_back
            self._shell.interrupted = True
            task.get_loop().call_soon_threadsafe(task.cancel)
            return True

        self._connection.interrupts.on_interrupt = on_interrupt
        try:
            return await task
        finally:
            self._connection.interrupts.on_interrupt = None


def _drive(coroutine: Any) -> Any:
    """Run a coroutine that awaits nothing that is not ready."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a cell without top-level await waited for something")
