# SPDX-License-Identifier: BSD-3-Clause
"""IPython's shell, with its output directed to the library."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from types import TracebackType
from typing import Any, Callable, List, Optional

from IPython.core import page, payloadpage
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from traitlets import Any as AnyTrait
from traitlets import Type

from .base import frame_numbers, frames, process_variables
from .base.connection import Connection, TooLarge
from .base.ipython_names import is_cell
from .directives import magics

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class SessionDisplayHook(DisplayHook):
    """Out[n]: sent as one message when all that belongs to it is known."""

    connection: Connection

    def __call__(self, result: Any = None) -> None:
        measurement = self.shell.measurement
        with contextlib.nullcontext() if measurement is None else measurement.showing():
            super().__call__(result)

    def start_displayhook(self) -> None:
        self._message: dict = {}

    def write_output_prompt(self) -> None:
        self._message["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict: dict, md_dict: Optional[dict] = None) -> None:
        self._message["data"] = format_dict
        self._message["metadata"] = md_dict or {}

    def finish_displayhook(self) -> None:
        if self._message.get("data"):
            content = frames.dump(self._message)
            self.connection.send(frame_numbers.EXECUTE_RESULT, self.connection.cell_of_caller(), content)
        self._message = {}


class SessionDisplayPublisher(DisplayPublisher):
    """display() and clear_output()."""

    connection: Connection

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._hooks: List[Callable[[dict], Optional[dict]]] = []

    def register_hook(self, hook: Callable[[dict], Optional[dict]]) -> None:
        """Call hook(message) with each message of display(), before it is sent. It returns the message, or None: then
        it is not sent."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Callable[[dict], Optional[dict]]) -> bool:
        """Whether it was registered; it is not any more."""
        if hook not in self._hooks:
            return False
        self._hooks.remove(hook)
        return True

    def _through_hooks(self, kind: str, content: dict) -> Optional[dict]:
        message: Optional[dict] = {"header": {"msg_type": kind}, "msg_type": kind, "content": content}
        for hook in list(self._hooks):
            message = hook(message) if message is not None else None
        return None if message is None else message["content"]

    def publish(  # type: ignore[override]
        self,
        data: dict,
        metadata: Optional[dict] = None,
        source: Any = None,
        *,
        transient: Optional[dict] = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        content: dict = {"data": data, "metadata": metadata or {}, "transient": transient or {}}
        kind = frame_numbers.UPDATE_DISPLAY_DATA if update else frame_numbers.DISPLAY_DATA
        if self._hooks:
            sent = self._through_hooks("update_display_data" if update else "display_data", content)
            if sent is None:
                return
            content = sent
        self.connection.send(kind, self.connection.cell_of_caller(), frames.dump(content))

    def clear_output(self, wait: bool = False) -> None:
        self.connection.send(frame_numbers.CLEAR_OUTPUT, self.connection.cell_of_caller(), frames.u32(1 if wait else 0))


class SessionShell(InteractiveShell):
    """The notebook's interpreter."""

    displayhook_class = Type(SessionDisplayHook)
    display_pub_class = Type(SessionDisplayPublisher)
    connection: Connection
    # Around the execution of a cell's statements, while it is measured.
    measurement = AnyTrait(None, allow_none=True)
    last_error: Optional[dict] = None
    interrupted = False
    kernel: Any = None  # what libraries know of it (notebook_kernel.py)

    def get_parent(self) -> dict:
        """The message that the running code is for."""
        return self.kernel.get_parent()

    def set_parent(self, parent: dict) -> None:
        """Have get_parent() return another one."""
        self.kernel.set_parent(None, parent)

    @property
    def parent_header(self) -> dict:
        """The same as get_parent()."""
        return self.kernel.get_parent()

    def init_hooks(self) -> None:
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    def enable_gui(self, gui: Optional[str] = None) -> None:
        """%matplotlib inline asks for no event loop; there is no display for the others."""
        if gui not in (None, "inline", "asyncio"):
            raise NotImplementedError(f"the session has no event loop for {gui!r}; use %matplotlib inline")

    def enable_matplotlib(self, gui: Optional[str] = None) -> Any:
        return super().enable_matplotlib(gui or "inline")

    def ask_exit(self) -> None:
        """exit and quit: the client ends the kernel, or does not."""
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": False})

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """%load, %recall: text for a cell."""
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        ends = kwargs.get("running_compiled_code") or isinstance(sys.exc_info()[1], SystemExit)
        if ends and self.measurement is not None:
            self.measurement.code_has_raised()
        if isinstance(sys.exc_info()[1], KeyboardInterrupt):
            _end_at_users_code(sys.exc_info()[2])
        super().showtraceback(*args, **kwargs)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        try:
            text = str(evalue)
        except Exception as problem:  # users' exceptions may fail to print
            text = f"<the exception's text is not available: {type(problem).__name__}>"
        if self.interrupted and issubclass(etype, asyncio.CancelledError):
            # An interrupt reaches awaiting code as a cancellation; the user pressed Ctrl-C.
            etype, text, stb = KeyboardInterrupt, "", ["KeyboardInterrupt (while awaiting)"]
        content = {"ename": etype.__name__, "evalue": text, "traceback": stb}
        self.last_error = content
        _forget_sources()
        try:
            self.connection.send(frame_numbers.ERROR_OUTPUT, self.connection.cell_of_caller(), frames.dump(content))
        except TooLarge as problem:
            content.update(evalue=str(problem), traceback=[])
            self.connection.send(frame_numbers.ERROR_OUTPUT, self.connection.cell_of_caller(), frames.dump(content))

    async def run_ast_nodes(self, nodelist: Any, cell_name: str, *args: Any, **kwargs: Any) -> Any:
        if self.measurement is None:
            return await super().run_ast_nodes(nodelist, cell_name, *args, **kwargs)
        with self.measurement.recording(cell_name):
            return await super().run_ast_nodes(nodelist, cell_name, *args, **kwargs)

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> bool:
        if self.measurement is not None:
            self.measurement.statement_begins()
        return await super().run_code(code_obj, result, async_=async_)


def _end_at_users_code(trace: Optional[TracebackType]) -> None:
    """Cut off the frames at the end that are ours: where our signal handler raised, or input() waited."""
    last = None
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


def _forget_sources() -> None:
    """IPython's tracebacks read each cell through the package `executing`, which keeps the syntax tree of
    all that it ever read: some 20 KB for each cell that raised, for as long as the notebook lives."""
    executing = sys.modules.get("executing.executing")
    if executing is None:
        return
    for cached in (executing.Source.statements_at_line, executing.statement_containing_node):
        getattr(cached, "cache_clear", lambda: None)()
    pending = [executing.Source]
    while pending:
        source = pending.pop()
        pending += source.__subclasses__()
        # Keys begin with a file name, or with a code object.
        for cache in (source.__dict__.get("__source_cache_with_lines"), source.__dict__.get("__executing_cache")):
            for key in list(cache or ()):
                if is_cell(str(getattr(key[0], "co_filename", key[0]))):
                    del cache[key]


# What much of the ecosystem looks at to find out that it runs in a notebook.
SessionShell.__name__ = "ZMQInteractiveShell"
InteractiveShellABC.register(SessionShell)


def create(connection: Connection, raw_input: Callable, getpass: Callable) -> SessionShell:
    """Make the one shell of this process, whose output goes to the library."""
    import builtins
    import getpass as getpass_module

    from IPython.core.profiledir import ProfileDir, ProfileDirError
    from IPython.paths import get_ipython_dir
    from traitlets.config import Config

    SessionDisplayHook.connection = connection
    SessionDisplayPublisher.connection = connection
    SessionShell.connection = connection
    try:
        profile = ProfileDir.find_profile_dir_by_name(get_ipython_dir(), "default")
    except ProfileDirError:
        profile = ProfileDir.create_profile_dir_by_name(get_ipython_dir(), "default")
    config = Config()
    config.IPKernelApp = Config()  # looked for by libraries that adapt to notebooks, as the name above
    is_runner = os.environ.pop(process_variables.RUNNER, None)
    if is_runner:
        config.HistoryManager.enabled = False  # the session keeps it
    sys.modules["__main__"].__dict__.pop("spk_worker", None)
    # The namespace of the bootstrap is not the user's: IPython makes a new __main__.
    shell = SessionShell.instance(config=config, profile_dir=profile)
    magics.register(shell)
    if is_runner:
        shell.run_cell("pass", store_history=False)  # what IPython imports for its first cell is not the measured one's
    builtins.input = raw_input
    getpass_module.getpass = getpass
    return shell
