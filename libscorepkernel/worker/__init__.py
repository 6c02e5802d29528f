# SPDX-License-Identifier: BSD-3-Clause
"""The session worker: the process in which a notebook's cells run.

The library starts it in the user's interpreter and speaks to it over one socket (wire/worker_protocol.h). It lives in
somebody's program: it adds nothing to the user's namespace or to sys.path, imports what IPython needs and no
more, and keeps what it depends on (its socket, its copies of the output descriptors) away from the low numbers
that users' code closes.
"""

from __future__ import annotations

import os
import sys


def _restore_environment() -> None:
    """Undo in os.environ what was set for this process's start only: programs that the notebook starts inherit it."""
    from .base import process_variables

    os.environ.pop(process_variables.SUBSYSTEMS, None)
    before = os.environ.pop(process_variables.PRELOAD_BEFORE, None)
    if before:
        os.environ["LD_PRELOAD"] = before
    elif before is not None:
        os.environ.pop("LD_PRELOAD", None)


def main() -> None:
    """Serve the library until it says stop or goes away."""
    package = os.path.dirname(os.path.abspath(__file__))
    has_directory = sys.path[:1] == [""]
    before = {name.partition(".")[0] for name in sys.modules}
    if has_directory:
        del sys.path[0]  # until what is needed has been imported, as files there may have the same names
    from .base import unpatched

    unpatched.take(package)
    _restore_environment()
    from .base import frame_numbers, frames
    from .base.connection import Connection

    sys.argv[:] = [""]
    connection = Connection()
    connection.send(frame_numbers.HELLO, 0, frames.dump(_hello()))
    try:
        from . import server
    except ImportError as problem:
        if problem.name is None or problem.name.split(".")[0] in ("IPython", "traitlets"):
            connection.send(frame_numbers.FAILED, 0, _no_ipython(problem).encode())
            return
        raise
    session = server.Server(connection)
    if has_directory:
        from . import shadowed

        shadowed.put_back(before, session.shell)
    session.run()


def _hello() -> dict:
    """What WORKER_HELLO tells a client of the language before a cell can run."""
    version = sys.version.split()[0]
    return {
        "language_info": {
            "name": "python",
            "version": version,
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": 3},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        },
        "banner": f"Python {version} under the Score-P kernel. "
        "A cell that begins with %%execute_with_scorep is measured.",
    }


def _no_ipython(problem: ImportError) -> str:
    return (
        f"This Python ({sys.executable}, version {sys.version.split()[0]}) cannot import IPython, which the kernel "
        f"needs: {problem}.\nInstall it with\n\n    {sys.executable} -m pip install ipython\n\n"
        "or point the kernel at another Python: scorepkernel install --python PATH"
    )
